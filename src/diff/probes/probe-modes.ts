import { withChanceHeaders } from '../compare/chance-headers.ts';
import { neededModes } from '../compare/modes.ts';
import { faultsOf, type NeededModes, type RequestPieces, type RoutePiece } from '../compare/pieces.ts';
import { modesOfSettings } from '../compare/setting-modes.ts';
import { sharesSample } from '../compare/shares.ts';
import type { EdgeParts } from '../pieces/edge-parts.ts';
import type { Edge } from '../pieces/edges.ts';
import { canonicalText, type Json, type JsonObject, textAt } from '../pieces/json.ts';
import type { ProbeMode } from '../probe.ts';
import { podsOfService } from './implied-route.ts';
import { clustersOfRoute, workloadsOf } from './route-destinations.ts';

/** Route of a request on one side, and the parts of its edge. */
export interface RouteSide {
  readonly route: Json | undefined;
  readonly parts: EdgeParts;
}

/**
 * Returns the ways in which a request is sent: once, or many times if chance decides about the answer, and with a callee that
 * is slow or fails if settings differ.
 *
 * @param isLive true for running meshes, whose settings may differ from those of both sides
 */
export function modesFor(
  before: RouteSide,
  after: RouteSide,
  { protocol, caller, isLive = false }: Pick<Edge, 'protocol' | 'caller'> & { readonly isLive?: boolean },
): NeededModes {
  const [earlier, later] = changedClusters(before, after);
  const showsAnswerHeaders = caller.kind === 'gateway';
  const modesOf = isLive ? modesOfSettings : neededModes;
  const needed = modesOf(
    piecesOf(before, earlier, { protocol, showsAnswerHeaders }),
    piecesOf(after, later, { protocol, showsAnswerHeaders }),
  );
  const { notCompared } = needed;
  const modes = needed.modes.map((mode) => forAllPods(mode, before, after));
  // kube-proxy chooses a pod for each connection, and connections are kept. So shares of requests mean nothing.
  if (before.parts.sender === undefined || after.parts.sender === undefined) return onConnections(before, after, modes);
  // Chance chooses a destination. If anything differs, each of them is asked, since only one of them may differ.
  const isEqual = (!isLive && before.parts.key === after.parts.key) || [before, after].some(isDelayed);
  return { modes: isEqual ? modes : modes.map((mode) => seenByAll(mode, before, after)), notCompared };
}

/** Reports whether a route delays requests, so that many of them one after another take too long. */
function isDelayed({ route }: RouteSide): boolean {
  return faultsOf(route as RoutePiece | undefined).delay !== undefined;
}

/** Several pods share the requests that show an ejection, and each of them needs enough. */
function forAllPods(mode: ProbeMode, before: RouteSide, after: RouteSide): ProbeMode {
  if (mode.kind !== 'ejection') return mode;
  const pods = Math.max(1, ...[before, after].map(({ parts }) => parts.receivers.length));
  return { ...mode, count: mode.count * Math.min(pods, mostSharingPods) };
}

const mostSharingPods = 10;

/** Returns the modes of a caller without a proxy. */
function onConnections(before: RouteSide, after: RouteSide, modes: readonly ProbeMode[]): NeededModes {
  const isChosen = ({ parts }: RouteSide): boolean => new Set(workloadsOf(podsOfService, parts)).size > 1;
  const byChance = isChosen(before) || isChosen(after) ? 'destination' : 'nothing';
  const others = modes.filter(({ kind }) => kind !== 'plain' && kind !== 'shares');
  return {
    modes: [{ kind: 'plain', byChance }, ...others],
    notCompared:
      byChance === 'nothing'
        ? []
        : [
            {
              subject: 'versions',
              reason: 'without a sidecar, one connection reaches one pod, and one request is compared',
            },
          ],
  };
}

/** One request reaches one of several destinations. Each of them must get some. */
function seenByAll(mode: ProbeMode, before: RouteSide, after: RouteSide): ProbeMode {
  if (mode.kind !== 'plain' || mode.byChance === 'nothing') return mode;
  const shares = [before, after].flatMap(({ route, parts }) =>
    clustersOfRoute(route).flatMap(({ cluster, share }) => {
      const workloads = workloadsOf(cluster, parts);
      return workloads.map(() => share / workloads.length);
    }),
  );
  const least = Math.min(1, ...shares.filter((share) => share > 0));
  const { count } = sharesSample([0], [least]);
  const configured = [...new Set(shares)].map((share) => 100 * share);
  const counting: ProbeMode = { kind: 'shares', count, configured };
  return mode.chanceHeaders === undefined ? counting : withChanceHeaders(counting, mode.chanceHeaders);
}

function piecesOf(
  { route, parts }: RouteSide,
  cluster: JsonObject | undefined,
  settings: Pick<RequestPieces, 'protocol' | 'showsAnswerHeaders'>,
): RequestPieces {
  return {
    route: route as RoutePiece | undefined,
    cluster,
    ...settings,
    showsResets: parts.receivers.length > 0 && parts.receivers.every(({ listener }) => listener === undefined),
    podsOf: (name) => workloadsOf(name, parts),
  };
}

/** Returns the first cluster of a route whose limits differ, on both sides; the first one if none does. */
function changedClusters(before: RouteSide, after: RouteSide): [JsonObject | undefined, JsonObject | undefined] {
  const [earlier = [], later = []] = [before, after].map(({ route, parts }) =>
    clustersOfRoute(route).flatMap<JsonObject>(
      ({ cluster }) => (parts.sender?.clusters ?? []).find((one) => textAt(one, 'name') === cluster) ?? [],
    ),
  );
  // A route that only one side has is seen without its limits.
  if (earlier.length === 0 || later.length === 0) return [undefined, undefined];
  const limits = (one: JsonObject | undefined): string =>
    canonicalText([one?.circuit_breakers ?? null, one?.outlier_detection ?? null]);
  const changed = later.findIndex((one, index) => limits(one) !== limits(earlier[index] ?? earlier[0]));
  const index = Math.max(0, changed);
  return [earlier[index] ?? earlier[0], later[index]];
}
