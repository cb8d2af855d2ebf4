import type { TrafficSeries } from '../istio/observe/traffic-series.ts';
import type { Traffic } from '../page/model/mesh-page-data.ts';
import { grpcStatusNames } from '../plan/plan.ts';

/** Counters of requests with the same facts. */
export interface Counts {
  readonly requests: number;
  readonly durationMs: number;
  readonly tcpBytes: number;
  readonly buckets: TrafficSeries['buckets'];
}

type Outcome = 'good' | 'rejected' | 'error';

/** Requests of any number of series, added up. */
export class Tally {
  private requests = 0;
  private errors = 0;
  private rejected = 0;
  private mtls = 0;
  private plainText = 0;
  private tcpBytes = 0;
  /** Requests whose duration is known. */
  private timed = 0;
  private durationMs = 0;
  private readonly byStatus = new Map<string, number>();
  /** Requests by the longest time that they took, in milliseconds. */
  private readonly buckets = new Map<number, number>();

  get isEmpty(): boolean {
    return this.requests === 0;
  }

  get count(): number {
    return this.requests;
  }

  add(series: TrafficSeries, { requests, durationMs, tcpBytes, buckets }: Counts): void {
    const { status, outcome } = outcomeOf(series);
    this.requests += requests;
    if (outcome === 'error') this.errors += requests;
    if (outcome === 'rejected') this.rejected += requests;
    if (series.isMutual) this.mtls += requests;
    else if (hasReached(series)) this.plainText += requests;
    this.tcpBytes += tcpBytes;
    this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + requests);
    if (series.protocol === 'tcp') return;
    // A proxy adds to its histograms every few seconds, later than to its counters.
    this.timed += buckets.at(-1)?.[1] ?? 0;
    this.durationMs += durationMs;
    for (const [most, count] of buckets) {
      const limit = most ?? Number.POSITIVE_INFINITY;
      this.buckets.set(limit, (this.buckets.get(limit) ?? 0) + count);
    }
  }

  /** Returns the counts. Rates are over a time in milliseconds. */
  traffic(windowMs: number): Traffic {
    const { requests, errors, rejected, mtls, plainText, tcpBytes, timed, durationMs } = this;
    const p95Ms = this.quantile(0.95);
    return {
      requests,
      perSecond: windowMs === 0 ? 0 : rounded(requests / (windowMs / 1000)),
      errors,
      rejected,
      mtls,
      ...(plainText === 0 ? {} : { plainText }),
      byStatus: Object.fromEntries([...this.byStatus].filter(([, count]) => count > 0)),
      ...(timed === 0 ? {} : { meanMs: rounded(durationMs / timed) }),
      ...(p95Ms === undefined ? {} : { p95Ms: rounded(p95Ms) }),
      ...(tcpBytes === 0 ? {} : { tcpBytes }),
    };
  }

  /** Estimates a quantile of the durations from their buckets, each of which counts those of the shorter ones too. */
  private quantile(share: number): number | undefined {
    const sorted = [...this.buckets].toSorted(([a], [b]) => a - b);
    const total = sorted.at(-1)?.[1] ?? 0;
    if (total === 0) return undefined;
    let [lowMs, lowCount] = [0, 0];
    for (const [mostMs, count] of sorted) {
      if (count >= total * share) {
        if (mostMs === Number.POSITIVE_INFINITY) return lowMs;
        return lowMs + ((mostMs - lowMs) * (total * share - lowCount)) / Math.max(1, count - lowCount);
      }
      [lowMs, lowCount] = [mostMs, count];
    }
    return lowMs;
  }
}

/** Reports whether requests reached the callee: no flag says that the caller's proxy answered. */
function hasReached({ reporter, flags }: TrafficSeries): boolean {
  return reporter === 'destination' || flags.split(',').every((flag) => ['-', 'URX', 'DI', 'DC'].includes(flag));
}

/** gRPC statuses with which a policy refuses a request. */
const rejectedGrpc = new Set(['PERMISSION_DENIED', 'UNAUTHENTICATED']);

/** Flags of TCP connections that did not reach their destination. */
const brokenTcp = /\b(?:UF|UH|NR|NC|UO|URX)\b/;

/** Returns the status of requests in words, and whether it is a failure. */
export function outcomeOf({
  protocol,
  responseCode,
  grpcStatus,
  flags,
}: Pick<TrafficSeries, 'protocol' | 'responseCode' | 'grpcStatus' | 'flags'>): { status: string; outcome: Outcome } {
  if (protocol === 'tcp') return { status: 'tcp', outcome: brokenTcp.test(flags) ? 'error' : 'good' };
  if (protocol === 'grpc' && /^\d+$/.test(grpcStatus)) {
    const name = grpcStatusNames[Number(grpcStatus)] ?? grpcStatus;
    const outcome = name === 'OK' ? 'good' : rejectedGrpc.has(name) ? 'rejected' : 'error';
    return { status: `grpc ${name}`, outcome };
  }
  const code = Number(responseCode);
  if (code === 0) return { status: 'no answer', outcome: 'error' };
  return { status: responseCode, outcome: code >= 500 ? 'error' : code >= 400 ? 'rejected' : 'good' };
}

function rounded(number: number): number {
  return Math.round(number * 100) / 100;
}
