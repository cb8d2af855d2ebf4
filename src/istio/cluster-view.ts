import type { Kind, Kinds } from './api/kinds.ts';
import type { Store } from './api/store.ts';
import type { DataKind } from './container-env.ts';
import { type KubeObject, type Labels, type Service, type Workload, workloadKinds } from './objects.ts';

/** The objects of the API, as those look at them who act upon them. */
export class ClusterView {
  readonly store: Store;
  readonly kinds: Kinds;

  constructor(store: Store, kinds: Kinds) {
    this.store = store;
    this.kinds = kinds;
  }

  /** A kind that is known to be there: a built-in one, or one of the CRDs. */
  kindOf(object: Pick<KubeObject, 'apiVersion' | 'kind'>): Kind {
    const kind = this.kinds.of(object);
    if (kind === undefined) throw new Error(`${object.kind} of ${object.apiVersion} is no kind`);
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

  /** Objects of Istio and Gateway API of some kinds. */
  config(kinds: readonly string[]): KubeObject[] {
    const versions = ['networking.istio.io/v1', 'gateway.networking.k8s.io/v1'];
    const known = versions.flatMap((apiVersion) => kinds.map((kind) => this.kinds.of({ apiVersion, kind })));
    return known.filter((kind) => kind !== undefined).flatMap((kind) => this.store.list(kind));
  }

  namespaceLabels(name: string): Labels {
    const kind = this.kindOf({ apiVersion: 'v1', kind: 'Namespace' });
    return this.store.get(kind, undefined, name)?.metadata.labels ?? {};
  }

  /** What a ConfigMap or Secret holds, as variables of containers read it; undefined when there is none. */
  data(kind: DataKind, namespace: string, name: string): Labels | undefined {
    const object = this.store.get(this.kindOf({ apiVersion: 'v1', kind }), namespace, name);
    if (object === undefined) return undefined;
    const { data = {}, stringData = {} } = object as { data?: Labels; stringData?: Labels };
    if (kind === 'ConfigMap') return data;
    const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
    return { ...Object.fromEntries(decoded), ...stringData };
  }

  /** An object as it is now. */
  now({ apiVersion, kind, metadata }: KubeObject): KubeObject | undefined {
    return this.store.get(this.kindOf({ apiVersion, kind }), metadata.namespace, metadata.name);
  }

  /** Whether it was there. */
  remove({ apiVersion, kind, metadata }: KubeObject): boolean {
    return this.store.remove(this.kindOf({ apiVersion, kind }), metadata.namespace, metadata.name);
  }
}

/** Tells objects apart, whatever they hold. */
export function keyOf({ apiVersion, kind, metadata }: KubeObject): string {
  return [apiVersion, kind, metadata.namespace, metadata.name].join(' ');
}
