import type { EndpointSlice, Labels, Pod, Service } from '../resources/objects.ts';
import type { PodRole } from './pod-plan.ts';

/** State of a pod, for `meshmock istio status`. */
export interface PodStatus {
  readonly name: string;
  readonly namespace: string;
  /** Service name with which the pod's mock answers. */
  readonly service: string;
  readonly version: string;
  readonly address: string;
  readonly role: PodRole;
  readonly hasSidecar: boolean;
  /** Ports on which the mock accepts HTTP. */
  readonly http: readonly number[];
  /** Ports on which the mock accepts gRPC. */
  readonly grpc: readonly number[];
  /** Ports on which the mock accepts TCP. */
  readonly tcp: readonly number[];
}

/** Progress of a start or a change: the number of pods, and how many of them are ready. */
export interface PodProgress {
  readonly pods: number;
  readonly ready: number;
}

/** Counters of a pod's proxy, in Prometheus' text format. */
export interface PodStats {
  /** Name of the pod, as `NAMESPACE/NAME`. */
  readonly pod: string;
  readonly stats: string;
}

/** Pod with a proxy, and the file that has the configuration of its Envoy. */
export interface ProxyDump {
  readonly name: string;
  readonly namespace: string;
  /** Name of the workload that the pod belongs to. */
  readonly workload: string;
  readonly role: PodRole;
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly address: string;
  /** Path of a JSON file with Envoy's answer to `/config_dump`; undefined for a pod without a proxy, or one that was not wanted. */
  readonly file: string | undefined;
}

/** Objects that receive requests, with those that the local mesh added. */
export interface MeshObjects {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly pods: readonly Pod[];
}

/** Readiness of the mocks of a service. */
export interface ReadinessChange {
  /** Name of a Service, or the service name with which mocks answer. */
  readonly service: string;
  /** Namespace of a name without one; `default` if not given. */
  readonly namespace?: string;
  readonly isReady: boolean;
}

/** Directives that the mocks of a service apply to every request. */
export interface BehaviourChange {
  /** Name of a Service, or the service name with which mocks answer. */
  readonly service: string;
  /** Namespace of a name without one; `default` if not given. */
  readonly namespace?: string;
  /** Directives such as `/~delay=1s`. If not given, the behaviour of the manifests applies again. */
  readonly directives?: string;
}
