import { differs } from '../../diff/compare/shares.ts';
import type { Counts } from '../../reply/reply.ts';
import { timingOf } from './compare-runs.ts';
import { inheritedEdges } from './mesh-graph.ts';
import type { MeshChange, MeshEdge, MeshState, Traffic, TrafficAround } from './mesh-page-data.ts';
import { copiesText, reasonWords, retriesText } from './mesh-words.ts';

/** Difference of an edge's traffic around a change. */
export interface ChangeEffect {
  readonly edge: string;
  readonly around: TrafficAround;
  /** Differences in words, such as `answer 200 → 403`; empty if there is none. */
  readonly differences: readonly string[];
  /** True if there are calls on both sides, but too few for a comparison. */
  readonly isTooFew: boolean;
  /** Reasons for refusals since the change, in plain English. */
  readonly causes: readonly EffectCause[];
  /** True if the calls fail or are slow only because calls further on are, or no longer fail because those do not. */
  readonly isInherited: boolean;
  /** True if calls failed or were refused before the change, and none are since then. */
  readonly isBetter: boolean;
}

/** Reason for refusals. */
export interface EffectCause {
  readonly explanation: string;
  /** Title of the object that decided, such as `AuthorizationPolicy default/deny`. */
  readonly object?: string;
  /** True if this change contains the object. */
  readonly isOfChange: boolean;
}

/** Time after a change that is compared with the time before it, in milliseconds. */
export const comparedMs = 60_000;

/**
 * Remembers the traffic around each change, since a state has only that around the newest one. So older changes keep what
 * was seen of them while the page was open.
 */
export class ChangeMemory {
  private readonly byChange = new Map<number, Map<string, ChangeEffect>>();

  /** Adds what a state shows of its newest change. */
  learn(state: MeshState): void {
    const inherited = inheritedEdges(state);
    const copied = new Set(state.edges.filter(isCopied).map(({ to }) => to));
    for (const edge of state.edges) {
      const { around } = edge;
      const change = state.changes.find(({ number }) => number === around?.change);
      if (around === undefined || change === undefined) continue;
      const effects = this.byChange.get(change.number) ?? new Map<string, ChangeEffect>();
      this.byChange.set(change.number, effects);
      // Refusals of a later time than the compared one have causes of their own.
      if (effects.has(edge.id) && state.atMs > change.atMs + comparedMs) continue;
      effects.set(edge.id, effectOf(edge, around, change, inherited.has(edge.id), copied.has(edge.from)));
    }
  }

  /** Returns what was seen around a change: refused calls first, then other differences, and their consequences last. */
  effectsOf(change: MeshChange): readonly ChangeEffect[] {
    const effects = withConsequences([...(this.byChange.get(change.number)?.values() ?? [])]);
    return effects
      .filter(({ around, differences }) => around.before.requests + around.after.requests > 0 || differences.length > 0)
      .sort((a, b) => rankOf(a) - rankOf(b));
  }
}

/** Marks calls that are slower, or no longer fail, only because calls of their callee are so. */
function withConsequences(effects: readonly ChangeEffect[]): ChangeEffect[] {
  const callersOf = (some: readonly ChangeEffect[]): Set<string | undefined> =>
    new Set(some.map(({ edge }) => edge.split(' ')[0]));
  const [slow, better] = [effects.filter(isSlower), effects.filter(({ isBetter }) => isBetter)].map(callersOf);
  return effects.map((effect) => {
    const callee = effect.edge.split(' ')[1];
    const isConsequence =
      (isSlower(effect) && slow?.has(callee)) || (effect.isBetter && failedFurtherOn(effect) && better?.has(callee));
    return isConsequence ? { ...effect, isInherited: true } : effect;
  });
}

/** Reports whether calls failed before a change as they do if a call further on fails. */
function failedFurtherOn({ around: { before } }: ChangeEffect): boolean {
  const { passedOn = 0, errors, rejected } = before;
  return passedOn > 0 && passedOn >= errors + rejected;
}

/** Reports whether a proxy sends copies of requests either before or since a change. */
function isCopied({ around }: MeshEdge): boolean {
  return around !== undefined && copiesOf(around).length > 0;
}

/** Reports whether slowness is the only difference. */
export function isSlower({ differences }: ChangeEffect): boolean {
  return differences[0]?.startsWith('slower') ?? false;
}

function rankOf({ differences, causes, isInherited }: ChangeEffect): number {
  if (differences.length === 0) return 3;
  if (isInherited) return 2;
  return causes.length > 0 ? 0 : 1;
}

/** Returns how the traffic of an edge differs before and after a change, and why requests are refused since then. */
export function effectOf(
  edge: MeshEdge,
  around: TrafficAround,
  change: MeshChange,
  isInherited: boolean,
  isCallerCopied = false,
): ChangeEffect {
  const ids = new Set(change.objects.map(({ id }) => id));
  const existing = new Set(change.objects.filter((one) => one.change !== 'deleted').map(({ id }) => id));
  const since = edge.refusals.filter(({ lastMs }) => lastMs >= change.atMs);
  const found = since.map(({ explanation, object }) => ({
    explanation,
    ...(object === undefined ? {} : { object: object.title }),
    isOfChange: object !== undefined && ids.has(object.id),
  }));
  const isProven = since.some(({ object }) => object !== undefined && existing.has(object.id));
  const least = Math.min(around.before.requests, around.after.requests);
  const isTooFew = least > 0 && least < leastCalls && !isProven;
  const counted = least === 0 || isTooFew ? [] : differencesOf(around, isProven);
  const ended = counted.some((one) => one.startsWith('answer')) ? endedFailures(around) : [];
  const isBetter = ended.length > 0;
  // Requests that were on their way were refused for the old reasons.
  const causes = isBetter ? [] : found;
  const reasons = isBetter ? [] : [...new Set(since.map(({ reason }) => reasonWords(reason)))];
  const refused = reasons.length === 0 ? [] : [`refused by a proxy: ${reasons.join(', ')}`];
  // An error is often faster than an answer, which is not news.
  const answers =
    counted.length > 0
      ? [...counted, ...ended, ...refused, ...newRetries(around)]
      : least === 0 || isTooFew
        ? []
        : timesOf(around);
  const differences = [...answers, ...copiesOf(around), ...(isCallerCopied ? ratesOf(around) : [])];
  return { edge: edge.id, around, differences, isTooFew, causes, isInherited: isInherited && !isBetter, isBetter };
}

/**
 * Returns why no difference is shown, with the numbers of calls that were compared.
 *
 * @param certain beginning of the sentence if calls were compared
 */
export function noDifference(found: readonly ChangeEffect[], certain: string): string {
  if (found.every(({ around }) => around.after.requests === 0))
    return 'No calls were seen since then. Send the same calls as before: this shows what differs.';
  const compared = found.filter(({ around }) => around.before.requests > 0 && around.after.requests > 0);
  if (compared.length === 0) return 'No calls were seen both before it and since then, so there is nothing to compare.';
  if (compared.every(({ isTooFew }) => isTooFew))
    return `Too few calls yet: a comparison needs ${leastCalls} before it and ${leastCalls} since then.`;
  const [before, after] = (['before', 'after'] as const).map((side) =>
    callsText(compared.map((one) => one.around[side])),
  );
  return `${certain}: ${before} before it, ${after} since then.`;
}

function callsText(all: readonly Traffic[]): string {
  const retries = retriesText({ retries: all.reduce((sum, one) => sum + (one.retries ?? 0), 0) });
  const calls = `${all.reduce((sum, { requests }) => sum + requests, 0)} calls`;
  return retries === undefined ? calls : `${calls} with ${retries}`;
}

function copiesOf({ before, after }: TrafficAround): string[] {
  const [old = 0, now = 0] = [before.copies, after.copies];
  if (old > 0 && now === 0 && after.requests > 0) return ['no more copies'];
  return old === 0 && now > 0 ? [`${copiesText(now)} since then, none before`] : [];
}

/** Says that the caller's proxy retries since a change, which may be why fewer calls fail. */
function newRetries({ before, after }: TrafficAround): string[] {
  return before.retries === undefined ? [retriesText(after) ?? []].flat() : [];
}

/** Least factor of rates that is a difference: the rate of what a client sends varies. */
const leastFactor = 1.3;

function ratesOf({ before: { perSecond: old }, after: { perSecond: now } }: TrafficAround): string[] {
  const [few, many] = [old, now].toSorted((a, b) => a - b) as [number, number];
  if (few === 0 || many < leastFactor * few) return [];
  const [word, cause] = now > old ? ['more', 'also gets'] : ['fewer', 'no longer gets'];
  return [`${word} calls: ${old.toFixed(1)} → ${now.toFixed(1)} a second, since the caller ${cause} copies`];
}

/** Statuses with which a call is refused. */
const refusing = ['401', '403', 'grpc PERMISSION_DENIED', 'grpc UNAUTHENTICATED'];

/** Says which failures were before a change, and none are since then. */
function endedFailures({ before, after }: TrafficAround): string[] {
  const [old, now] = [before, after].map(({ byStatus }) => Object.keys(mainCounts(byStatus)).filter(isFailure));
  if (now === undefined || now.length > 0) return [];
  return [...new Set(old?.map((status) => (refusing.includes(status) ? 'no longer refused' : 'no longer fails')))];
}

function isFailure(status: string): boolean {
  return status !== 'tcp' && status !== 'grpc OK' && !/^[123]/.test(status);
}

/** Least number of calls on each side of a comparison. */
const leastCalls = 5;

function differencesOf(
  { before, after, versionsBefore = {}, versionsAfter = {} }: TrafficAround,
  isProven: boolean,
): string[] {
  const facts: readonly (readonly [name: string, before: Counts, after: Counts, isProven: boolean])[] = [
    ['answer', before.byStatus, after.byStatus, isProven],
    ['version', known(versionsBefore), known(versionsAfter), false],
    ['encryption', encryptionOf(before), encryptionOf(after), false],
    ['attempts', attemptsOf(before), attemptsOf(after), false],
  ];
  return facts
    .filter(([, old, now, isCertain]) => isCertain || isShifted(old, now))
    .flatMap(([name, oldCounts, newCounts]) => {
      const first = name === 'version' ? 'least value' : 'most counts';
      const [old, now] = [oldCounts, newCounts].map((counts) => exactShares(mainCounts(counts), first));
      return old === now ? [] : [`${name} ${old} → ${now}`];
    });
}

/** Leaves out requests that reached no version, such as refused ones. */
function known(versions: Counts): Counts {
  return Object.fromEntries(Object.entries(versions).filter(([version]) => version !== 'unknown' && version !== ''));
}

/** Least share of an answer that counts: requests on their way at the moment of the change count as later ones. */
export const leastShare = 0.05;

/** Returns counts without the smallest ones. */
function mainCounts(counts: Counts): Counts {
  const sum = sumOf(counts);
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0 && count >= leastShare * sum));
}

/** Number of calls below which counts say more than shares. */
const fewCalls = 50;

/**
 * Returns counts as whole shares that sum to 100 %, or as numbers if they are few. The only value needs neither. Versions
 * are in their order, so that shares can be compared. Of answers, the most frequent one says most.
 *
 * @example
 * exactShares({ v1: 40, v2: 20 }); // 'v1 67 %, v2 33 %'
 */
export function exactShares(counts: Counts, first: 'least value' | 'most counts' = 'least value'): string {
  const byValue = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
  const all = first === 'least value' ? byValue : byValue.sort(([, a], [, b]) => b - a);
  const sum = sumOf(counts);
  const [only] = all;
  if (only !== undefined && all.length === 1) return only[0];
  if (sum < fewCalls) return all.map(([value, count]) => `${value} ×${count}`).join(', ');
  const shares = all.map(([value, count]) => ({ value, share: (100 * count) / sum }));
  const missing = 100 - shares.reduce((total, { share }) => total + Math.floor(share), 0);
  const byRest = shares.toSorted((a, b) => (b.share % 1) - (a.share % 1));
  const raised = new Set(byRest.slice(0, missing));
  return shares.map((one) => `${one.value} ${Math.floor(one.share) + (raised.has(one) ? 1 : 0)} %`).join(', ');
}

/** Probability that equal shares are taken for different ones. An open page compares again and again. */
const falseAlarmRate = 1e-4;

/** Reports whether chance does not explain the difference of two counts. Values of which none is on both sides differ. */
function isShifted(before: Counts, after: Counts): boolean {
  const [old, now] = [before, after].map(sumOf);
  if (old === undefined || now === undefined || Math.min(old, now) < leastCalls) return false;
  const values = [...new Set([...Object.keys(before), ...Object.keys(after)])].map((key) => ({
    before: { count: before[key] ?? 0, all: old },
    after: { count: after[key] ?? 0, all: now },
  }));
  return (
    values.every((one) => one.before.count === 0 || one.after.count === 0) ||
    values.some((one) => differs(one.before, one.after, falseAlarmRate))
  );
}

/** Least difference of mean times, in milliseconds. A busy machine makes smaller ones. */
const leastSlowerMs = 50;

/** Shortest mean time that is a measurement, in milliseconds. Less than that is printed as zero. */
const shortestMs = 0.05;

function timesOf({ before: { meanMs: before = 0 }, after: { meanMs: after = 0 } }: TrafficAround): string[] {
  if (Math.min(before, after) < shortestMs) return [];
  const timing = timingOf(before, after);
  if (timing === undefined || Math.abs(after - before) < leastSlowerMs) return [];
  return [`${timing}: ${msText(before)} → ${msText(after)}`];
}

function attemptsOf({ requests, retries = 0 }: Traffic): Counts {
  return { 'first tries': requests, retries };
}

function encryptionOf({ mtls, plainText = 0 }: Traffic): Counts {
  return { mTLS: mtls, 'no mTLS': plainText };
}

function sumOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function msText(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}
