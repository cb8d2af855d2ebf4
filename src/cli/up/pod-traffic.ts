import type { PodTraffic } from '../../istio/live/observation.ts';
import type { TrafficSeries } from '../../istio/observe/traffic-series.ts';
import { grpcStatusNames } from '../../plan/plan.ts';
import { otherHosts, type TrafficCount } from '../../serve/process/process-messages.ts';

/** Maximum number of series of a pod. Clients choose hosts and statuses. */
const mostSeries = 400;

/** Calls with the same facts since the mesh has started. */
interface Counts {
  readonly count: TrafficCount;
  requests: number;
  durationMs: number;
  readonly buckets: Map<number | null, number>;
}

/** Calls that one pod has counted, as counters that only grow. */
export class CountedPod {
  private readonly counts = new Map<string, Counts>();

  /** Adds what a report of the service has. Hosts above the maximum become one. */
  add(reported: readonly TrafficCount[]): void {
    for (const count of reported) {
      const isKnown = this.counts.has(keyOf(count));
      const isMore = !isKnown && count.host !== '' && this.counts.size >= mostSeries;
      this.addOne(isMore ? { ...count, host: otherHosts, address: '' } : count);
    }
  }

  /**
   * Returns the counters in the form of those of a proxy.
   *
   * @param podAt returns the name of the pod that listens at an address
   */
  series(podAt: (address: string) => string | undefined): PodTraffic['series'] {
    return [...this.counts.values()].map(({ count, requests, durationMs, buckets }): TrafficSeries => {
      const { host, address, protocol } = count;
      const workload = podAt(address) ?? '';
      return {
        reporter: host === '' ? 'destination' : 'source',
        protocol,
        responseCode: count.status,
        grpcStatus: count.grpcStatus === '' ? '' : String(grpcNumber(count.grpcStatus)),
        flags: protocol === 'tcp' && !/^[123]/.test(count.status) ? 'UF' : '-',
        isMutual: false,
        source: { workload: '', namespace: '', version: '' },
        destination: { workload, namespace: '', version: '' },
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

  private addOne(count: TrafficCount): void {
    const key = keyOf(count);
    const found = this.counts.get(key) ?? { count, requests: 0, durationMs: 0, buckets: new Map() };
    this.counts.set(key, found);
    found.requests += count.requests;
    found.durationMs += count.durationMs;
    for (const [limit, number] of count.buckets) found.buckets.set(limit, (found.buckets.get(limit) ?? 0) + number);
  }
}

function keyOf({ host, address, protocol, status, grpcStatus }: TrafficCount): string {
  return `${host} ${address} ${protocol} ${status} ${grpcStatus}`;
}

/** Returns the number of a gRPC status; that of UNKNOWN for a name that gRPC does not have. */
function grpcNumber(name: string): number {
  const number = (grpcStatusNames as readonly string[]).indexOf(name);
  return number < 0 ? 2 : number;
}
