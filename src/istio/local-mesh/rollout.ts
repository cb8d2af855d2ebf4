import { failsProbe } from '../node/pod-status-object.ts';
import { readyAddresses } from '../resources/endpoint-slices.ts';
import {
  type EndpointSlice,
  type KubeObject,
  kubectlName,
  type OwnerReference,
  type Pod,
  type Service,
  selects,
  type Workload,
} from '../resources/objects.ts';

/** Objects that decide whether a mesh has settled. */
export interface RolloutObjects {
  readonly workloads: readonly Workload[];
  readonly pods: readonly Pod[];
  readonly services: readonly Service[];
  readonly accounts: readonly KubeObject[];
  readonly slices: readonly EndpointSlice[];
  /** Gateways of the Gateway API. */
  readonly gateways: readonly KubeObject[];
}

interface WorkloadStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly updatedReplicas?: number;
  readonly desiredNumberScheduled?: number;
  readonly updatedNumberScheduled?: number;
  readonly numberReady?: number;
  readonly conditions?: readonly Condition[];
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
  readonly observedGeneration?: number;
}

/**
 * Returns what a rollout still waits for, as lines of text; none if the pods of all workloads are ready, and all
 * endpoints and gateways are those of the current objects.
 */
export function pendingRollout(objects: RolloutObjects): string[] {
  const { workloads, services, gateways } = objects;
  const isRolled = (workload: Workload): boolean => isRolledOut(workload, failedProbesOf(workload, objects.pods));
  return [
    ...workloads.filter((one) => !isRolled(one)).map((one) => `${kubectlName(one)} is not rolled out`),
    ...services
      .filter((service) => !hasCurrentEndpoints(service, objects))
      .map((service) => `${kubectlName(service)} waits for its endpoints`),
    ...gateways
      .filter((gateway) => !isDeployed(gateway, objects))
      .map((gateway) => `${kubectlName(gateway)} is not deployed`),
    ...orphansOf(objects).map((one) => `${kubectlName(one)} is not removed with its Gateway`),
  ];
}

/** Returns what istiod has made for Gateways that are gone. The garbage collector of the API server's objects removes it. */
function orphansOf({ workloads, services, accounts, gateways }: RolloutObjects): KubeObject[] {
  const isGone = ({ kind, uid }: OwnerReference): boolean =>
    kind === 'Gateway' && !gateways.some((gateway) => gateway.metadata.uid === uid);
  return [...workloads, ...services, ...accounts].filter(({ metadata }) => metadata.ownerReferences?.some(isGone));
}

/**
 * Returns the reasons for which controllers cannot make the pods of workloads. A missing account is not one: the local
 * mesh adds it.
 */
export function failedWorkloads(workloads: readonly Workload[]): string[] {
  return workloads.flatMap((workload) =>
    (statusOf(workload).conditions ?? [])
      .filter(({ type, status }) => type === 'ReplicaFailure' && status === 'True')
      .filter(({ message = '' }) => !/serviceaccount "[^"]*" not found/.test(message))
      .map(
        ({ message = '' }) => `${kubectlName(workload)}: its pods are not made: ${message}${securityAdvice(message)}`,
      ),
  );
}

/** Returns advice about pods that their namespace refuses because of what Istio injects. */
function securityAdvice(message: string): string {
  return message.includes('violates PodSecurity') && message.includes('"istio-init"')
    ? ". An installation with Istio's CNI plugin needs no istio-init: see --istio-values"
    : '';
}

function statusOf({ status }: KubeObject): WorkloadStatus {
  return (status ?? {}) as WorkloadStatus;
}

/** Returns the number of the pods of a workload whose readiness probes are made to fail. */
function failedProbesOf({ metadata, spec }: Workload, pods: readonly Pod[]): number {
  return pods.filter(
    (pod) =>
      pod.metadata.namespace === metadata.namespace &&
      selects(spec.selector.matchLabels, pod.metadata.labels) &&
      failsProbe(pod),
  ).length;
}

/** @param failedProbes number of its pods whose readiness probes are made to fail */
function isRolledOut(workload: Workload, failedProbes: number): boolean {
  const status = statusOf(workload);
  if ((status.observedGeneration ?? 0) < (workload.metadata.generation ?? 1)) return false;
  if (workload.kind === 'DaemonSet') {
    const { desiredNumberScheduled = 0, updatedNumberScheduled = 0, numberReady = 0 } = status;
    return updatedNumberScheduled === desiredNumberScheduled && numberReady === desiredNumberScheduled - failedProbes;
  }
  const { replicas: wanted = 1 } = workload.spec;
  const { replicas = 0, readyReplicas = 0, updatedReplicas = 0 } = status;
  // The status of a ReplicaSet does not count updated replicas.
  const isUpdated = workload.kind === 'ReplicaSet' || updatedReplicas === wanted;
  return replicas === wanted && readyReplicas === wanted - failedProbes && isUpdated;
}

/** Reports whether the endpoints of a Service are its ready pods. */
function hasCurrentEndpoints(service: Service, { pods, slices }: Pick<RolloutObjects, 'pods' | 'slices'>): boolean {
  const { metadata, spec } = service;
  if (spec.selector === undefined || spec.type === 'ExternalName') return true;
  const selected = pods.filter(
    (pod) =>
      pod.metadata.namespace === metadata.namespace &&
      pod.metadata.deletionTimestamp === undefined &&
      selects(spec.selector, pod.metadata.labels) &&
      isReady(pod),
  );
  const wanted = new Set(selected.flatMap(({ status }) => status?.podIP ?? []));
  const found = readyAddresses(service, slices);
  return spec.publishNotReadyAddresses === true
    ? [...wanted].every((address) => found.has(address))
    : wanted.size === found.size && [...wanted].every((address) => found.has(address));
}

function isReady({ status }: Pod): boolean {
  return (statusOf({ status } as KubeObject).conditions ?? []).some(
    ({ type, status: value }) => type === 'Ready' && value === 'True',
  );
}

/** Reports whether istiod has judged a Gateway, and has deployed the pods of one that it manages. */
function isDeployed(gateway: KubeObject, { workloads }: RolloutObjects): boolean {
  const { gatewayClassName, addresses = [] } = gateway.spec as { gatewayClassName: string; addresses?: unknown[] };
  if (gatewayClassName !== 'istio') return true;
  const { generation = 1, uid } = gateway.metadata;
  const accepted = (statusOf(gateway).conditions ?? []).find(({ type }) => type === 'Accepted');
  if ((accepted?.observedGeneration ?? 0) < generation) return false;
  // A Gateway with addresses is deployed manually (Istio, "Manual Deployment").
  if (accepted?.status !== 'True' || addresses.length > 0) return true;
  return workloads.some(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid));
}
