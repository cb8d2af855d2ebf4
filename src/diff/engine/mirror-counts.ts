import { setTimeout as sleep } from 'node:timers/promises';
import { countsSince, type ProxyCounts, parseProxyCounts } from '../../cases/envoy-clusters.ts';
import type { CallResult } from '../../reply/reply.ts';
import type { MirroredCopies } from '../observation.ts';
import type { ComparisonMesh } from './comparison-mesh.ts';

/** Time in which a proxy sends the copy of a request, after the request itself. */
const copyMs = 100;

/**
 * Counts the copies of requests that clusters get while an action runs. Nothing else may send requests meanwhile.
 *
 * @param clusters Envoy's names of the clusters that get copies
 */
export async function withMirrorCounts(
  mesh: ComparisonMesh,
  clusters: readonly string[],
  action: () => Promise<readonly CallResult[]>,
  signal: AbortSignal,
): Promise<{ readonly answers: readonly CallResult[]; readonly mirrors: readonly MirroredCopies[] }> {
  const before = await countsOf(mesh, signal);
  const answers = await action();
  await sleep(copyMs, undefined, { signal });
  const added = countsSince(before, await countsOf(mesh, signal)).clusters;
  const mirrors = clusters.map((cluster): MirroredCopies => {
    const [, , subset = '', host = ''] = cluster.split('|');
    const service = host.split('.')[0] ?? host;
    const version = subset === '' ? undefined : subset;
    // The requests themselves may go to the same cluster.
    const own = answers.filter(
      ({ reply }) => reply?.service === service && (version ?? reply.version) === reply.version,
    );
    return { service, version, count: Math.max(0, (added.get(cluster) ?? 0) - own.length) };
  });
  return { answers, mirrors };
}

async function countsOf(mesh: ComparisonMesh, signal: AbortSignal): Promise<ProxyCounts> {
  return parseProxyCounts((await mesh.host.stats(signal)).map(({ stats }) => stats).join('\n'));
}
