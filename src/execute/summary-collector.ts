import { firstBytes } from '../error/text-bytes.ts';
import { httpVersionOf } from '../reply/http-version.ts';
import { parseIfRaw } from '../reply/json.ts';
import { signedService, signedVersion } from '../reply/mesh-headers.ts';
import {
  type CallResult,
  type Counts,
  type LatencyMs,
  otherValues,
  RawReply,
  type ReceivedRequest,
  type Sample,
  type Summary,
} from '../reply/reply.ts';
import { callVerdict, outcomeOf } from '../reply/status.ts';
import { roundMs } from './concurrency/round-ms.ts';
import { Durations } from './durations.ts';

/** Maximum number of different values in each count. Further values are counted together. */
const maxValues = 1000;

/** The same for counts of connections, which have few values. */
const maxConnectionValues = 100;

/** Maximum length of a value, in bytes. */
const mostValueBytes = 300;

const percentiles = [50, 90, 95, 99] as const;

interface KeptCall<Raw> {
  readonly index: number;
  readonly call: CallResult<Raw>;
}

/**
 * Collector of the results of one call that is made many times. It keeps counts and a few samples, so its memory does
 * not grow with the number of calls. `Raw` is the form of replies that are kept unparsed, as in `Reply`.
 *
 * @example
 * const collector = new SummaryCollector();
 * for (const [index, call] of results.entries()) collector.add(index, call);
 * collector.summary().byStatus; // { '200': 700, '503': 300 }
 */
export class SummaryCollector<Raw extends RawReply = RawReply> {
  private count = 0;
  private totalMs = 0;
  private minMs = Number.POSITIVE_INFINITY;
  private maxMs = 0;
  private readonly durations = new Durations();
  private readonly mayParse: (reply: RawReply) => boolean;
  private readonly byStatus = new ValueCounter();
  private readonly byService = new ValueCounter();
  private readonly byVersion = new ValueCounter();
  private readonly byPod = new ValueCounter();
  private readonly byAttempt = new ValueCounter();
  private readonly byAnswer = new ValueCounter();
  private readonly byRefusal = new ValueCounter();
  private readonly byPeer = new ValueCounter();
  private readonly byTlsVersion = new ValueCounter();
  private readonly byHttpVersion = new ValueCounter(maxConnectionValues);
  private readonly bySni = new ValueCounter(maxConnectionValues);
  private readonly byAlpn = new ValueCounter(maxConnectionValues);
  private readonly byTlsPeer = new ValueCounter(maxConnectionValues);
  private first: KeptCall<Raw> | undefined;
  private slowest: KeptCall<Raw> | undefined;
  private firstFailed: KeptCall<Raw> | undefined;
  private firstTimedOut: KeptCall<Raw> | undefined;

  /** @param mayParse reports whether there is room to parse a reply. Of one that is not parsed, only its signature counts. */
  constructor(mayParse: (reply: RawReply) => boolean = () => true) {
    this.mayParse = mayParse;
  }

  /** Adds the result of one call. Results may come in any order; `index` is the number of the call, from 0. */
  add(index: number, call: CallResult<Raw>): void {
    const { durationMs = 0 } = call;
    const kept = { index, call };
    if (index <= (this.first?.index ?? index)) this.first = kept;
    if (this.count === 0 || durationMs > this.maxMs) this.slowest = kept;
    const verdict = callVerdict(call);
    if (verdict === 'failed' && index <= (this.firstFailed?.index ?? index)) this.firstFailed = kept;
    if (verdict === 'timed out' && index <= (this.firstTimedOut?.index ?? index)) this.firstTimedOut = kept;
    this.count++;
    this.totalMs += durationMs;
    this.minMs = Math.min(this.minMs, durationMs);
    this.maxMs = Math.max(this.maxMs, durationMs);
    this.durations.add(durationMs);
    this.countValues(call);
  }

  /** Reports whether the collector keeps a call that was added. It keeps at most four. */
  keeps(index: number): boolean {
    return [this.first, this.slowest, this.firstFailed, this.firstTimedOut].some((kept) => kept?.index === index);
  }

  private countValues(call: CallResult<Raw>): void {
    const { reply, attempts = [''], answeredBy, mesh } = call;
    const mayRead = !(reply instanceof RawReply) || this.mayParse(reply);
    const parsed = reply === undefined || !mayRead ? undefined : parseIfRaw(reply);
    this.byStatus.add(outcomeOf(call));
    this.byAnswer.add(answeredBy);
    if (mesh?.refusal !== undefined) this.byRefusal.add(mesh.refusal.reason);
    this.byAttempt.add(String(parsed?.mesh?.attempt ?? attempts.length));
    const service = parsed?.service ?? signedService(call);
    if (service !== undefined) this.byService.add(service);
    const version = parsed?.version ?? signedVersion(call);
    if (version !== undefined) this.byVersion.add(version);
    if (parsed === undefined) return;
    if (parsed.pod !== undefined) this.byPod.add(parsed.pod);
    this.byPeer.add(parsed.mesh?.peerIdentity ?? 'none');
    if (parsed.request !== undefined) this.countConnection(parsed.request);
  }

  private countConnection(request: ReceivedRequest): void {
    const { tls } = request;
    this.byHttpVersion.add(httpVersionOf(request) ?? 'none');
    if (tls === undefined) return;
    if (tls.version !== undefined) this.byTlsVersion.add(tls.version);
    this.bySni.add(tls.sni ?? 'none');
    this.byAlpn.add(tls.alpn ?? 'none');
    this.byTlsPeer.add(tls.peer ?? 'none');
  }

  /** First call that failed, or else the first that timed out, or else the first. At least one must have been added. */
  get worst(): CallResult<Raw> {
    const worst = this.firstFailed ?? this.firstTimedOut ?? this.first;
    if (worst === undefined) throw new Error('no call was made');
    return worst.call;
  }

  /** Returns the counts so far. */
  summary(): Summary<Raw> {
    return {
      count: this.count,
      byStatus: this.byStatus.counts(),
      byService: this.byService.counts(),
      byVersion: this.byVersion.counts(),
      byPod: this.byPod.counts(),
      byAttempt: this.byAttempt.counts(),
      byAnswer: this.byAnswer.counts(),
      ...(this.byRefusal.isEmpty ? {} : { byRefusal: this.byRefusal.counts() }),
      ...(this.byPeer.isEmpty ? {} : { byPeer: this.byPeer.counts() }),
      ...(this.byHttpVersion.isEmpty ? {} : { byHttpVersion: this.byHttpVersion.counts() }),
      ...(this.bySni.isEmpty ? {} : this.tlsCounts()),
      latencyMs: this.latencyMs(),
      samples: this.samples(),
    };
  }

  private tlsCounts(): Pick<Summary, 'byTlsVersion' | 'bySni' | 'byAlpn' | 'byTlsPeer'> {
    return {
      byTlsVersion: this.byTlsVersion.counts(),
      bySni: this.bySni.counts(),
      byAlpn: this.byAlpn.counts(),
      byTlsPeer: this.byTlsPeer.counts(),
    };
  }

  private latencyMs(): LatencyMs {
    const [p50 = 0, p90 = 0, p95 = 0, p99 = 0] = percentiles.map((percentile) => {
      const valueMs = this.durations.percentileMs(percentile);
      return roundMs(Math.min(this.maxMs, Math.max(this.minMs, valueMs)));
    });
    return { min: this.minMs, mean: roundMs(this.totalMs / this.count), p50, p90, p95, p99, max: this.maxMs };
  }

  private samples(): Sample<Raw>[] {
    const reasons = [
      ['first', this.first],
      ['slowest', this.slowest],
      ['first_failed', this.firstFailed ?? this.firstTimedOut],
    ] as const;
    const samples: Sample<Raw>[] = [];
    for (const [is, kept] of reasons) {
      const same = samples.find(({ index }) => index === kept?.index);
      if (same !== undefined) same.is.push(is);
      else if (kept !== undefined) samples.push({ is: [is], ...kept });
    }
    return samples;
  }
}

/** Counts of different values. */
class ValueCounter {
  private readonly values = new Map<string, number>();
  private readonly most: number;

  /** @param most maximum number of different values */
  constructor(most = maxValues) {
    this.most = most;
  }

  add(whole: string): void {
    // A name that a server makes may have any length.
    const value = firstBytes(whole, mostValueBytes);
    const key = this.values.has(value) || this.values.size < this.most ? value : otherValues;
    this.values.set(key, (this.values.get(key) ?? 0) + 1);
  }

  get isEmpty(): boolean {
    return this.values.size === 0;
  }

  counts(): Counts {
    return Object.fromEntries([...this.values].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
