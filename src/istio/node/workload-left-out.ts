import { kubectlName, type Workload } from '../resources/objects.ts';
import { containerLeftOut, meshmockContainer, mountsOfFiles } from './mock/mock-container.ts';
import type { PodPlan } from './pod-plan.ts';

/**
 * Returns a line for each part of a workload that the local mesh leaves out. A workload without pods has none.
 *
 * @param pods plans of the running pods
 */
export function workloadLeftOut(workload: Workload, pods: readonly PodPlan[]): string[] {
  const { metadata, spec } = workload;
  const pod = pods.find(({ namespace, workload: name }) => namespace === metadata.namespace && name === metadata.name);
  if (pod === undefined || pod.role !== 'mock') return [];
  const { containers, initContainers = [], volumes = [] } = spec.template.spec;
  const container = meshmockContainer(spec.template.spec);
  const templates = (spec.volumeClaimTemplates ?? []).map(({ metadata: { name } }) => ({ name }));
  // Volumes of other images are not reported, because a mock does not read their files.
  const written = container === undefined ? [] : mountsOfFiles(container, spec.template.spec).map(({ name }) => name);
  const missingVolumes =
    container === undefined ? [] : [...volumes, ...templates].filter(({ name }) => !written.includes(name));
  const parts = [
    ...withNames('init container', initContainers),
    ...(containers.length > 1 ? [`one mock runs in place of its ${containers.length} containers`] : []),
    ...(container === undefined ? [] : containerLeftOut(container, spec.template.spec)),
    ...withNames('volume', missingVolumes),
    ...pod.ports.notServed.map((port) => `${port}: mocks speak only HTTP, gRPC, TCP and TLS`),
  ];
  return parts.map((part) => `${kubectlName(workload)}: ${part}`);
}

function withNames(kind: string, items: readonly { readonly name: string }[]): string[] {
  return items.map(({ name }) => `${kind} ${name}`);
}
