/** Any Kubernetes object. Code that knows its kind reads the spec, after the schema has been checked. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
  [field: string]: unknown;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  ownerReferences?: readonly OwnerReference[];
  [field: string]: unknown;
}

/** Reference to the object that an object was made from. */
export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

export type Labels = Readonly<Record<string, string>>;

export interface Service extends KubeObject {
  spec: {
    type?: string;
    clusterIP?: string;
    clusterIPs?: string[];
    selector?: Record<string, string>;
    externalName?: string;
    ports?: ServicePort[];
    [field: string]: unknown;
  };
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] }; [field: string]: unknown };
}

export interface ServicePort {
  name?: string;
  port: number;
  targetPort?: number | string;
  nodePort?: number;
  protocol?: string;
  appProtocol?: string;
}

export interface EndpointSlice extends KubeObject {
  addressType: string;
  endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly conditions?: { readonly ready?: boolean | null; readonly terminating?: boolean | null };
    readonly hostname?: string | null;
  }[];
  ports?: readonly object[] | null;
}

export interface ContainerPort {
  name?: string;
  containerPort: number;
  protocol?: string;
}

export interface Container {
  name: string;
  image?: string;
  command?: readonly string[];
  args?: readonly string[];
  ports?: readonly ContainerPort[];
  env?: EnvVar[];
  resources?: { limits?: Quantities; requests?: Quantities };
  volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  securityContext?: { runAsUser?: number };
  /** `Always` makes an init container a sidecar (Kubernetes, "Sidecar Containers"). */
  restartPolicy?: string;
  envFrom?: { prefix?: string; configMapRef?: Reference; secretRef?: Reference }[];
}

/** Amounts of resources by name, such as `cpu: 100m`. */
export type Quantities = Readonly<Record<string, string | number>>;

export interface EnvVar {
  name: string;
  /** Null if the YAML has no value after the colon. */
  value?: string | null;
  valueFrom?: {
    fieldRef?: { fieldPath: string };
    configMapKeyRef?: KeyReference;
    secretKeyRef?: KeyReference;
    resourceFieldRef?: { resource: string; divisor?: string; containerName?: string };
  };
}

/** Kinds of objects with the data of configurations. */
export type DataKind = 'ConfigMap' | 'Secret';

/** Reference to a ConfigMap or Secret. */
export interface Reference {
  name: string;
  optional?: boolean;
}

export interface KeyReference extends Reference {
  key: string;
}

export interface PodSpec {
  serviceAccountName?: string;
  /** True if the pod has the network of its node; then Istio injects no sidecar. */
  hostNetwork?: boolean;
  /** Older name of `serviceAccountName`. */
  serviceAccount?: string;
  nodeName?: string;
  securityContext?: { runAsUser?: number };
  hostname?: string;
  subdomain?: string;
  dnsPolicy?: string;
  dnsConfig?: {
    nameservers?: string[];
    searches?: string[];
    options?: { name?: string; value?: string }[];
  };
  hostAliases?: { ip: string; hostnames?: string[] }[];
  containers: readonly Container[];
  initContainers?: readonly Container[];
  volumes?: readonly Volume[];
}

/** Source of the files of a volume, or of a part of a projected volume. */
export interface VolumeSource {
  readonly configMap?: FileSelection;
  readonly secret?: FileSelection;
  readonly downwardAPI?: {
    readonly items?: readonly { readonly path: string; readonly fieldRef?: { readonly fieldPath: string } }[];
  };
  readonly serviceAccountToken?: {
    readonly audience?: string;
    readonly expirationSeconds?: number;
    readonly path: string;
  };
}

/** Selection of the files of a ConfigMap (`name`) or Secret (`secretName`; in projected volumes `name`). */
interface FileSelection {
  readonly name?: string;
  readonly secretName?: string;
  readonly optional?: boolean;
  readonly items?: readonly { readonly key: string; readonly path: string }[];
}

export interface Volume extends VolumeSource {
  readonly name: string;
  readonly projected?: { readonly sources?: readonly VolumeSource[] };
}

export interface Pod extends KubeObject {
  spec: PodSpec;
  status?: { phase?: string; podIP?: string; [field: string]: unknown };
}

/** The kinds of objects from which the local mesh makes pods. */
export const workloadKinds: readonly string[] = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'];

/** An object of one of the `workloadKinds`: a template of pods, and the number of pods to run. */
export interface Workload extends KubeObject {
  spec: {
    replicas?: number;
    selector: { matchLabels?: Record<string, string> };
    template: { metadata?: Partial<ObjectMeta>; spec: PodSpec };
    /** Governing Service of a StatefulSet. */
    serviceName?: string;
    volumeClaimTemplates?: { metadata: { name: string } }[];
  };
}

/** Reports whether the local mesh makes pods from an object. */
export function isWorkload(object: KubeObject): object is Workload {
  return groupOf(object) === 'apps' && workloadKinds.includes(object.kind);
}

/** Reports whether an object is a workload with a number of replicas. A DaemonSet has none. */
export function isScalable(object: KubeObject): object is Workload {
  return isWorkload(object) && object.kind !== 'DaemonSet';
}

/** Returns the namespace of an object: `default` if the object names none. */
export function namespaceOf({ metadata }: Pick<KubeObject, 'metadata'>): string {
  return metadata.namespace ?? 'default';
}

/** Reports whether an object is being deleted. */
export function isTerminating({ metadata }: Pick<KubeObject, 'metadata'>): boolean {
  return metadata.deletionTimestamp !== undefined;
}

export function isService(object: KubeObject): object is Service {
  return object.apiVersion === 'v1' && object.kind === 'Service';
}

/** Returns the API group of an object. The core group is the empty text. */
export function groupOf({ apiVersion }: Pick<KubeObject, 'apiVersion'>): string {
  return apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
}

/** Returns the name of an object as kubectl prints it, such as `virtualservice.networking.istio.io/reviews`. */
export function kubectlName(object: KubeObject): string {
  const group = groupOf(object);
  return `${object.kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${object.metadata.name}`;
}

/** Reports whether a selector matches labels. As in a Service, an empty selector matches nothing. */
export function selects(selector: Labels | undefined, labels: Labels | undefined): boolean {
  const wanted = Object.entries(selector ?? {});
  return wanted.length > 0 && wanted.every(([name, value]) => labels?.[name] === value);
}

/** Returns the Services of a namespace that select pods with these labels. */
export function servicesSelecting(services: readonly Service[], namespace: string, labels: Labels): Service[] {
  return services.filter((service) => namespaceOf(service) === namespace && selects(service.spec.selector, labels));
}
