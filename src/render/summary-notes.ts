import type { Counts, Summary } from '../reply/reply.ts';

/** A count of more values than this shows only their number. */
const mostShownValues = 8;

/**
 * Returns the counts and latencies of a repeated call as notes, one for each kind of count.
 *
 * @example
 * summaryNotes({ count: 10, byStatus: { 200: 7, 503: 3 } }); // ['200 ×7, 503 ×3']
 */
export function summaryNotes(summary: Summary): string[] {
  const { unmade, byStatus, byVersion, byPod, byAttempt, byRefusal, latencyMs } = summary;
  const wasRetried = Object.keys(byAttempt ?? {}).some((attempt) => attempt !== '1');
  return [
    ...(unmade === undefined ? [] : [`${unmade} not made`]),
    ...countsNote('', byStatus),
    ...countsNote('refused by a proxy: ', byRefusal),
    ...countsNote('', byVersion),
    ...countsNote('', byPod, 'pods'),
    ...(wasRetried ? countsNote('attempt ', byAttempt) : []),
    ...(latencyMs === undefined
      ? []
      : [`p50 ${latencyMs.p50} p90 ${latencyMs.p90} p99 ${latencyMs.p99} max ${latencyMs.max} ms`]),
  ];
}

function countsNote(prefix: string, counts: Counts = {}, plural = 'values'): string[] {
  const entries = Object.entries(counts);
  if (entries.length === 0) return [];
  if (entries.length > mostShownValues) return [`${entries.length} ${plural}`];
  return [entries.map(([value, count]) => `${prefix}${value} ×${count}`).join(', ')];
}
