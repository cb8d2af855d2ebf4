import type { AppliedObject } from '../apply/apply-all.ts';
import type { KindRef } from '../kube-api/kinds.ts';
import type { CacheEvent, ObjectCache } from '../kube-api/object-cache.ts';
import {
  gatewayOfIngress,
  type Ingress,
  type IngressClass,
  type IngressContext,
  ingressService,
  ingressSettings,
} from '../resources/ingresses.ts';
import {
  type DataKind,
  type EndpointSlice,
  type KubeObject,
  type Labels,
  type Pod,
  type Service,
  type Workload,
  workloadKinds,
} from '../resources/objects.ts';

const core = (kind: string): KindRef => ({ apiVersion: 'v1', kind });
const slices = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' };
const ingressApi = 'networking.k8s.io/v1';
const gatewayApi = 'gateway.networking.k8s.io/v1';

/** Kinds of Istio and the Gateway API that are read, each with its version. */
const configKinds: readonly KindRef[] = [
  ...['VirtualService', 'DestinationRule', 'ServiceEntry', 'Gateway'].map((kind) => ({
    apiVersion: 'networking.istio.io/v1',
    kind,
  })),
  ...['Gateway', 'HTTPRoute', 'GRPCRoute'].map((kind) => ({ apiVersion: gatewayApi, kind })),
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'TLSRoute' },
  { apiVersion: 'gateway.networking.k8s.io/v1alpha2', kind: 'TCPRoute' },
];

/** Kinds that a view reads. */
export const viewKinds: readonly KindRef[] = [
  ...['Namespace', 'Service', 'Pod', 'ConfigMap', 'Secret', 'ServiceAccount'].map(core),
  slices,
  ...workloadKinds.map((kind) => ({ apiVersion: 'apps/v1', kind })),
  { apiVersion: ingressApi, kind: 'Ingress' },
  { apiVersion: ingressApi, kind: 'IngressClass' },
  ...configKinds,
];

/** Typed access to the objects of the API. */
export class ClusterView {
  private readonly cache: ObjectCache;
  /** Places of applied objects by `objectKey`. */
  private readonly order = new Map<string, number>();
  /** List of the cache that `sortedServices` has in order. */
  private listedServices: readonly Service[] = [];
  private sortedServices: readonly Service[] = [];
  /** Text of the mesh configuration, and the fields that were read from it. */
  private meshText = '';
  private settings: IngressContext['settings'] = {};

  constructor(cache: ObjectCache) {
    this.cache = cache;
  }

  list<T extends KubeObject>(kind: KindRef): readonly T[] {
    return this.cache.has(kind) ? this.cache.all<T>(kind) : [];
  }

  /** Services in the order of the manifests, and then all others. It is the same list until one of them changes. */
  get services(): readonly Service[] {
    const listed = this.list<Service>(core('Service'));
    if (listed === this.listedServices) return this.sortedServices;
    const rankOf = (service: Service): number => this.order.get(objectKey(service)) ?? this.order.size;
    const ranked = listed.map((service) => ({ service, rank: rankOf(service) }));
    this.listedServices = listed;
    this.sortedServices = ranked.toSorted((one, other) => one.rank - other.rank).map(({ service }) => service);
    return this.sortedServices;
  }

  get accounts(): readonly KubeObject[] {
    return this.list(core('ServiceAccount'));
  }

  /** Takes over the order of applied objects. Objects that are known already keep their place. */
  keepOrder(objects: readonly KubeObject[]): void {
    for (const key of objects.map(objectKey)) if (!this.order.has(key)) this.order.set(key, this.order.size);
    this.listedServices = [];
  }

  get pods(): readonly Pod[] {
    return this.list<Pod>(core('Pod'));
  }

  get slices(): readonly EndpointSlice[] {
    return this.list<EndpointSlice>(slices);
  }

  get namespaces(): readonly KubeObject[] {
    return this.list(core('Namespace'));
  }

  get workloads(): readonly Workload[] {
    return workloadKinds.flatMap((kind) => this.list<Workload>({ apiVersion: 'apps/v1', kind }));
  }

  /** Gateways of the Gateway API. */
  get apiGateways(): readonly KubeObject[] {
    return this.list({ apiVersion: gatewayApi, kind: 'Gateway' });
  }

  /**
   * Returns the objects of Istio and the Gateway API that are of the given kinds. Gateways include those that istiod makes
   * of Ingresses.
   */
  config(kinds: readonly string[]): KubeObject[] {
    const stored = configKinds.filter(({ kind }) => kinds.includes(kind)).flatMap((kind) => this.list(kind));
    if (!kinds.includes('Gateway')) return stored;
    const context = this.ingressContext;
    return [...stored, ...this.ingresses.map((ingress) => gatewayOfIngress(ingress, context))];
  }

  /** Ingresses that istiod serves. */
  get ingresses(): readonly Ingress[] {
    const context = this.ingressContext;
    const all = this.list<Ingress>({ apiVersion: ingressApi, kind: 'Ingress' });
    return all.filter((ingress) => ingressService(ingress, context).kind === 'served');
  }

  /** Facts that decide which Ingresses istiod serves. */
  get ingressContext(): IngressContext {
    const classes = this.list<IngressClass>({ apiVersion: ingressApi, kind: 'IngressClass' });
    const text = this.data('ConfigMap', 'istio-system', 'istio')?.mesh ?? '';
    if (text !== this.meshText) this.settings = ingressSettings(text);
    this.meshText = text;
    return { classes, settings: this.settings };
  }

  /**
   * Returns the values of a ConfigMap or Secret, as variables of containers read them.
   *
   * @returns undefined if the object does not exist
   */
  data(kind: DataKind, namespace: string, name: string): Labels | undefined {
    const files = this.files(kind, namespace, name);
    if (files === undefined) return undefined;
    return Object.fromEntries(Object.entries(files).map(([key, value]) => [key, value.toString()]));
  }

  /**
   * Returns the values of a ConfigMap or Secret, as files of volumes contain them.
   *
   * @returns undefined if the object does not exist
   */
  files(kind: DataKind, namespace: string, name: string): Readonly<Record<string, string | Buffer>> | undefined {
    const object = this.cache.get<DataObject>({ ...core(kind), metadata: { namespace, name } });
    if (object === undefined) return undefined;
    const { data = {}, binaryData = {} } = object;
    const decoded = (values: Labels): [string, Buffer][] =>
      Object.entries(values).map(([key, value]) => [key, Buffer.from(value, 'base64')]);
    return kind === 'Secret'
      ? Object.fromEntries(decoded(data))
      : { ...data, ...Object.fromEntries(decoded(binaryData)) };
  }

  /** Returns the object of the API with the same kind and name. */
  stored({ apiVersion, kind, metadata }: KubeObject): KubeObject | undefined {
    const ref = { apiVersion, kind, metadata };
    return this.cache.has(ref) ? this.cache.get(ref) : undefined;
  }

  /** Reports whether the view contains a change. Changes of kinds that it does not read count as seen. */
  hasSeen({ object, change }: Pick<AppliedObject, 'object' | 'change'>): boolean {
    if (!this.cache.has(object)) return true;
    const stored = this.cache.get(object);
    if (change === 'not found') return true;
    if (change === 'deleted') return stored?.metadata.uid !== object.metadata.uid;
    return stored !== undefined && Number(stored.metadata.resourceVersion) >= Number(object.metadata.resourceVersion);
  }

  /** Reports whether the view contains the revert of a change. */
  hasSeenRevert({ object, change }: Pick<AppliedObject, 'object' | 'change'>): boolean {
    if (change === 'unchanged' || !this.cache.has(object)) return true;
    const stored = this.cache.get(object);
    return change === 'created'
      ? stored?.metadata.uid !== object.metadata.uid
      : stored?.metadata.resourceVersion !== object.metadata.resourceVersion;
  }

  /** Calls a function after each change of an object of these kinds. */
  onChange(kinds: readonly string[], listener: () => void): void {
    this.cache.onChange(({ object }) => {
      if (kinds.includes(object.kind)) listener();
    });
  }

  /**
   * Calls a function for each change of an object of any kind that the view reads.
   *
   * @returns a function that ends the calls
   */
  follow(listener: (event: CacheEvent) => void): () => void {
    return this.cache.onChange(listener);
  }

  /** Waits until the view contains all that the API server has, also what another program has just written. */
  catchUp(signal: AbortSignal): Promise<void> {
    return this.cache.catchUp(signal);
  }

  /** Waits until a condition about the objects or the node holds. It is tried after each change. */
  waitUntil(holds: () => boolean, signal: AbortSignal): Promise<void> {
    return this.cache.waitUntil(holds, signal);
  }

  /** Tries the conditions of all waits again, after a change of the node that no object shows. */
  checkAgain(): void {
    this.cache.checkAgain();
  }
}

interface DataObject extends KubeObject {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

/** Returns a key that is the same for objects of the same kind, namespace and name. */
export function objectKey({ apiVersion, kind, metadata }: KubeObject): string {
  return [apiVersion, kind, metadata.namespace, metadata.name].join(' ');
}
