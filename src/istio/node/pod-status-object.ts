import { nodeAddress } from '../network/addresses.ts';
import type { Container, Pod, PodSpec } from '../resources/objects.ts';
import type { PodPlan } from './pod-plan.ts';

/** Message of the conditions of a pod whose mock is made not ready. */
const probeFailed = 'the readiness probe of the mock fails';

/** Reports whether a pod is not ready because the readiness probe of its mock is made to fail. */
export function failsProbe({ status }: Pod): boolean {
  const conditions = (status as { conditions?: readonly { type: string; message?: string }[] } | undefined)?.conditions;
  return (conditions ?? []).some(({ type, message }) => type === 'Ready' && message === probeFailed);
}

/** State of a pod on its node. */
export interface PodState {
  readonly address: string;
  readonly startedAt: Date;
  /** True when the pod's network exists and its traffic is intercepted. */
  readonly isInitialized: boolean;
  readonly isMockReady: boolean;
  /** False while the readiness probe of the mock fails. */
  readonly passesProbe: boolean;
  readonly isProxyReady: boolean;
  readonly mockRestarts: number;
  readonly proxyRestarts: number;
  /** Reason for which the pod does not run, such as a missing ConfigMap. */
  readonly problem: string | undefined;
}

/** Returns the status of a pod whose programs have all ended with success, as those of a Job do. */
export function completedStatusObject({ containers, initContainers = [] }: PodSpec, at: Date): object {
  const time = timeText(at);
  const completed = ({ name, image = '' }: Container): object => ({
    name,
    image,
    imageID: '',
    ready: false,
    started: false,
    restartCount: 0,
    state: { terminated: { exitCode: 0, reason: 'Completed', startedAt: time, finishedAt: time } },
  });
  const condition = (type: string, status: string): object => ({
    type,
    status,
    lastTransitionTime: time,
    ...(status === 'True' ? {} : { reason: 'PodCompleted' }),
  });
  return {
    phase: 'Succeeded',
    hostIP: nodeAddress,
    hostIPs: [{ ip: nodeAddress }],
    startTime: time,
    conditions: [
      condition('PodScheduled', 'True'),
      condition('Initialized', 'True'),
      condition('ContainersReady', 'False'),
      condition('Ready', 'False'),
    ],
    initContainerStatuses: initContainers.map(completed),
    containerStatuses: containers.map(completed),
  };
}

/** Returns a time as Kubernetes writes it, in whole seconds. */
export function timeText(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Returns the status of a pod as kubelet writes it (Kubernetes, "Pod Lifecycle"). */
export function podStatusObject({ programs, role }: PodPlan, state: PodState): object {
  const { address, startedAt, isInitialized, problem } = state;
  const time = timeText(startedAt);
  const { interception, proxy, agent, istiod, mocked, skipped } = programs;
  const hasProxy = proxy !== undefined;
  const isMockReady = state.isMockReady && state.passesProbe;
  const isReady = isInitialized && (role === 'gateway' || isMockReady) && (!hasProxy || state.isProxyReady);
  // Its message tells a failed probe from a program that has not started.
  const message = state.passesProbe ? problem : probeFailed;
  const condition = (type: string, isTrue: boolean): object => ({
    type,
    status: isTrue ? 'True' : 'False',
    lastTransitionTime: time,
    ...(isTrue || message === undefined ? {} : { reason: 'ContainersNotReady', message }),
  });
  const containerStatus = (container: Container, isContainerReady: boolean, restartCount: number): object => ({
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ready: isContainerReady,
    started: isContainerReady,
    restartCount,
    state:
      isInitialized && (problem === undefined || isContainerReady)
        ? { running: { startedAt: time } }
        : {
            waiting:
              problem === undefined
                ? { reason: 'PodInitializing' }
                : { reason: 'CreateContainerError', message: problem },
          },
  });
  const finished = (container: Container): object => ({
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ready: true,
    restartCount: 0,
    state: isInitialized
      ? { terminated: { exitCode: 0, reason: 'Completed', startedAt: time, finishedAt: time } }
      : { waiting: { reason: 'PodInitializing' } },
  });
  const ofProxy = (container: Container): object => containerStatus(container, state.isProxyReady, state.proxyRestarts);
  const apps = [istiod, ...mocked, agent].filter((one) => one !== undefined);
  const isNative = proxy?.restartPolicy === 'Always';
  return {
    phase: isInitialized ? 'Running' : 'Pending',
    hostIP: nodeAddress,
    hostIPs: [{ ip: nodeAddress }],
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: time,
    conditions: [
      condition('PodScheduled', true),
      condition('PodReadyToStartContainers', isInitialized),
      condition('Initialized', isInitialized),
      condition('ContainersReady', isReady),
      condition('Ready', isReady),
    ],
    initContainerStatuses: [
      ...[interception, ...skipped].flatMap((one) => (one === undefined ? [] : [finished(one)])),
      ...(proxy !== undefined && isNative ? [ofProxy(proxy)] : []),
    ],
    containerStatuses: [
      ...apps.map((one) => containerStatus(one, isMockReady, state.mockRestarts)),
      ...(proxy !== undefined && !isNative ? [ofProxy(proxy)] : []),
    ],
  };
}
