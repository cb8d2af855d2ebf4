import { applyObject } from '../apply/apply-object.ts';
import { meshObjects } from '../control-plane/mesh-objects.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import type { KubeObject } from '../resources/objects.ts';
import type { MeshConfiguration } from './mesh-configuration.ts';

/** Objects that the local mesh itself has in the root namespace of the mesh configuration. */
export class OwnObjects {
  private readonly client: KubeClient;
  private readonly configuration: MeshConfiguration;
  /** Namespace in which they are. */
  private namespace: string | undefined;

  constructor(client: KubeClient, configuration: MeshConfiguration) {
    this.client = client;
    this.configuration = configuration;
  }

  /** Moves the objects if the mesh configuration names another namespace. */
  async follow(signal: AbortSignal): Promise<void> {
    if (this.configuration.rootNamespace !== this.namespace) await this.restore(signal);
  }

  /** Creates the objects that do not exist: at the start, and after a user deletes one of the same name. */
  async restore(signal: AbortSignal): Promise<void> {
    const { client, namespace: former } = this;
    const { rootNamespace } = this.configuration;
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: rootNamespace } };
    const isMissing = async (object: KubeObject): Promise<boolean> => (await client.get(object, signal)) === undefined;
    if (await isMissing(namespace)) await client.create(namespace, {}, signal);
    for (const object of meshObjects(rootNamespace))
      if (await isMissing(object)) await applyObject(client, object, signal);
    const isFormer = former !== undefined && former !== rootNamespace;
    for (const object of isFormer ? meshObjects(former) : []) await client.delete(object, {}, signal);
    this.namespace = rootNamespace;
  }
}
