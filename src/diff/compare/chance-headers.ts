import type { NotCompared } from '../comparison.ts';
import type { ChanceHeaders, ProbeMode } from '../probe.ts';
import { isSame, type RequestPieces, type WeightedCluster } from './pieces.ts';

/**
 * Returns the names of the headers that chance chooses on any of two sides: a route has the same destination several times, with
 * other changes of headers, and an answer does not show which of them it took.
 */
export function chanceHeaders(before: RequestPieces, after: RequestPieces): ChanceHeaders {
  const sides = [before, after].flatMap(pairsOf);
  const names = (of: (cluster: WeightedCluster) => ReadonlyMap<string, string>): string[] => [
    ...new Set(sides.flatMap(([one, other]) => differingNames(of(one), of(other)))),
  ];
  return { requests: names(requestChanges), answers: names(answerChanges) };
}

/** Returns the pairs of clusters of a route that lead to the same destination. */
function pairsOf({ route, podsOf }: RequestPieces): [WeightedCluster, WeightedCluster][] {
  const clusters = (route?.route?.weighted_clusters?.clusters ?? []).filter(({ weight = 0 }) => weight > 0);
  const destinations = ({ name = '' }: WeightedCluster): readonly string[] => [name, ...podsOf(name)];
  return clusters.flatMap((one, index) =>
    clusters
      .slice(0, index)
      .filter((other) => destinations(one).some((destination) => destinations(other).includes(destination)))
      .map((other): [WeightedCluster, WeightedCluster] => [one, other]),
  );
}

function differingNames(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): string[] {
  return [...new Set([...one.keys(), ...other.keys()])].filter((name) => one.get(name) !== other.get(name));
}

/** Changes of headers by a route or by one of its destinations. */
type HeaderPart = Omit<WeightedCluster, 'name' | 'weight'>;

function requestChanges(cluster: HeaderPart): Map<string, string> {
  const { request_headers_to_add: added, request_headers_to_remove: removed, host_rewrite_literal: host } = cluster;
  return new Map([...changesOf(added, removed), ...(host === undefined ? [] : [['host', host] as const])]);
}

function answerChanges(cluster: HeaderPart): Map<string, string> {
  return changesOf(cluster.response_headers_to_add, cluster.response_headers_to_remove);
}

/** Returns the changes of headers as texts, by the names of the headers in lower case. */
function changesOf(
  added: WeightedCluster['response_headers_to_add'] = [],
  removed: readonly string[] = [],
): Map<string, string> {
  const found = new Map(removed.map((name) => [name.toLowerCase(), 'removed']));
  for (const one of added) {
    const name = (one.header?.key ?? '').toLowerCase();
    found.set(name === ':authority' ? 'host' : name, `${found.get(name) ?? ''}${JSON.stringify(one)}`);
  }
  return found;
}

/** Returns a mode whose comparison leaves out the headers that chance chooses. */
export function withChanceHeaders(mode: ProbeMode, byChance: ChanceHeaders): ProbeMode {
  if (mode.kind !== 'plain' && mode.kind !== 'shares' && mode.kind !== 'answer_headers') return mode;
  return byChance.requests.length + byChance.answers.length === 0 ? mode : { ...mode, chanceHeaders: byChance };
}

/** Returns the headers of requests that chance chooses, and that the sides change in other ways or with other shares. */
export function unseenChanceHeaders(
  before: RequestPieces,
  after: RequestPieces,
  { requests }: ChanceHeaders,
): NotCompared[] {
  return requests
    .filter((name) => haveOtherShares(before, after, requestChanges, name))
    .map((name) => ({
      subject: `header ${name} of requests`,
      reason: 'chance chooses it for requests to one service',
    }));
}

/** Reports whether the sides change any of the headers of answers that chance chooses in other ways or with other shares. */
export function changeAnswersByChance(
  before: RequestPieces,
  after: RequestPieces,
  { answers }: ChanceHeaders,
): boolean {
  return answers.some((name) => haveOtherShares(before, after, answerChanges, name));
}

function haveOtherShares(
  before: RequestPieces,
  after: RequestPieces,
  changes: (part: HeaderPart) => ReadonlyMap<string, string>,
  name: string,
): boolean {
  const [old, changed] = [before, after].map(({ route }) => sharesOf(route, changes, name));
  return !isSame(old, changed);
}

/** Returns the shares of requests of each destination and of each change of a header, in order. */
function sharesOf(
  route: RequestPieces['route'] = {},
  changes: (part: HeaderPart) => ReadonlyMap<string, string>,
  name: string,
): [string, number][] {
  const { cluster, weighted_clusters: weighted } = route.route ?? {};
  const clusters = weighted?.clusters ?? [{ name: cluster, weight: 1 } as WeightedCluster];
  const sums = new Map<string, number>();
  for (const one of clusters) {
    const { weight = 0 } = one;
    const change = `${changes(one).get(name) ?? ''}${changes(route).get(name) ?? ''}`;
    const key = JSON.stringify([one.name ?? '', change]);
    if (weight > 0) sums.set(key, (sums.get(key) ?? 0) + weight);
  }
  const all = [...sums.values()].reduce((sum, weight) => sum + weight, 0);
  return [...sums]
    .map(([key, weight]): [string, number] => [key, weight / all])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}
