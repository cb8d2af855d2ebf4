import type { ChangedPart, FieldPath } from './changed-parts.ts';

/** Changed field of a workload, by the name that people know, such as `image`. */
export interface WorkloadField {
  readonly field: string;
  readonly part: ChangedPart;
}

/** Fields of a workload, outside its containers, that its pods in a local mesh show. */
const shownFields = new Set([
  'replicas',
  'selector',
  'serviceAccountName',
  'serviceAccount',
  'hostNetwork',
  'hostAliases',
  'dnsPolicy',
  'dnsConfig',
  'nodeName',
  'nodeSelector',
  'subdomain',
  'hostname',
]);

/** Fields of a container that the pods of a local mesh show. */
const shownOfContainer = new Set(['name', 'ports']);

/** Fields around the specification of a pod. */
const outerFields = new Set(['spec', 'template', 'jobTemplate']);

/**
 * Returns the changed parts of a workload that its mocks do not show, each with the name of its field.
 *
 * @example unseenFields([{ side: 'after', path: ['spec', 'template', 'spec', 'containers', '0', 'image'], isWhole: false }])
 */
export function unseenFields(parts: readonly ChangedPart[]): WorkloadField[] {
  return parts.flatMap((part) => {
    const field = unseenField(part.path);
    return field === undefined ? [] : [{ field, part }];
  });
}

function unseenField(path: FieldPath): string | undefined {
  // Labels and annotations of the template are those of its pods, and those of the workload itself decide nothing.
  const inner = path.slice(path.findIndex((key) => !outerFields.has(key)));
  const [first = '', , ofContainer] = inner;
  if (first === 'metadata' || shownFields.has(first)) return undefined;
  if (first !== 'containers' && first !== 'initContainers') return first;
  if (ofContainer === undefined) return first;
  return shownOfContainer.has(ofContainer) ? undefined : ofContainer;
}
