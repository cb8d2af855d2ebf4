import type { CallAnswer } from '../execute/client.ts';
import type { CountedCall, TrafficCounter } from '../execute/service.ts';
import { authorityOf, type Protocol, protocolOf } from '../plan/plan.ts';
import {
  type CallFacts,
  durationLimitsMs,
  factsKey,
  otherHosts,
  type TrafficCount,
} from './process/process-messages.ts';

/** Maximum number of hosts in a report. Clients choose the hosts; the calls of further ones are counted together. */
const mostHosts = 100;

/** Time between two reports, in milliseconds. */
const reportMs = 1000;

/** Counts with the same facts, which grow until they are reported. */
interface Counts {
  requests: number;
  durationMs: number;
  readonly buckets: Map<number | null, number>;
}

/**
 * Counter of the calls that a service makes, and of the requests that reach it from outside. It reports what is new once a
 * second at most, and nothing while nothing is new.
 *
 * @example
 * const counter = new CallCounter((counts) => process.send?.({ kind: 'traffic', counts }));
 * service.traffic = counter;
 */
export class CallCounter implements TrafficCounter {
  private readonly report: (counts: readonly TrafficCount[]) => void;
  private counts = new Map<string, CallFacts & { readonly counts: Counts }>();
  private hosts = new Set<string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(report: (counts: readonly TrafficCount[]) => void) {
    this.report = report;
  }

  called({ scheme, host, dial }: CountedCall, answer: CallAnswer, durationMs: number): void {
    const address = authorityOf(dial);
    const name = `${host.toLowerCase()} ${address}`;
    const isCounted = this.hosts.has(name) || this.hosts.size < mostHosts;
    if (isCounted) this.hosts.add(name);
    const place = isCounted ? { host: host.toLowerCase(), address } : { host: otherHosts, address: '' };
    const protocol = protocolOf(scheme);
    this.count({ ...place, protocol, ...outcomeOf(answer, protocol) }, durationMs);
  }

  arrived(protocol: Protocol, status: number | undefined, grpcStatus: string | undefined, durationMs: number): void {
    const ofGrpc = protocol === 'grpc' ? (grpcStatus ?? '') : '';
    this.count({ host: '', address: '', protocol, status: String(status ?? 'reset'), grpcStatus: ofGrpc }, durationMs);
  }

  /** Ends the reports. What was not reported yet is lost. */
  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.counts.clear();
  }

  private count(facts: CallFacts, durationMs: number): void {
    const key = factsKey(facts);
    let found = this.counts.get(key);
    if (found === undefined) {
      found = { ...facts, counts: { requests: 0, durationMs: 0, buckets: new Map() } };
      this.counts.set(key, found);
    }
    const { counts } = found;
    counts.requests++;
    counts.durationMs += durationMs;
    const limit = durationLimitsMs.find((most) => durationMs <= most) ?? null;
    counts.buckets.set(limit, (counts.buckets.get(limit) ?? 0) + 1);
    // A service that ends does not wait for its report.
    this.timer ??= setTimeout(() => this.send(), reportMs).unref();
  }

  private send(): void {
    this.timer = undefined;
    const { counts } = this;
    this.counts = new Map();
    this.hosts = new Set();
    this.report(
      [...counts.values()].map(({ counts: { requests, durationMs, buckets }, ...facts }) => ({
        ...facts,
        requests,
        durationMs,
        buckets: [...buckets],
      })),
    );
  }
}

/** Returns the outcome of a call: its status, or the code of its error. */
function outcomeOf(answer: CallAnswer, protocol: Protocol): Pick<CallFacts, 'status' | 'grpcStatus'> {
  if (answer.kind === 'failed') return { status: answer.error.code, grpcStatus: '' };
  return { status: statusOf(answer.status, protocol), grpcStatus: answer.grpcStatus ?? '' };
}

/**
 * Returns the status of an answer as it is counted. A callee may write any number into a reply, so their number must be
 * bounded: an answer over gRPC has its gRPC status, one over TCP only succeeds or fails, and HTTP has three digits.
 */
function statusOf(status: number, protocol: Protocol): string {
  switch (protocol) {
    case 'grpc':
      return '200';
    case 'tcp':
      return status >= 100 && status < 400 ? '200' : '500';
    case 'http':
      return Number.isInteger(status) && status >= 100 && status <= 999 ? String(status) : 'protocol';
  }
}
