import { MeshmockError } from '../../error/meshmock-error.ts';
import { entryName, findByName } from '../resources/entry-names.ts';
import { type Service, servicesSelecting } from '../resources/objects.ts';
import type { PodPlan } from './pod-plan.ts';
import type { BehaviourChange } from './pod-status.ts';
import type { RunningPod } from './running-pod.ts';

/**
 * Makes the mocks of a service apply directives to every request.
 *
 * @throws MeshmockError `usage` if no mock has the name, or if the directives are not valid
 */
export async function setServiceBehaviour(
  pods: readonly RunningPod[],
  services: readonly Service[],
  change: BehaviourChange,
  signal: AbortSignal,
): Promise<void> {
  const selected = mocksOf(pods, services, change);
  await Promise.all(selected.map((pod) => pod.setBehaviour(change.directives, signal)));
}

/**
 * Returns the mocks of a service.
 *
 * @throws MeshmockError `usage` if no mock has the name
 */
export function mocksOf(
  pods: readonly RunningPod[],
  services: readonly Service[],
  { service, namespace = 'default' }: Pick<BehaviourChange, 'service' | 'namespace'>,
): readonly RunningPod[] {
  const mocks = pods.filter(({ plan }) => plan.role === 'mock');
  const namedMocks = mocks.flatMap((pod) => serviceNamesOf(pod.plan, services).map((name) => ({ name, pod })));
  const found = findByName(namedMocks, ({ name }) => name, service, namespace).map(({ pod }) => pod);
  const selected = found.length > 0 ? found : mocks.filter(({ plan }) => plan.service === service);
  if (selected.length === 0) {
    const names = [...new Set(namedMocks.map(({ name }) => name))];
    throw new MeshmockError('usage', `unknown service ${service}: expected one of ${names.join(', ')}`);
  }
  return selected;
}

/** Returns the names of the Services that select a pod, and the service name with which its mock answers. */
function serviceNamesOf({ service, namespace, labels }: PodPlan, all: readonly Service[]): string[] {
  const services = servicesSelecting(all, namespace, labels);
  const names = [service, ...services.map(({ metadata }) => metadata.name)];
  return [...new Set(names)].map((name) => entryName(name, namespace));
}
