import type { RefusedRequest } from '../observe/refused-requests.ts';
import type { RetrySeries, SentSeries, TrafficSeries } from '../observe/traffic-series.ts';
import type { ManifestSource } from '../resources/manifest.ts';
import type { KubeObject, Labels } from '../resources/objects.ts';

/** Request for what is new in a mesh, for its page. */
export interface ObserveRequest {
  /** Number of the last change that the caller knows; 0 for none. */
  readonly afterChange: number;
  /** Version of the objects that the caller knows. */
  readonly objectsVersion: number;
}

/** A mesh at one time. */
export interface Observation {
  readonly atMs: number;
  /** Time since which requests are counted without a pause; absent if they always are. */
  readonly countedSinceMs?: number;
  /** Namespace whose objects apply to the whole mesh. */
  readonly rootNamespace: string;
  readonly pods: readonly ObservedPod[];
  readonly services: readonly ObservedService[];
  readonly traffic: readonly PodTraffic[];
  /** Requests that proxies refused since the observation before. */
  readonly refusals: readonly PodRefusal[];
  readonly objectsVersion: number;
  /** Objects of Istio and the Gateway API; absent if they are as the caller knows them. */
  readonly objects?: readonly ObservedObject[];
  readonly changes: readonly RecordedChange[];
}

export interface ObservedPod {
  readonly name: string;
  readonly namespace: string;
  readonly workload: string;
  /** Service name with which the pod's mock answers. */
  readonly service: string;
  readonly version: string;
  readonly address: string;
  readonly role: 'mock' | 'gateway';
  readonly hasSidecar: boolean;
  readonly isReady: boolean;
  readonly serviceAccount: string;
  readonly labels: Labels;
  /** True for a pod that answers for hosts outside the mesh. */
  readonly isOutside: boolean;
}

export interface ObservedService {
  readonly name: string;
  readonly namespace: string;
  readonly selector?: Labels;
}

/** Counters of the proxy of a pod. */
export interface PodTraffic {
  /** `NAMESPACE/NAME`. */
  readonly pod: string;
  readonly series: readonly TrafficSeries[];
  readonly retries: readonly RetrySeries[];
  /** Absent if the proxy does not count them. */
  readonly sent?: readonly SentSeries[];
}

export interface PodRefusal {
  /** Pod whose proxy refused, as `NAMESPACE/NAME`. */
  readonly pod: string;
  readonly refused: RefusedRequest;
  /** Pods whose proxies sent a request with the same id, and Envoy's clusters to which they sent it. */
  readonly senders?: readonly { readonly pod: string; readonly cluster: string }[];
}

/** Object as it is in the API, without fields of the API server. */
export interface ObservedObject {
  readonly object: KubeObject;
  /** Time of the last change, in milliseconds since the epoch. */
  readonly changedMs: number;
  /** Manifests from which meshmock applied the object. */
  readonly source?: ManifestSource;
}

/** Objects that were changed together. */
export interface RecordedChange {
  readonly number: number;
  readonly atMs: number;
  readonly by: 'start' | 'apply' | 'delete' | 'other' | 'refused';
  /** Reason for which the change was reverted. */
  readonly reason?: string;
  readonly objects: readonly RecordedObject[];
  /** Number of further objects. */
  readonly more: number;
  /** Manifests from which meshmock applied the objects; absent if there are none. */
  readonly sources?: readonly ManifestSource[];
}

/** Object before and after a change. The old one is not known of changes before the page was opened. */
export interface RecordedObject {
  readonly change: 'created' | 'changed' | 'deleted';
  readonly before?: KubeObject;
  readonly after?: KubeObject;
  /** Index of the object's manifests in the sources of its change. */
  readonly source?: number;
}
