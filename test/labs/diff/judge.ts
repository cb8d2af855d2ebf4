import type { SnapshotPair } from './pairs.ts';
import type { PairRecord, RecordedLine } from './record.ts';

/** Result of a pair. Those in capitals fail the run. */
export const verdicts = [
  'right',
  /** The report lists the change as not compared. */
  'listed',
  'MISSED',
  'OTHER EDGE',
  'OTHER KIND',
  /** There is a line about an edge that the change does not concern. */
  'STRAY LINE',
  'FALSE ALARM',
  'ERROR',
] as const;

export type Verdict = (typeof verdicts)[number];

/** Reports whether a verdict fails the run. */
export function isWrong(verdict: Verdict): boolean {
  return verdict === verdict.toUpperCase();
}

/** Compares the report of a pair with what it must show: the edge and the kind of the difference, and no other edge. */
export function judge({ expected }: SnapshotPair, { lines, notCompared, error }: PairRecord): Verdict {
  if (error !== undefined) return 'ERROR';
  if (expected === undefined) return lines.length === 0 ? 'right' : 'FALSE ALARM';
  const { to, kinds, from, listed } = expected;
  const isAtEdge = (line: RecordedLine): boolean =>
    line.hosts.some((host) => isAnyHost(host, to)) &&
    (from === undefined || line.callers.some((one) => isAny(one, from)));
  if (lines.some(({ hosts }) => !hosts.every((host) => isAnyHost(host, to)))) return 'STRAY LINE';
  if (lines.some((line) => isAtEdge(line) && kinds.includes(line.kind))) return 'right';
  if (listed !== undefined && notCompared.some(({ subject, reason }) => listed.test(`${subject}: ${reason}`)))
    return 'listed';
  if (lines.length === 0) return 'MISSED';
  return lines.some(isAtEdge) ? 'OTHER KIND' : 'OTHER EDGE';
}

/** Reports whether a host is one of some, which may be short, such as `service4`. */
function isAnyHost(host: string, names: readonly string[]): boolean {
  return names.some((name) => host === name || host.startsWith(`${name}.`));
}

/** Reports whether a workload is one of some services, in any version. */
function isAny(workload: string, services: readonly string[]): boolean {
  return services.includes(workload.replace(/-v\d+$/, ''));
}
