import { callerKey, callersOfDestination, callersText } from '../caller-text.ts';
import type { ChangedEdges } from '../comparison.ts';
import type { Difference } from '../difference.ts';
import { type Edge, hasSameParts } from '../pieces/edges.ts';
import type { Caller } from '../probe.ts';

/**
 * Returns the edges whose configuration differs: for each destination those whose requests differ, and the others.
 *
 * @param callers all workloads of the mesh that may call
 */
export function changedEdgesOf(
  edges: readonly Edge[],
  differences: readonly Difference[],
  callers: readonly Caller[],
): ChangedEdges[] {
  const different = new Set(
    differences.flatMap(({ probe }) => probe.speaksFor.map((caller) => pairKey(caller, probe.destination.host))),
  );
  const changed = edges.filter((edge) => !hasSameParts(edge));
  return [...Map.groupBy(changed, groupKey).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { destination, caller } = first;
    const own = [...new Map(group.flatMap((edge) => edge.speaksFor).map((one) => [callerKey(one), one])).values()];
    const all = callersOfDestination(destination, callers);
    return [true, false].flatMap((differs): ChangedEdges[] => {
      const some = own.filter((one) => different.has(pairKey(one, destination.host)) === differs);
      const names = callersText(some, all);
      const edge =
        caller.kind === 'gateway' ? `${names} (gateway ${caller.gateway})` : `${names} → ${destination.name}`;
      return some.length === 0 ? [] : [{ edge, count: some.length, differs }];
    });
  });
}

function pairKey(caller: Caller, host: string): string {
  return `${callerKey(caller)} ${host}`;
}

/** Ports of one host are one edge. */
function groupKey({ caller, destination }: Edge): string {
  return caller.kind === 'gateway' ? callerKey(caller) : destination.host;
}
