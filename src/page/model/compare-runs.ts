import type { Counts } from '../../reply/reply.ts';
import { type CallRow, callRows } from './call-rows.ts';
import { outcomeOfRun, type Run } from './run.ts';

/** Facts of a call in one run, in the words that a comparison prints. */
export interface ComparedSide {
  readonly outcome: string;
  readonly version: string;
  readonly identity: string;
  readonly attempts: string;
  readonly refusal: string;
  readonly durationMs: number;
}

/** Call of one or of both runs. */
export interface ComparedCall {
  readonly id: string;
  readonly name: string;
  readonly depth: number;
  readonly before: ComparedSide | undefined;
  readonly after: ComparedSide | undefined;
  /** Differences in words, such as `answer 200 → 403`; empty if there is none. */
  readonly differences: readonly string[];
  /** Change of the time, if it is large. Chance alone may cause this, so it is not a difference. */
  readonly timing: 'slower' | 'faster' | undefined;
}

/**
 * Compares two runs call by call. Calls are the same if they are at the same place and have the same target.
 *
 * @example
 * compareRuns(before, after).flatMap(({ differences }) => differences); // ['answer 200 → 403', 'refusal none → rbac_denied']
 */
export function compareRuns(before: Run, after: Run): ComparedCall[] {
  const sides = [placesOf(before), placesOf(after)] as const;
  const keys = [...new Set([...sides[0].keys(), ...sides[1].keys()])].sort(byPlace);
  return keys.map((key) => {
    const [a, b] = [sides[0].get(key), sides[1].get(key)];
    const { id = '', name = '', depth = 0 } = b ?? a ?? {};
    return {
      id,
      name,
      depth,
      before: a?.side,
      after: b?.side,
      differences: differencesOf(a?.side, b?.side),
      timing: a && b && timingOf(a.side.durationMs, b.side.durationMs),
    };
  });
}

interface Place {
  readonly id: string;
  readonly name: string;
  readonly depth: number;
  readonly side: ComparedSide;
}

/** Returns the calls of a run by place and target. A run without a reply has one place, its own answer. */
function placesOf(run: Run): Map<string, Place> {
  const places = new Map<string, Place>();
  if (run.result.kind !== 'reply') {
    places.set(' ', { id: '', name: 'the answer', depth: 0, side: { ...noSide, outcome: outcomeOfRun(run) } });
    return places;
  }
  addPlaces(places, callRows(run.result.reply), 0);
  return places;
}

const noSide: ComparedSide = { outcome: '', version: '', identity: '', attempts: '1', refusal: '', durationMs: 0 };

function addPlaces(places: Map<string, Place>, row: CallRow, depth: number): void {
  const target = row.call?.target ?? '';
  const name = depth === 0 ? 'the answer' : target;
  places.set(`${row.id} ${target}`, { id: row.id, name, depth, side: sideOf(row) });
  for (const child of row.children) addPlaces(places, child, depth + 1);
}

function sideOf({ outcome, call, reply, durationMs }: CallRow): ComparedSide {
  const summary = call?.summary;
  return {
    outcome: summary === undefined ? outcome : sharesOf(summary.byStatus),
    version: summary === undefined ? (reply?.version ?? '') : sharesOf(summary.byVersion),
    identity:
      summary === undefined ? (reply?.mesh?.peerIdentity ?? reply?.request?.tls?.peer ?? '') : sharesOf(summary.byPeer),
    attempts: String(call?.attempts?.length ?? reply?.mesh?.attempt ?? 1),
    refusal: call?.mesh?.refusal?.reason ?? '',
    durationMs,
  };
}

/** Returns counts as shares, rounded to 10 %, so that chance alone rarely makes a difference. */
export function sharesOf(counts: Counts = {}): string {
  const sum = Object.values(counts).reduce((all, times) => all + times, 0);
  const shares = Object.entries(counts).map(([value, times]) => `${value} ${10 * Math.round((10 * times) / sum)} %`);
  return shares.sort().join(', ').replaceAll(' 100 %', '');
}

const facts = [
  ['answer', 'outcome'],
  ['version', 'version'],
  ['identity of the caller', 'identity'],
  ['attempts', 'attempts'],
  ['refusal', 'refusal'],
] as const;

function differencesOf(before: ComparedSide | undefined, after: ComparedSide | undefined): string[] {
  if (before === undefined) return ['only in the second run'];
  if (after === undefined) return ['only in the first run'];
  const changed = facts.filter(([, key]) => before[key] !== after[key]);
  return changed.map(([name, key]) => `${name} ${before[key] || 'none'} → ${after[key] || 'none'}`);
}

/** A time differs if it is this many times the other one, and the difference is not small. */
const slowFactor = 2;
const leastDifferenceMs = 20;

/** Compares two times in milliseconds. Returns undefined if chance alone may explain the difference. */
export function timingOf(beforeMs: number, afterMs: number): ComparedCall['timing'] {
  const [less, more] = [beforeMs, afterMs].sort((a, b) => a - b) as [number, number];
  if (more < slowFactor * less || more - less < leastDifferenceMs) return undefined;
  return beforeMs < afterMs ? 'slower' : 'faster';
}

/** Orders places as in the tree: `0`, `0.1`, `1`, `10`. */
function byPlace(a: string, b: string): number {
  const [left, right] = [a, b].map((key) => (key.split(' ', 1)[0] ?? '').split('.').map(Number)) as [
    number[],
    number[],
  ];
  const at = left.findIndex((number, index) => number !== right[index]);
  if (at < 0) return left.length - right.length || (a < b ? -1 : 1);
  return (left[at] ?? 0) - (right[at] ?? -1);
}
