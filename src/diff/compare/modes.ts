import {
  addedInOtherWays,
  hiddenAdditions,
  removedByOne,
  unseenAddition,
  unseenRemoval,
  unseenSecret,
} from '../changed-headers.ts';
import type { NotCompared } from '../comparison.ts';
import type { ProbeMode } from '../probe.ts';
import { answerHeaders } from './answer-headers.ts';
import { chanceHeaders, unseenChanceHeaders, withChanceHeaders } from './chance-headers.ts';
import { countingMode } from './chances.ts';
import { comparedHeaders } from './compared-headers.ts';
import { delayedMode } from './delays.ts';
import { leastGapMs, milliseconds, mostDelayMs } from './durations.ts';
import { isSame, type NeededModes, none, type RequestPieces, type RoutePiece } from './pieces.ts';
import { failingModes } from './retry-modes.ts';

/** Returns the modes that show the differences between the settings of two sides. */
export function neededModes(before: RequestPieces, after: RequestPieces): NeededModes {
  const byChance = chanceHeaders(before, after);
  const parts = [
    countingMode(before, after),
    slowMode(before, after),
    delayedMode(before, after),
    failingModes(before, after),
    limitModes(before, after),
    answerHeaders(before, after, byChance),
    unseenHeaders(before, after),
  ];
  return {
    modes: parts.flatMap(({ modes }) => modes.map((mode) => withChanceHeaders(mode, byChance))),
    notCompared: [...parts.flatMap(({ notCompared }) => notCompared), ...unseenChanceHeaders(before, after, byChance)],
  };
}

function slowMode({ route: before }: RequestPieces, { route: after }: RequestPieces): NeededModes {
  const settings = (piece: RoutePiece | undefined): unknown[] => [
    piece?.route?.timeout ?? '0s',
    piece?.route?.retry_policy?.per_try_timeout,
  ];
  if (isSame(settings(before), settings(after))) return none;
  const timeouts = [before, after].flatMap((piece) =>
    [piece?.route?.timeout, piece?.route?.retry_policy?.per_try_timeout].map(milliseconds),
  );
  const timeoutsMs = [...new Set(timeouts.filter((timeoutMs) => timeoutMs !== undefined && timeoutMs > 0))] as number[];
  if (timeoutsMs.length === 0) return none;
  const ascending = timeoutsMs.toSorted((a, b) => a - b);
  const longest = ascending.filter((timeoutMs) => delayOver(timeoutMs) <= mostDelayMs).at(-1);
  if (longest === undefined)
    return {
      modes: [],
      notCompared: [{ subject: 'timeouts', reason: `they are longer than ${mostDelayMs / 1000} s` }],
    };
  const delayMs = delayOver(longest);
  const longer = (piece: RoutePiece | undefined): number | undefined => longerTimeout(piece, delayMs);
  const isClose = ascending.some((timeoutMs, index) => timeoutMs - (ascending[index - 1] ?? -Infinity) < leastGapMs);
  return {
    modes: [
      { kind: 'slow', delayMs, timeoutsMs: ascending, longerMs: { before: longer(before), after: longer(after) } },
    ],
    notCompared: isClose ? [{ subject: 'timeouts', reason: `some differ by less than ${leastGapMs} ms` }] : [],
  };
}

/** Returns the shortest time after which a route gives up a callee, if a delay does not reach it. */
function longerTimeout(piece: RoutePiece | undefined, delayMs: number): number | undefined {
  const { timeout, retry_policy: retries } = piece?.route ?? {};
  const timeouts = [timeout, retries?.per_try_timeout].flatMap((text) => milliseconds(text) || []);
  const least = Math.min(...timeouts);
  return Number.isFinite(least) && least > delayMs ? least : undefined;
}

/** Returns a delay that clearly exceeds a timeout, with its retries. */
function delayOver(timeoutMs: number): number {
  return Math.ceil(timeoutMs * 1.25 + 400);
}

/** Requests that arrive at once, unless limits in the configuration need more. */
const leastBurst = 10;
const mostBurst = 200;
const burstDelayMs = 700;
const ejectionRequests = 30;

function limitModes(before: RequestPieces, after: RequestPieces): NeededModes {
  const modes: ProbeMode[] = [];
  const notCompared: NotCompared[] = [];
  if (!isSame(before.cluster?.circuit_breakers, after.cluster?.circuit_breakers)) {
    const limits = [before, after].flatMap(({ cluster }) => limitsIn(cluster?.circuit_breakers));
    const smallest = Math.min(...limits.filter((limit) => limit < unlimited));
    const count = Math.max(leastBurst, 2 * smallest + 2);
    if (Number.isFinite(smallest) && count <= mostBurst) modes.push({ kind: 'burst', count, delayMs: burstDelayMs });
    else notCompared.push({ subject: 'connection limits', reason: `they allow more than ${mostBurst / 2} requests` });
  }
  if (!isSame(mostConnections(before), mostConnections(after)))
    notCompared.push({
      subject: 'the number of connections',
      reason: 'requests wait for one, and a limit shows only if they are refused',
    });
  if (!isSame(before.cluster?.outlier_detection, after.cluster?.outlier_detection))
    modes.push({ kind: 'ejection', count: ejectionRequests, failure: { kind: 'status', status: 503 } });
  return { modes, notCompared };
}

/** Limit that istiod writes for "no limit". */
const unlimited = 4_294_967_295;

/** Returns the limits of connections in Envoy's thresholds. */
function mostConnections({ cluster }: RequestPieces): unknown[] {
  const { thresholds = [] } = (cluster?.circuit_breakers ?? {}) as {
    thresholds?: readonly { max_connections?: number }[];
  };
  return thresholds.map(({ max_connections: limit }) => limit);
}

/** Returns all numbers in Envoy's thresholds. */
function limitsIn(value: unknown): number[] {
  if (typeof value === 'number') return value > 0 ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(limitsIn) : [];
}

/** Names by which headers of routes change what observations have in fields of their own. */
const shownParts = new Set([':authority', ':method', ':path', 'host']);

/** Returns the headers of requests that the sides change in other ways, and by which requests are not compared. */
function unseenHeaders({ route: before }: RequestPieces, { route: after }: RequestPieces): NeededModes {
  const isUnseen = (name: string): boolean =>
    !shownParts.has(name) && Object.keys(comparedHeaders({ [name]: '' })).length === 0;
  const removed = removedByOne('request_headers_to_remove', before, after).filter(isUnseen);
  const added = addedInOtherWays(before, after).filter(isUnseen);
  const hidden = [
    ...hiddenAdditions('request_headers_to_add', before, after).map((name) => unseenSecret(name, 'requests')),
    ...hiddenAdditions('response_headers_to_add', before, after).map((name) => unseenSecret(name, 'answers')),
  ];
  return { modes: [], notCompared: [...removed.map(unseenRemoval), ...added.map(unseenAddition), ...hidden] };
}
