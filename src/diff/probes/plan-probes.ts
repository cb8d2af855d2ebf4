import { calleeDirectives } from '../callee-directives.ts';
import { callerKey } from '../caller-text.ts';
import type { Cause } from '../cause.ts';
import type { NotCompared } from '../comparison.ts';
import { type EdgeNote, joinEdgeNotes } from '../edge-notes.ts';
import type { EdgeObjects } from '../edge-objects.ts';
import type { Edge } from '../pieces/edges.ts';
import { type Json, objectsAt, textAt } from '../pieces/json.ts';
import type { Caller, Probe } from '../probe.ts';
import type { ClassRequest } from '../requests/class-request.ts';
import { representatives, requestsFor, textAnswer } from '../requests/requests-for.ts';
import type { SecretMarks } from '../secret-values.ts';
import { clusterChanges } from './cluster-changes.ts';
import { edgeObjects } from './edge-objects.ts';
import { impliedRoute } from './implied-route.ts';
import { keptOverGrpc } from './kept-connections.ts';
import { directedRequests, isLiveMode, unsentModes } from './live-modes.ts';
import { modesFor } from './probe-modes.ts';
import { requestSideOf } from './request-side.ts';
import { clustersOfRoute } from './route-destinations.ts';
import { unseenConnections } from './unseen-connections.ts';
import { unseenFields } from './unseen-fields.ts';
import { rateLimitBurst, unseenSettings } from './unseen-settings.ts';

export interface ProbeSettings {
  /** Reports whether the mesh can sign tokens of an issuer. */
  readonly canSignFor: (issuer: string) => boolean;
  /** True for running meshes: their settings may differ from those of both sides, and callees get directives in requests. */
  readonly isLive: boolean;
  readonly secrets: SecretMarks;
}

/** Probes of all edges, and what they leave out. */
export interface ProbePlan {
  readonly probes: readonly Probe[];
  readonly notCompared: readonly NotCompared[];
  /** Clusters that get copies of the requests of a probe, by the id of the probe. */
  readonly mirrors: ReadonlyMap<string, readonly string[]>;
  /** Hosts of the Services that receive the requests of a probe, by its id. */
  readonly callees: ReadonlyMap<string, readonly string[]>;
  /** Names by which objects may concern a probe, by its id. */
  readonly objects: ReadonlyMap<string, EdgeObjects>;
}

/**
 * Returns the probes of edges: a request for each class that the conditions of both sides distinguish.
 *
 * @param callers all workloads of the mesh that may call
 */
export function planProbes(edges: readonly Edge[], callers: readonly Caller[], settings: ProbeSettings): ProbePlan {
  const parts = edges.map((edge) => planEdge(edge, settings));
  const planned = parts.flatMap(({ probes }) => probes);
  const withCopies = planned.filter(({ copies }) => copies.length > 0);
  return {
    probes: planned.map(({ probe }) => probe),
    notCompared: [
      ...joinEdgeNotes(
        parts.flatMap(({ notes }) => notes),
        callers,
      ),
      ...unique(parts.flatMap(({ notCompared }) => notCompared)),
    ],
    mirrors: new Map(withCopies.map(({ probe, copies }) => [probe.id, copies])),
    objects: new Map(planned.map(({ probe, objects }) => [probe.id, objects])),
    callees: new Map(
      planned.filter(({ callees }) => callees.length > 0).map(({ probe, callees }) => [probe.id, callees]),
    ),
  };
}

/** Probe, and the clusters that its requests reach. */
interface PlannedProbe {
  readonly probe: Probe;
  readonly copies: readonly string[];
  readonly callees: readonly string[];
  readonly objects: EdgeObjects;
}

interface PlannedEdge {
  readonly probes: readonly PlannedProbe[];
  /** Parts of the edge that are not compared. */
  readonly notes: readonly EdgeNote[];
  /** Parts of the mesh that are not compared, which other edges may have too. */
  readonly notCompared: readonly NotCompared[];
}

interface PlannedRequest {
  readonly probes: readonly PlannedProbe[];
  readonly notCompared: readonly NotCompared[];
}

function planEdge(edge: Edge, { canSignFor, isLive, secrets }: ProbeSettings): PlannedEdge {
  const title = edgeTitle(edge);
  const { caller, destination, protocol, before, after } = edge;
  const { requests, notCompared, isFullProduct } = requestsFor(
    {
      protocol,
      authority: `${destination.host}:${destination.port}`,
      port: edge.calleePort,
      scheme: caller.kind === 'gateway' ? caller.scheme : 'http',
      canSignFor,
      secrets,
    },
    requestSideOf(before, caller, destination.host),
    requestSideOf(after, caller, destination.host),
  );
  const changes = clusterChanges(before, after, secrets);
  // Settings such as timeouts are those of a route: one request of each pair of routes shows them.
  const representing = new Set(representatives(requests));
  const directed = isLive ? directedRequests(requests) : representing;
  const directedRoutes = new Set([...directed].map(({ routes }) => routes));
  const planned = requests.map((request, index) =>
    planRequest(edge, request, {
      title: `${title} ${protocol} ${index}`,
      isRepresentative: representing.has(request),
      isDirected: directed.has(request),
      hasDirected: directedRoutes.has(request.routes),
      isLive,
    }),
  );
  const unseen = [
    ...notCompared,
    ...planned.flatMap((one) => one.notCompared),
    ...(isFullProduct ? [] : [notFull]),
    ...unseenSettings(before, after),
    ...unseenFields(before, after),
    ...unseenConnections(before, after, protocol),
    ...keptOverGrpc(edge),
  ];
  return {
    probes: planned.flatMap(({ probes }) =>
      probes.map((one) => ({
        ...one,
        probe: { ...one.probe, causes: unique([...one.probe.causes, ...changes.causes]) },
      })),
    ),
    notes: unseen.map((one) => ({ ...one, callers: edge.speaksFor, destination })),
    notCompared: changes.notCompared,
  };
}

const notFull: NotCompared = {
  subject: 'all combinations of conditions',
  reason: 'there are too many, so each pair of conditions is combined',
};

/** Place of a request among those of its edge. */
interface RequestPlace {
  /** Text that names it. */
  readonly title: string;
  /** True if it shows the settings of its pair of routes. */
  readonly isRepresentative: boolean;
  /** The same for settings that need directives for the callee. */
  readonly isDirected: boolean;
  /** True if any request shows those of its pair of routes. */
  readonly hasDirected: boolean;
  readonly isLive: boolean;
}

function planRequest(
  edge: Edge,
  request: ClassRequest,
  { title, isRepresentative, isDirected, hasDirected, isLive }: RequestPlace,
): PlannedRequest {
  const { caller, speaksFor, destination, protocol, before, after } = edge;
  const earlier = { route: routeOf(request.before) ?? impliedRoute(before, protocol), parts: before };
  const later = { route: routeOf(request.after) ?? impliedRoute(after, protocol), parts: after };
  const needed = modesFor(earlier, later, { ...edge, isLive });
  const burst = rateLimitBurst(before, after, isLive);
  const ofLimit: Probe['mode'][] = burst === undefined ? [] : [{ kind: 'burst', count: burst, delayMs: 1 }];
  const haveEqualReceivers = before.receiverKey === after.receiverKey;
  const wanted = [...needed.modes, ...ofLimit];
  // An answer to a mock shows its headers only if the request asks for a text.
  const showsHeaders = caller.kind === 'gateway' || request.takesTextAnswer;
  const isSent = (mode: Probe['mode']): boolean =>
    isLive ? isLiveMode(mode) : mode.kind !== 'answer_headers' || showsHeaders;
  const hasUnsent = !isLive && wanted.some((mode) => !isSent(mode));
  const modes = wanted
    .filter(isSent)
    .flatMap((mode) =>
      (calleeDirectives({ mode }) === undefined ? isRepresentative : isDirected)
        ? mode
        : modesOfOthers(mode, haveEqualReceivers),
    );
  const copies = [...new Set([...mirrorsOf(earlier.route), ...mirrorsOf(later.route)])];
  const callees = [...new Set([...calleesOf(later.route), ...calleesOf(earlier.route)])];
  const objects = edgeObjects(edge, request);
  const probes = modes.map((mode): PlannedProbe => {
    const { conditions, routes, causes } = request;
    const id = `${title} ${JSON.stringify(mode)}`;
    const sent = mode.kind === 'answer_headers' ? withWholeAnswer(request.request, caller) : request.request;
    const probe = { id, caller, destination, request: sent, mode, speaksFor, conditions, routes, causes };
    return { probe, copies, callees, objects };
  });
  const unsent = isLive && isRepresentative ? unsentModes(wanted, { hasDirected, hasCopies: copies.length > 0 }) : [];
  return { probes, notCompared: [...needed.notCompared, ...unsent, ...(hasUnsent ? [unsentHeaders] : [])] };
}

const unsentHeaders: NotCompared = {
  subject: 'headers of answers',
  reason: 'the header accept, with which a mock shows them, is a condition of the requests',
};

/** Returns a request whose answer a mock shows with its headers: it is a text, and not the reply of a mock. */
function withWholeAnswer(request: Probe['request'], caller: Caller): Probe['request'] {
  if (caller.kind === 'gateway') return request;
  const [accept, value] = textAnswer;
  return { ...request, headers: [...request.headers.filter(({ name }) => name !== accept), { name: accept, value }] };
}

/** Number of requests of which some reach the same destination before and after a change. */
const fewRequests = 20;

/** Returns the modes of a request, if another one with the same routes shows shares, timeouts and limits. */
function modesOfOthers(mode: Probe['mode'], haveEqualReceivers: boolean): Probe['mode'][] {
  // The settings of CORS depend on the request.
  if (mode.kind === 'plain' || mode.kind === 'answer_headers') return [mode];
  if (mode.kind !== 'shares') return [];
  // The settings of a route may depend on the request too, such as those of CORS.
  return [haveEqualReceivers ? { ...mode, count: Math.min(mode.count, fewRequests) } : mode];
}

/** Returns the hosts of the clusters of a route that are Services. */
function calleesOf(route: Json | undefined): string[] {
  const hosts = clustersOfRoute(route).flatMap(({ cluster }) => cluster.split('|')[3] ?? []);
  return hosts.filter((host) => host.endsWith('.svc.cluster.local'));
}

function mirrorsOf(route: Json | undefined): string[] {
  return objectsAt(route, 'route', 'request_mirror_policies').flatMap((one) => textAt(one, 'cluster') ?? []);
}

function edgeTitle({ caller, destination }: Edge): string {
  if (caller.kind === 'gateway') return callerKey(caller);
  return `${callerKey(caller)} → ${destination.name}:${destination.port}`;
}

function routeOf(parsed: ClassRequest['before']): Json | undefined {
  return parsed?.route as Json | undefined;
}

function unique<T extends Cause | NotCompared>(all: readonly T[]): T[] {
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
}
