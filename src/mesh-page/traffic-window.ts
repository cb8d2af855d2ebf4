import type { Observation, PodTraffic } from '../istio/live/observation.ts';
import type { TrafficSeries } from '../istio/observe/traffic-series.ts';
import { type NodeDirectory, podKey, unknownVersion } from './node-directory.ts';
import { type Counts, Tally } from './traffic-tally.ts';

/** Time that the traffic of an edge covers, in milliseconds. */
export const windowMs = 60_000;

/** Ends of an edge. */
export interface EdgeEnds {
  readonly from: string;
  readonly to: string;
}

/** Requests of one series between two observations. */
interface Flow extends EdgeEnds {
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly series: TrafficSeries;
  readonly counts: Counts;
}

interface Step {
  readonly startMs: number;
  readonly endMs: number;
  readonly flows: readonly Flow[];
}

/** Requests of an edge since the proxies have started. */
interface EdgeTotal extends EdgeEnds {
  count: number;
  readonly protocols: Set<TrafficSeries['protocol']>;
}

/** Requests of an edge in a time. */
export interface EdgeTally extends EdgeEnds {
  readonly all: Tally;
  /** Requests by the versions at both ends, as `FROM TO`. */
  readonly versions: ReadonlyMap<string, { readonly from: string; readonly to: string; readonly tally: Tally }>;
}

/** Returns the id of an edge. */
export function edgeId({ from, to }: EdgeEnds): string {
  return `${from} ${to}`;
}

/** Traffic of the last minute, from counters that only grow. */
export class TrafficWindow {
  private steps: Step[] = [];
  /** Last counters by pod and series. */
  private readonly last = new Map<string, Map<string, Counts>>();
  private lastMs: number | undefined;
  /** Requests since the proxies have started, by edge. */
  private readonly totals = new Map<string, EdgeTotal>();

  /** Time that the window covers so far, in milliseconds. */
  get coveredMs(): number {
    const [first] = this.steps;
    return first === undefined ? 0 : Math.min(windowMs, (this.steps.at(-1)?.endMs ?? 0) - first.startMs);
  }

  /** Edges with the number of their requests since the proxies have started. */
  get edges(): ReadonlyMap<string, EdgeTotal> {
    return this.totals;
  }

  /** Adds what was counted since the observation before. The first one only begins the window. */
  add({ atMs, traffic }: Pick<Observation, 'atMs' | 'traffic' | 'pods'>, nodes: NodeDirectory): void {
    const isFirst = this.lastMs === undefined || atMs - this.lastMs > windowMs;
    const flows = traffic.flatMap((one) => this.flowsOf(one, nodes));
    for (const { from, to, series, counts } of flows) {
      const id = edgeId({ from, to });
      const total = this.totals.get(id) ?? { from, to, count: 0, protocols: new Set() };
      total.count += counts.requests;
      total.protocols.add(series.protocol);
      this.totals.set(id, total);
    }
    if (isFirst) this.steps = [];
    else this.steps.push({ startMs: this.lastMs ?? atMs, endMs: atMs, flows });
    this.lastMs = atMs;
    this.steps = this.steps.filter(({ endMs }) => endMs > atMs - windowMs);
  }

  /** Adds up the requests of each edge between two times. */
  sum(fromMs: number, toMs: number): Map<string, EdgeTally> {
    const sums = new Map<string, EdgeTally & { versions: Map<string, { from: string; to: string; tally: Tally }> }>();
    for (const { endMs, flows } of this.steps) {
      if (endMs <= fromMs || endMs > toMs) continue;
      for (const { from, to, fromVersion, toVersion, series, counts } of flows) {
        const id = edgeId({ from, to });
        const sum = sums.get(id) ?? { from, to, all: new Tally(), versions: new Map() };
        sums.set(id, sum);
        sum.all.add(series, counts);
        const key = `${fromVersion} ${toVersion}`;
        const version = sum.versions.get(key) ?? { from: fromVersion, to: toVersion, tally: new Tally() };
        sum.versions.set(key, version);
        version.tally.add(series, counts);
      }
    }
    return sums;
  }

  private flowsOf({ pod, series }: PodTraffic, nodes: NodeDirectory): Flow[] {
    const own = nodes.pod(pod);
    if (own === undefined) return [];
    const known = this.last.get(pod);
    const current = new Map<string, Counts>();
    const flows: Flow[] = [];
    for (const [key, one] of added(series)) {
      current.set(key, one.counts);
      const counts = difference(one.counts, known?.get(key));
      if (counts.requests === 0 && counts.tcpBytes === 0 && counts.durationMs === 0) continue;
      const from = nodes.sourceOf(one.series, own);
      const to = nodes.destinationOf(one.series, own);
      if (from === undefined) continue;
      const [fromVersion, toVersion] = nodes.versionsOf(one.series, own);
      if (to !== undefined) flows.push({ from, to, fromVersion, toVersion, series: one.series, counts });
      // Gateways count only the requests that they send, or refuse. All of them come from outside.
      if (own.role !== 'gateway') continue;
      const series = { ...one.series, isMutual: false };
      const ends = { from: nodes.outside(), to: from, fromVersion: unknownVersion, toVersion: fromVersion };
      flows.push({ ...ends, series, counts });
    }
    this.last.set(pod, current);
    return flows;
  }

  /** Forgets pods that are gone. */
  forget(pods: Observation['pods']): void {
    const kept = new Set(pods.map(podKey));
    for (const pod of this.last.keys()) if (!kept.has(pod)) this.last.delete(pod);
  }
}

/** Adds up series that differ only in what an edge does not show, such as the address of the peer. */
function added(all: readonly TrafficSeries[]): Map<string, { series: TrafficSeries; counts: Counts }> {
  const found = new Map<string, { series: TrafficSeries; counts: Counts }>();
  for (const series of all) {
    const { requests, durationMs, tcpBytes, buckets, ...facts } = series;
    const key = JSON.stringify(facts);
    const other = found.get(key);
    found.set(key, { series, counts: other === undefined ? series : sumOf(other.counts, series) });
  }
  return found;
}

function sumOf(one: Counts, other: Counts): Counts {
  return {
    requests: one.requests + other.requests,
    durationMs: one.durationMs + other.durationMs,
    tcpBytes: one.tcpBytes + other.tcpBytes,
    buckets: one.buckets.map(([most, count], index) => [most, count + (other.buckets[index]?.[1] ?? 0)]),
  };
}

/** Returns what was counted since. Counters that have become smaller have begun again. */
function difference(now: Counts, before: Counts | undefined): Counts {
  if (before === undefined || now.requests < before.requests || now.tcpBytes < before.tcpBytes) return now;
  return {
    requests: now.requests - before.requests,
    durationMs: now.durationMs - before.durationMs,
    tcpBytes: now.tcpBytes - before.tcpBytes,
    buckets: now.buckets.map(([most, count], index) => [most, count - (before.buckets[index]?.[1] ?? 0)]),
  };
}
