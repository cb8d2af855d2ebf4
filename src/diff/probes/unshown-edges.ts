import { callerKey } from '../caller-text.ts';
import type { Difference } from '../difference.ts';
import type { Edge } from '../pieces/edges.ts';
import type { Caller, Destination } from '../probe.ts';

/** Returns a test of edges: their configuration differs, and none of their requests does. */
export function isUnshown(differences: readonly Difference[]): (edge: Edge) => boolean {
  const shown = new Set(differences.map(({ probe }) => keyOf(probe.caller, probe.destination, probe.request.protocol)));
  return ({ caller, destination, protocol, before, after }) =>
    (before.key !== after.key || before.identity !== after.identity) &&
    !shown.has(keyOf(caller, destination, protocol));
}

function keyOf(caller: Caller, { host, port }: Destination, protocol: string): string {
  return `${callerKey(caller)} ${host}:${port} ${protocol}`;
}
