import type { Counts } from '../../reply/reply.ts';
import { sharesOf, timingOf } from './compare-runs.ts';
import { inheritedEdges } from './mesh-graph.ts';
import type { EdgeRefusal, MeshChange, MeshEdge, MeshState, Traffic, TrafficAround } from './mesh-page-data.ts';
import { reasonWords } from './mesh-words.ts';

/** Difference of an edge's traffic around a change. */
export interface ChangeEffect {
  readonly edge: string;
  readonly around: TrafficAround;
  /** Differences in words, such as `answer 200 → 403`; empty if there is none. */
  readonly differences: readonly string[];
  /** Reasons for refusals since the change, in plain English. */
  readonly causes: readonly EffectCause[];
  /** True if the calls fail or are slow only because calls further on are. */
  readonly isInherited: boolean;
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
const comparedMs = 60_000;

/**
 * Remembers the traffic around each change, since a state has only that around the newest one. So older changes keep what
 * was seen of them while the page was open.
 */
export class ChangeMemory {
  private readonly byChange = new Map<number, Map<string, ChangeEffect>>();

  /** Adds what a state shows of its newest change. */
  learn(state: MeshState): void {
    const inherited = inheritedEdges(state);
    for (const edge of state.edges) {
      const { around } = edge;
      const change = state.changes.find(({ number }) => number === around?.change);
      if (around === undefined || change === undefined) continue;
      const effects = this.byChange.get(change.number) ?? new Map<string, ChangeEffect>();
      this.byChange.set(change.number, effects);
      // Refusals of a later time than the compared one have causes of their own.
      if (effects.has(edge.id) && state.atMs > change.atMs + comparedMs) continue;
      effects.set(edge.id, effectOf(edge, around, change, inherited.has(edge.id)));
    }
  }

  /** Returns what was seen around a change: refused calls first, then other differences, and their consequences last. */
  effectsOf(change: MeshChange): readonly ChangeEffect[] {
    const effects = withSlowness([...(this.byChange.get(change.number)?.values() ?? [])]);
    return effects
      .filter(({ around }) => around.before.requests + around.after.requests > 0)
      .sort((a, b) => rankOf(a) - rankOf(b));
  }
}

/** Marks calls that are slower only because calls of their callee are slower. */
function withSlowness(effects: readonly ChangeEffect[]): ChangeEffect[] {
  const slowCallers = new Set(effects.filter(isSlower).map(({ edge }) => edge.split(' ')[0]));
  return effects.map((effect) =>
    isSlower(effect) && slowCallers.has(effect.edge.split(' ')[1]) ? { ...effect, isInherited: true } : effect,
  );
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
): ChangeEffect {
  const ids = new Set(change.objects.map(({ id }) => id));
  const causes = edge.refusals
    .filter(({ lastMs }) => lastMs >= change.atMs)
    .map(({ explanation, object }) => ({
      explanation,
      ...(object === undefined ? {} : { object: object.title }),
      isOfChange: object !== undefined && ids.has(object.id),
    }));
  return { edge: edge.id, around, differences: differencesOf(around, edge.refusals, change.atMs), causes, isInherited };
}

function differencesOf(
  { before, after, versionsBefore = {}, versionsAfter = {} }: TrafficAround,
  refusals: readonly EdgeRefusal[],
  atMs: number,
): string[] {
  if (before.requests === 0 || after.requests === 0) return [];
  const facts: readonly (readonly [name: string, before: Counts, after: Counts, hasChance: boolean])[] = [
    ['answer', before.byStatus, after.byStatus, false],
    ['version', known(versionsBefore), known(versionsAfter), true],
    ['encryption', encryptionOf(before), encryptionOf(after), false],
  ];
  const found = facts
    .filter(([, old, now, hasChance]) => !hasChance || isShifted(old, now))
    .map(([name, old, now]) => [name, mainCounts(old), mainCounts(now)] as const)
    // Rounded shares are compared, so that chance alone rarely makes a difference.
    .filter(([, old, now]) => sharesOf(old) !== sharesOf(now) && sumOf(old) > 0 && sumOf(now) > 0)
    .map(([name, ...counts]) => {
      const [old, now] = counts.map((one) => exactShares(one, name === 'version' ? 'least value' : 'most counts'));
      return `${name} ${old} → ${now}`;
    });
  const reasons = [
    ...new Set(refusals.filter(({ lastMs }) => lastMs >= atMs).map(({ reason }) => reasonWords(reason))),
  ];
  if (found.length > 0 && reasons.length > 0) return [...found, `refused by a proxy: ${reasons.join(', ')}`];
  // An error is often faster than an answer, which is not news.
  return found.length > 0 ? found : timesOf(before, after);
}

/** Leaves out requests that reached no version, such as refused ones. */
function known(versions: Counts): Counts {
  return Object.fromEntries(Object.entries(versions).filter(([version]) => version !== 'unknown' && version !== ''));
}

/** Least share of an answer that counts: requests on their way at the moment of the change count as later ones. */
const leastShare = 0.05;

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

/** Number of standard deviations above which the difference of two shares is not chance. */
const leastDeviations = 3.3;

/** Reports whether the share of a value differs by more than the chance of a load balancer explains. */
function isShifted(before: Counts, after: Counts): boolean {
  const [old, now] = [sumOf(before), sumOf(after)];
  if (old === 0 || now === 0) return false;
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].some((key) => {
    const [a, b] = [before[key] ?? 0, after[key] ?? 0];
    const share = (a + b) / (old + now);
    const deviation = Math.sqrt(share * (1 - share) * (1 / old + 1 / now));
    return Math.abs(a / old - b / now) > leastDeviations * deviation;
  });
}

/** Least difference of mean times, in milliseconds. A busy machine makes smaller ones. */
const leastSlowerMs = 50;

function timesOf({ meanMs: before = 0 }: Traffic, { meanMs: after = 0 }: Traffic): string[] {
  const timing = timingOf(before, after);
  if (timing === undefined || Math.abs(after - before) < leastSlowerMs) return [];
  return [`${timing}: ${msText(before)} → ${msText(after)}`];
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
