import type { TrafficSeries } from '../istio/observe/traffic-series.ts';
import type { Traffic } from '../page/model/mesh-page-data.ts';
import { grpcStatusNames } from '../plan/plan.ts';
import { durationLimitsMs } from '../serve/process/process-messages.ts';

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
  private retries = 0;
  private copies = 0;
  private passedOn = 0;
  /** Requests whose duration is known. */
  private timed = 0;
  private durationMs = 0;
  private readonly byStatus = new Map<string, number>();
  /** Requests by the longest time that they took, in milliseconds. */
  private readonly buckets = new Map<number, number>();

  get count(): number {
    return this.requests;
  }

  /** True if nothing was counted. A proxy counts a retry before its request has ended. */
  get isEmpty(): boolean {
    return this.requests === 0 && this.retries === 0 && this.copies === 0;
  }

  /** Adds requests that the caller's proxy has sent again. */
  addRetries(count: number): void {
    this.retries += count;
  }

  /** Adds copies of requests that the caller's proxy has sent. Their answers are dropped. */
  addCopies(count: number): void {
    this.copies += count;
  }

  /**
   * Adds the requests of a series.
   *
   * @param isSecurityKnown false if the series does not show whether these requests came over mutual TLS
   */
  add(series: TrafficSeries, { requests, durationMs, tcpBytes, buckets }: Counts, isSecurityKnown: boolean): void {
    const { status, outcome } = outcomeOf(series);
    this.requests += requests;
    if (outcome === 'error') this.errors += requests;
    if (outcome === 'rejected') this.rejected += requests;
    if (isPassedOn(series)) this.passedOn += requests;
    if (isSecurityKnown && series.isMutual) this.mtls += requests;
    else if (isSecurityKnown && hasReached(series)) this.plainText += requests;
    this.tcpBytes += tcpBytes;
    increase(this.byStatus, status, requests);
    if (series.protocol === 'tcp') return;
    this.durationMs += durationMs;
    for (const [most, count] of buckets) {
      // A proxy adds to its histograms every few seconds, later than to its counters.
      this.timed += count;
      increase(this.buckets, most ?? Number.POSITIVE_INFINITY, count);
    }
  }

  /** Adds the requests of another tally, or takes them away. */
  merge(other: Tally, sign: 1 | -1): void {
    this.requests += sign * other.requests;
    this.errors += sign * other.errors;
    this.rejected += sign * other.rejected;
    this.mtls += sign * other.mtls;
    this.plainText += sign * other.plainText;
    this.tcpBytes += sign * other.tcpBytes;
    this.retries += sign * other.retries;
    this.copies += sign * other.copies;
    this.passedOn += sign * other.passedOn;
    this.timed += sign * other.timed;
    this.durationMs += sign * other.durationMs;
    for (const [status, count] of other.byStatus) increase(this.byStatus, status, sign * count);
    for (const [most, count] of other.buckets) increase(this.buckets, most, sign * count);
  }

  /** Returns the counts. Rates are over a time in milliseconds. */
  traffic(windowMs: number): Traffic {
    const { requests, errors, rejected, mtls, plainText, tcpBytes, retries, copies, passedOn, timed, durationMs } =
      this;
    // Times of the requests of the time before may come late.
    const isTimed = requests > 0 && timed > 0;
    const meanMs = isTimed ? durationMs / timed : undefined;
    const quantileMs = isTimed ? this.quantile(0.95) : undefined;
    // Envoy estimates its sums too: a mean above the estimated quantile would look like a contradiction.
    const p95Ms = quantileMs === undefined ? undefined : Math.max(quantileMs, meanMs ?? 0);
    return {
      requests,
      perSecond: windowMs === 0 ? 0 : rounded(requests / (windowMs / 1000)),
      errors,
      rejected,
      mtls,
      ...(plainText === 0 ? {} : { plainText }),
      byStatus: Object.fromEntries(this.byStatus),
      ...(meanMs === undefined ? {} : { meanMs: rounded(meanMs) }),
      ...(p95Ms === undefined ? {} : { p95Ms: rounded(p95Ms) }),
      ...(tcpBytes === 0 ? {} : { tcpBytes }),
      ...(retries === 0 ? {} : { retries }),
      ...(copies === 0 ? {} : { copies }),
      ...(passedOn === 0 ? {} : { passedOn }),
    };
  }

  /** Estimates a quantile of the durations from their buckets. */
  private quantile(share: number): number | undefined {
    const sorted = [...this.buckets].toSorted(([a], [b]) => a - b);
    if (this.timed <= 0) return undefined;
    let left = this.timed * share;
    let lastMs = 0;
    for (const [mostMs, count] of sorted) {
      const shortestMs = shortestOf(mostMs);
      if (count >= left)
        return mostMs === Number.POSITIVE_INFINITY ? shortestMs : shortestMs + ((mostMs - shortestMs) * left) / count;
      left -= count;
      lastMs = mostMs;
    }
    return lastMs;
  }
}

function increase<K>(counts: Map<K, number>, key: K, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

/** Returns the limit of the bucket before. */
function shortestOf(mostMs: number): number {
  return durationLimitsMs.findLast((limit) => limit < mostMs) ?? 0;
}

/**
 * Reports whether the callee itself answered as a meshmock does if a call of its own has failed or timed out. Flags would say
 * that a proxy answered, except for the last of several attempts.
 */
function isPassedOn({ protocol, responseCode, flags }: TrafficSeries): boolean {
  return protocol === 'http' && ['502', '504'].includes(responseCode) && ['-', 'URX'].includes(flags);
}

/** Flags of requests that were not sent to a pod. */
const unsent = /\b(?:UH|UF|UO|NR|NC|FI|RL|UAEX)\b/;

/** Reports whether a request was sent to a pod, with or without an answer. */
export function wasSent({ flags }: TrafficSeries): boolean {
  return !unsent.test(flags);
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
  return { status: responseCode === '0' ? 'no answer' : responseCode, outcome: outcomeOfCode(Number(responseCode)) };
}

/** Returns the outcome of a status. A call without an answer has none, or the name of its error. */
function outcomeOfCode(code: number): Outcome {
  if (code === 0 || Number.isNaN(code)) return 'error';
  return code >= 500 ? 'error' : code >= 400 ? 'rejected' : 'good';
}

function rounded(number: number): number {
  return Math.round(number * 100) / 100;
}
