import type { PodTraffic } from '../../istio/live/observation.ts';
import type { TrafficSeries } from '../../istio/observe/traffic-series.ts';
import { grpcStatusNames } from '../../plan/plan.ts';
import { factsKey, otherHosts, type TrafficCount } from '../../serve/process/process-messages.ts';

/** Maximum number of series of calls to hosts outside the mesh. Clients choose these hosts, and they choose statuses. */
const mostOutside = 400;

/** Calls with the same facts since the mesh has started. */
interface Counts {
  readonly count: TrafficCount;
  /** Name of the pod that was called; empty for hosts outside the mesh. */
  readonly callee: string;
  requests: number;
  durationMs: number;
  readonly buckets: Map<number | null, number>;
}

/** Calls that one pod has counted, as counters that only grow. */
export class CountedPod {
  private readonly counts = new Map<string, Counts>();
  private readonly podAt: (address: string) => string | undefined;
  /** Number of series of calls to hosts outside the mesh. */
  private outside = 0;

  /** @param podAt returns the name of the pod that listens at an address */
  constructor(podAt: (address: string) => string | undefined) {
    this.podAt = podAt;
  }

  /** Adds what a report of the service has. All names of a pod are one, and so are hosts outside above the maximum. */
  add(reported: readonly TrafficCount[]): void {
    for (const count of reported) {
      const callee = this.podAt(count.address) ?? '';
      if (callee !== '') this.addOne({ ...count, host: callee }, callee);
      else if (count.host === '' || this.counts.has(factsKey(count)) || this.outside < mostOutside)
        this.addOne(count, '');
      else this.addOne({ ...count, host: otherHosts, address: '' }, '');
    }
  }

  /** Returns the counters in the form of those of a proxy. */
  series(): PodTraffic['series'] {
    return [...this.counts.values()].map(({ count, callee, requests, durationMs, buckets }): TrafficSeries => {
      const { host, protocol } = count;
      return {
        reporter: host === '' ? 'destination' : 'source',
        protocol,
        responseCode: count.status,
        grpcStatus: count.grpcStatus === '' ? '' : String(grpcNumber(count.grpcStatus)),
        flags: protocol === 'tcp' && !/^[123]/.test(count.status) ? 'UF' : '-',
        isMutual: false,
        source: { workload: '', namespace: '', version: '' },
        destination: { workload: callee, namespace: '', version: '' },
        peerAddress: '',
        host,
        cluster: '',
        requests,
        durationMs,
        buckets: [...buckets],
        tcpBytes: 0,
      };
    });
  }

  private addOne(count: TrafficCount, callee: string): void {
    const key = factsKey(count);
    let found = this.counts.get(key);
    if (found === undefined) {
      found = { count, callee, requests: 0, durationMs: 0, buckets: new Map() };
      this.counts.set(key, found);
      if (callee === '' && count.host !== '') this.outside++;
    }
    found.requests += count.requests;
    found.durationMs += count.durationMs;
    for (const [limit, number] of count.buckets) found.buckets.set(limit, (found.buckets.get(limit) ?? 0) + number);
  }
}

/** Returns the number of a gRPC status; that of UNKNOWN for a name that gRPC does not have. */
function grpcNumber(name: string): number {
  const number = (grpcStatusNames as readonly string[]).indexOf(name);
  return number < 0 ? 2 : number;
}
