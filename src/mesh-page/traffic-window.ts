import type { Observation, ObservedPod, PodTraffic } from '../istio/live/observation.ts';
import type { TrafficSeries } from '../istio/observe/traffic-series.ts';
import { type NodeDirectory, nodeIdOf, podKey, unknownVersion } from './node-directory.ts';
import { type Counts, Tally, wasSent } from './traffic-tally.ts';

/** Time that the traffic of an edge covers, in milliseconds. */
export const windowMs = 60_000;

/**
 * Longest time between two observations, in milliseconds, of which the second part counts as after a change between them.
 * Of a longer one, such as that of a page whose tab was hidden, nothing is known about before and after.
 */
const longestStraddleMs = 5000;

/** Ends of an edge. */
export interface EdgeEnds {
  readonly from: string;
  readonly to: string;
}

/** Number of requests on an edge between two observations. */
interface EdgeCount extends EdgeEnds {
  readonly count: number;
}

/** Requests that a proxy has sent to a cluster, and those of them that are no calls and no retries: copies. */
interface Sent {
  readonly count: number;
  readonly copies: number;
}

/** Requests of one series between two observations. */
interface Flow extends EdgeEnds {
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly series: TrafficSeries;
  readonly counts: Counts;
  /** False if no proxy counts whether the requests came over TLS. */
  readonly isSecurityKnown: boolean;
}

interface Step {
  readonly startMs: number;
  readonly endMs: number;
  readonly sums: EdgeSums;
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
  readonly versions: ReadonlyMap<string, VersionTally>;
}

/** Requests between two versions. */
interface VersionTally {
  readonly from: string;
  readonly to: string;
  readonly tally: Tally;
}

/** Returns the id of an edge. */
export function edgeId({ from, to }: EdgeEnds): string {
  return `${from} ${to}`;
}

/** Requests of all edges in a time. */
class EdgeSums {
  readonly byEdge = new Map<string, EdgeTally & { readonly versions: Map<string, VersionTally> }>();

  static of(flows: readonly Flow[], retries: readonly EdgeCount[], copies: readonly EdgeCount[]): EdgeSums {
    const sums = new EdgeSums();
    for (const { from, to, count } of copies) sums.edge(from, to).all.addCopies(count);
    for (const { from, to, count } of retries) sums.edge(from, to).all.addRetries(count);
    for (const { from, to, fromVersion, toVersion, series, counts, isSecurityKnown } of flows) {
      const sum = sums.edge(from, to);
      const { tally } = versionOf(sum.versions, fromVersion, toVersion);
      for (const one of [sum.all, tally]) one.add(series, counts, isSecurityKnown);
    }
    return sums;
  }

  /** Adds the requests of another time, or takes them away. */
  merge(other: EdgeSums, sign: 1 | -1): void {
    for (const [id, { from, to, all, versions }] of other.byEdge) {
      const sum = this.edge(from, to);
      sum.all.merge(all, sign);
      for (const one of versions.values()) versionOf(sum.versions, one.from, one.to).tally.merge(one.tally, sign);
      if (sign === -1 && sum.all.isEmpty) this.byEdge.delete(id);
    }
  }

  private edge(from: string, to: string): EdgeTally & { readonly versions: Map<string, VersionTally> } {
    const id = edgeId({ from, to });
    const sum = this.byEdge.get(id) ?? { from, to, all: new Tally(), versions: new Map<string, VersionTally>() };
    this.byEdge.set(id, sum);
    return sum;
  }
}

function versionOf(versions: Map<string, VersionTally>, from: string, to: string): VersionTally {
  const key = `${from} ${to}`;
  const version = versions.get(key) ?? { from, to, tally: new Tally() };
  versions.set(key, version);
  return version;
}

/** Traffic of the last minute, from counters that only grow. */
export class TrafficWindow {
  private readonly steps: Step[] = [];
  private readonly sums = new EdgeSums();
  /** Last counters by pod and series. */
  private readonly last = new Map<string, Map<string, Counts>>();
  /** Last counters of retries by pod and cluster. */
  private readonly lastRetries = new Map<string, ReadonlyMap<string, number>>();
  /** Last counters of sent requests by pod and cluster. */
  private readonly lastSent = new Map<string, ReadonlyMap<string, Sent>>();
  private lastMs: number | undefined;
  /** Pods whose proxies did not answer when the window began. What they have counted so far is older. */
  private unread: ReadonlySet<string> = new Set();
  /** Requests since the proxies have started, by edge. */
  private readonly totals = new Map<string, EdgeTotal>();

  /** Time that the window covers so far, in milliseconds. */
  get coveredMs(): number {
    const [first] = this.steps;
    return first === undefined ? 0 : Math.min(windowMs, (this.steps.at(-1)?.endMs ?? 0) - first.startMs);
  }

  /** Time at which the window begins so far, in milliseconds since the epoch; undefined without a second observation. */
  get startMs(): number | undefined {
    return this.steps[0]?.startMs;
  }

  /** Edges with the number of their requests since the proxies have started. */
  get edges(): ReadonlyMap<string, EdgeTotal> {
    return this.totals;
  }

  /**
   * Adds what was counted since the observation before. The first one only begins the window.
   *
   * @param mirrors destinations of copies: Envoy itself sends other requests that are no calls, such as its spans
   */
  add(
    { atMs, traffic, pods, countedSinceMs = 0 }: Pick<Observation, 'atMs' | 'traffic' | 'pods' | 'countedSinceMs'>,
    nodes: NodeDirectory,
    mirrors: ReadonlySet<string> = new Set(),
  ): void {
    const isFirst = this.lastMs === undefined || atMs - this.lastMs > windowMs || countedSinceMs > this.lastMs;
    const flowsByPod = traffic.map((one) => ({ pod: one.pod, flows: this.flowsOf(one, nodes) }));
    const flows = flowsByPod.filter(({ pod }) => !this.unread.has(pod)).flatMap((one) => one.flows);
    const retriesByPod = traffic.map((one) => ({ pod: one.pod, retries: this.retriesOf(one, nodes) }));
    const retries = retriesByPod.filter(({ pod }) => !this.unread.has(pod)).flatMap((one) => one.retries);
    const copies = traffic
      .map((one) => ({ pod: one.pod, copies: this.copiesOf(one, nodes, mirrors) }))
      .filter(({ pod }) => !isFirst && !this.unread.has(pod))
      .flatMap((one) => one.copies);
    for (const { from, to } of copies) {
      const id = edgeId({ from, to });
      if (!this.totals.has(id)) this.totals.set(id, { from, to, count: 0, protocols: new Set() });
    }
    for (const { from, to, series, counts } of flowsByPod.flatMap((one) => one.flows)) {
      const id = edgeId({ from, to });
      const total = this.totals.get(id) ?? { from, to, count: 0, protocols: new Set() };
      total.count += counts.requests;
      total.protocols.add(series.protocol);
      this.totals.set(id, total);
    }
    if (!isFirst) this.push({ startMs: this.lastMs ?? atMs, endMs: atMs, sums: EdgeSums.of(flows, retries, copies) });
    this.lastMs = atMs;
    const unread = isFirst ? pods.filter(({ hasSidecar }) => hasSidecar).map(podKey) : [...this.unread];
    const read = new Set(traffic.map(({ pod }) => pod));
    this.unread = new Set(unread.filter((pod) => !read.has(pod)));
    while (this.steps[0] !== undefined && (isFirst || this.steps[0].endMs <= atMs - windowMs))
      this.shift(this.steps[0]);
  }

  private push(step: Step): void {
    this.steps.push(step);
    this.sums.merge(step.sums, 1);
  }

  private shift(step: Step): void {
    this.steps.shift();
    this.sums.merge(step.sums, -1);
  }

  /** Requests of the last minute, by edge. */
  get current(): ReadonlyMap<string, EdgeTally> {
    return this.sums.byEdge;
  }

  /** Adds up the requests of each edge between two times. */
  sum(fromMs: number, toMs: number): ReadonlyMap<string, EdgeTally> {
    const sums = new EdgeSums();
    for (const { startMs, endMs, sums: some } of this.steps)
      if (endMs > fromMs && endMs <= toMs && startMs > fromMs - longestStraddleMs) sums.merge(some, 1);
    return sums.byEdge;
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
      const { series } = one;
      if (to !== undefined && !isRefusedByGateway(series, own, nodes.podsOf(to)))
        flows.push({ from, to, fromVersion, toVersion, series, counts, isSecurityKnown: own.hasSidecar });
      // Gateways count only the requests that they send, or refuse. All of them come from outside.
      if (own.role !== 'gateway') continue;
      const ends = { from: nodes.outside(), to: from, fromVersion: unknownVersion, toVersion: fromVersion };
      flows.push({ ...ends, series, counts, isSecurityKnown: false });
    }
    this.last.set(pod, current);
    return flows;
  }

  private retriesOf({ pod, retries }: PodTraffic, nodes: NodeDirectory): EdgeCount[] {
    const own = nodes.pod(pod);
    if (own === undefined) return [];
    const known = this.lastRetries.get(pod);
    this.lastRetries.set(pod, new Map(retries.map(({ cluster, count }) => [cluster, count])));
    return retries.flatMap(({ cluster, count }): EdgeCount[] => {
      const before = known?.get(cluster) ?? 0;
      const added = count < before ? count : count - before;
      const to = added === 0 ? undefined : nodes.cluster(cluster, '', own);
      return to === undefined ? [] : [{ from: nodeIdOf(own), to, count: added }];
    });
  }

  /**
   * Returns the copies that a proxy has sent since the observation before. Its counters are not read at the same moment, so
   * only more copies than ever before are new ones.
   */
  private copiesOf(
    { pod, series, retries, sent = [] }: PodTraffic,
    nodes: NodeDirectory,
    mirrors: ReadonlySet<string>,
  ): EdgeCount[] {
    const own = nodes.pod(pod);
    if (own === undefined) return [];
    const known = this.lastSent.get(pod);
    const current = new Map<string, Sent>();
    const calls = new Map<string, number>();
    for (const one of series)
      if (one.reporter === 'source' && wasSent(one))
        calls.set(one.cluster, (calls.get(one.cluster) ?? 0) + one.requests);
    for (const { cluster, count } of retries) calls.set(cluster, (calls.get(cluster) ?? 0) + count);
    this.lastSent.set(pod, current);
    return sent.flatMap(({ cluster, count }): EdgeCount[] => {
      const last = known?.get(cluster);
      const before = last === undefined || count < last.count ? 0 : last.copies;
      const copies = Math.max(before, count - (calls.get(cluster) ?? 0));
      current.set(cluster, { count, copies });
      const isMirror = mirrors.has(cluster.split('|').slice(2).join('|'));
      const to = copies === before || !isMirror ? undefined : nodes.cluster(cluster, '', own);
      return to === undefined ? [] : [{ from: nodeIdOf(own), to, count: copies - before }];
    });
  }

  /** Forgets pods that are gone, and edges without traffic whose ends are gone. */
  forget(pods: Observation['pods'], nodes: NodeDirectory): void {
    const kept = new Set(pods.map(podKey));
    for (const counters of [this.last, this.lastRetries, this.lastSent])
      for (const pod of counters.keys()) if (!kept.has(pod)) counters.delete(pod);
    for (const [id, { from, to }] of this.totals)
      if (!this.sums.byEdge.has(id) && !(nodes.has(from) && nodes.has(to))) this.totals.delete(id);
  }
}

/** Reports whether a gateway refused requests that it would have sent to pods: no flag says so, but none of them got any. */
function isRefusedByGateway(
  { flags, responseCode, destination }: TrafficSeries,
  { role }: ObservedPod,
  callees: readonly ObservedPod[],
): boolean {
  const isDenied = flags === '-' && (responseCode === '401' || responseCode === '403');
  return role === 'gateway' && isDenied && destination.workload === 'unknown' && callees.length > 0;
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
    buckets: combined(one.buckets, other.buckets, 1),
  };
}

/** Returns what was counted since. Counters that have become smaller have begun again. */
function difference(now: Counts, before: Counts | undefined): Counts {
  if (before === undefined || now.requests < before.requests || now.tcpBytes < before.tcpBytes) return now;
  return {
    requests: now.requests - before.requests,
    durationMs: now.durationMs - before.durationMs,
    tcpBytes: now.tcpBytes - before.tcpBytes,
    buckets: combined(now.buckets, before.buckets, -1),
  };
}

/** Adds the buckets of two counters, or takes the second ones away. */
function combined(one: Counts['buckets'], other: Counts['buckets'], sign: 1 | -1): Counts['buckets'] {
  const counts = new Map(one);
  for (const [most, count] of other) counts.set(most, (counts.get(most) ?? 0) + sign * count);
  return [...counts].filter(([, count]) => count !== 0);
}
