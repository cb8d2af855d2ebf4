import type { ChancePart } from '../probe.ts';
import {
  type FractionalPercent,
  faultsOf,
  isSame,
  type NeededModes,
  type RequestPieces,
  type RoutePiece,
} from './pieces.ts';
import { sharesSample } from './shares.ts';

/** Returns the mode of one plain request, or that of many requests if chances changed. */
export function countingMode(before: RequestPieces, after: RequestPieces): NeededModes {
  const [old, changed] = [chancesOf(before), chancesOf(after)];
  const byChance = chancePart([old, changed]);
  // Routes without chance need one request only, and equal ones need none of another kind.
  if (byChance === 'nothing' || isSame(sorted(old), sorted(changed)))
    return { modes: [{ kind: 'plain', byChance }], notCompared: [] };
  const names = [...new Set([...old.keys(), ...changed.keys()])];
  const { count, isEnough } = sharesSample(
    names.map((name) => old.get(name) ?? 0),
    names.map((name) => changed.get(name) ?? 0),
  );
  const configured = [...new Set([...old.values(), ...changed.values()].map((share) => share * 100))];
  return {
    modes: [{ kind: 'shares', count, configured }],
    notCompared: isEnough ? [] : [{ subject: 'shares', reason: `${count} requests are too few to tell them apart` }],
  };
}

function sorted(chances: ReadonlyMap<string, number>): [string, number][] {
  return [...chances].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Returns the part of the answers that chance decides on any of the sides. */
function chancePart(sides: readonly ReadonlyMap<string, number>[]): ChancePart {
  const uncertain = sides.flatMap((chances) =>
    [...chances].filter(([, share]) => share > 1e-9 && share < 1 - 1e-9).map(([name]) => name),
  );
  if (uncertain.some((name) => name === 'abort')) return 'answer';
  return uncertain.length > 0 ? 'destination' : 'nothing';
}

/** Returns the probability of each destination, copy and abort of a route. Delays do not change the answer. */
function chancesOf(pieces: RequestPieces): Map<string, number> {
  const { abort } = faultsOf(pieces.route);
  return new Map([
    ...destinationChances(pieces),
    ...mirrorChances(pieces.route),
    ...(abort === undefined ? [] : [['abort', fractionOf(abort.percentage)] as const]),
  ]);
}

/** Returns the probability of each destination of a route. */
export function destinationChances({ route: piece, podsOf }: RequestPieces): Map<string, number> {
  const { route } = piece ?? {};
  const clusters = route?.weighted_clusters?.clusters ?? [{ name: route?.cluster ?? '', weight: 1 }];
  const total = clusters.reduce((sum, { weight = 0 }) => sum + weight, 0);
  const chances = new Map<string, number>();
  for (const { name = '', weight = 0 } of clusters) {
    const pods = podsOf(name);
    const destinations = pods.length === 0 ? [name] : pods;
    const share = total === 0 ? 0 : weight / total / destinations.length;
    for (const destination of destinations) chances.set(destination, (chances.get(destination) ?? 0) + share);
  }
  return chances;
}

function mirrorChances(piece: RoutePiece | undefined): [string, number][] {
  return (piece?.route?.request_mirror_policies ?? []).map((mirror) => {
    const { cluster = '', runtime_fraction: fraction } = mirror as MirrorPolicy;
    return [`copy ${cluster}`, fraction === undefined ? 1 : fractionOf(fraction.default_value)];
  });
}

interface MirrorPolicy {
  readonly cluster?: string;
  readonly runtime_fraction?: { readonly default_value?: FractionalPercent };
}

const denominators = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };

/** Returns a part of the requests, from 0 to 1. */
export function fractionOf({ numerator = 0, denominator = 'HUNDRED' }: FractionalPercent = {}): number {
  return numerator / denominators[denominator];
}
