import type { Kind, Kinds } from './api/kinds.ts';
import type { Store } from './api/store.ts';
import type { DataKind } from './container-env.ts';
import { type KubeObject, type Labels, type Service, type Workload, workloadKinds } from './objects.ts';

/** Typed access to the objects in the store. */
export class ClusterView {
  readonly store: Store;
  readonly kinds: Kinds;

  constructor(store: Store, kinds: Kinds) {
    this.store = store;
    this.kinds = kinds;
  }

  /**
   * Returns the kind of an object.
   *
   * @throws Error if neither the built-in kinds nor the CRDs include it
   */
  kindOf(object: Pick<KubeObject, 'apiVersion' | 'kind'>): Kind {
    const kind = this.kinds.of(object);
    if (kind === undefined) throw new Error(`unknown kind ${object.kind} of ${object.apiVersion}`);
    return kind;
  }

  list<T extends KubeObject>(apiVersion: string, kind: string): T[] {
    return this.store.list<T>(this.kindOf({ apiVersion, kind }));
  }

  get services(): Service[] {
    return this.list<Service>('v1', 'Service');
  }

  get workloads(): Workload[] {
    return workloadKinds.flatMap((kind) => this.list<Workload>('apps/v1', kind));
  }

  /** Returns the objects of Istio and the Gateway API that are of the given kinds. */
  config(kinds: readonly string[]): KubeObject[] {
    const versions = ['networking.istio.io/v1', 'gateway.networking.k8s.io/v1'];
    const known = versions.flatMap((apiVersion) => kinds.map((kind) => this.kinds.of({ apiVersion, kind })));
    return known.filter((kind) => kind !== undefined).flatMap((kind) => this.store.list(kind));
  }

  namespaceLabels(name: string): Labels {
    const kind = this.kindOf({ apiVersion: 'v1', kind: 'Namespace' });
    return this.store.get(kind, undefined, name)?.metadata.labels ?? {};
  }

  /**
   * Returns the values of a ConfigMap or Secret, as variables of containers read them.
   *
   * @returns undefined if the object does not exist
   */
  data(kind: DataKind, namespace: string, name: string): Labels | undefined {
    const object = this.store.get(this.kindOf({ apiVersion: 'v1', kind }), namespace, name);
    if (object === undefined) return undefined;
    const { data = {}, stringData = {} } = object as { data?: Labels; stringData?: Labels };
    if (kind === 'ConfigMap') return data;
    const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
    return { ...Object.fromEntries(decoded), ...stringData };
  }

  /** Returns the stored object with the same kind and name. */
  stored({ apiVersion, kind, metadata }: KubeObject): KubeObject | undefined {
    return this.store.get(this.kindOf({ apiVersion, kind }), metadata.namespace, metadata.name);
  }

  /**
   * Removes an object from the store.
   *
   * @returns whether the object existed
   */
  remove({ apiVersion, kind, metadata }: KubeObject): boolean {
    return this.store.remove(this.kindOf({ apiVersion, kind }), metadata.namespace, metadata.name);
  }
}

/** Returns a key that is the same for objects of the same kind, namespace and name. */
export function objectKey({ apiVersion, kind, metadata }: KubeObject): string {
  return [apiVersion, kind, metadata.namespace, metadata.name].join(' ');
}
