import { type EnvoyConfig, parseEnvoyDump } from '../diff/pieces/envoy-config.ts';
import { forEachText, type Json, type JsonObject, objectsAt, textAt, textsAt, valueAt } from '../diff/pieces/json.ts';
import { causeOfPath } from '../diff/requests/causes.ts';
import { configId } from '../istio/live/config-objects.ts';
import type { ObservedObject, ObservedPod } from '../istio/live/observation.ts';
import type { ActingObject, ActingPart, EdgeDetails } from '../page/model/mesh-page-data.ts';
import { apiRouteText } from './describe/gateway-api-route.ts';
import { appliesTo, isDryRun, specOf } from './describe/object-targets.ts';
import { policyRuleText } from './describe/policy-rule.ts';
import { connectionRouteText, httpRouteText } from './describe/virtual-service.ts';
import { manifestOf, objectText, placeOf, yamlOf } from './object-texts.ts';

/** Edge whose configuration is read. */
export interface EdgeQuestion {
  readonly id: string;
  /** A pod of the caller; undefined outside the mesh. */
  readonly caller: ObservedPod | undefined;
  /** Configuration of the Envoy that routes, as its dump: the caller's, or that of a gateway; undefined without a proxy. */
  readonly dump: string | undefined;
  /** Pods of the callee; none outside the mesh. */
  readonly callees: readonly ObservedPod[];
  /** Hosts of the callee. */
  readonly hosts: readonly string[];
  readonly objects: readonly ObservedObject[];
  readonly rootNamespace: string;
}

/** Kinds that act in the proxy of the caller on all that it sends. */
const callerKinds = new Set(['Sidecar', 'EnvoyFilter']);
/** Kinds that act in the proxy of the callee on all that it receives, in the order in which a request meets them. */
const calleeKinds = [
  'Gateway',
  'PeerAuthentication',
  'RequestAuthentication',
  'AuthorizationPolicy',
  'WasmPlugin',
  'EnvoyFilter',
];

/**
 * Returns what acts on the requests of an edge. Routes and settings of destinations are read from the caller's Envoy, which
 * names the objects that they come from. Objects with a selector act on the pods that they select.
 */
export function edgeDetails(question: EdgeQuestion): EdgeDetails {
  const { id, caller, callees, dump } = question;
  const isGateway = callees.some(({ role }) => role === 'gateway');
  const routed = dump === undefined ? [] : routingObjects(question, parseEnvoyDump(dump));
  const selected = [...callerObjects(question), ...calleeObjects(question)];
  const callee = selected.filter(({ side }) => side === 'callee');
  const notes = [
    ...(caller !== undefined && !caller.hasSidecar
      ? ['The caller has no sidecar: no route and no setting of a destination applies to its requests.']
      : []),
    ...(callees.length > 0 && callees.every(({ hasSidecar }) => !hasSidecar)
      ? ['The callee has no sidecar: no policy protects it.']
      : []),
    ...(routed.length === 0 && dump !== undefined && !isGateway
      ? ['No object changes the routes of these requests: they go to any pod of the callee.']
      : []),
    ...(callees.some(({ hasSidecar }) => hasSidecar) && !callee.some(({ kind }) => kind === 'AuthorizationPolicy')
      ? ['No AuthorizationPolicy selects the callee: every caller is allowed.']
      : []),
    ...(!isGateway &&
    callees.some(({ hasSidecar }) => hasSidecar) &&
    !callee.some(({ kind }) => kind === 'PeerAuthentication')
      ? ['No PeerAuthentication selects the callee: it accepts mutual TLS and plain text.']
      : []),
    ...(callee.filter(({ kind }) => kind === 'PeerAuthentication').length > 1
      ? ['Of several PeerAuthentications, that for the fewest pods decides.']
      : []),
  ];
  const before = selected.filter(({ side }) => side === 'caller');
  // A gateway first decides whether it lets a client in.
  return { id, objects: isGateway ? [...before, ...callee, ...routed] : [...before, ...routed, ...callee], notes };
}

/** Parts of an object that acts, by their places such as `http[0]`. */
type Places = Set<string | undefined>;

function routingObjects(question: EdgeQuestion, config: EnvoyConfig): ActingObject[] {
  const places = new Map<string, Places>();
  const add = (id: string, place: string | undefined): void => {
    const known = places.get(id) ?? new Set();
    places.set(id, known.add(place));
  };
  for (const routes of config.routes.values())
    for (const host of objectsAt(routes, 'virtual_hosts'))
      for (const { id, place } of routeCauses(host, question)) add(id, place);
  for (const { id } of filterChainCauses(config, question)) add(id, undefined);
  for (const [name, cluster] of config.clusters) {
    if (!question.hosts.includes(name.split('|')[3] ?? '')) continue;
    const cause = causeOfPath(textAt(cluster, 'metadata', 'filter_metadata', 'istio', 'config'), '');
    if (cause !== undefined) add(`${cause.kind} ${cause.namespace}/${cause.name}`, undefined);
  }
  return question.objects.flatMap((observed) => {
    const found = places.get(configId(observed.object));
    const side = question.caller?.hasSidecar ? 'caller' : 'callee';
    return found === undefined ? [] : [actingObject(observed, question, side, found)];
  });
}

/** Returns the objects, with the places in them, of the routes of a virtual host that act on the edge. */
function routeCauses(
  host: JsonObject,
  { caller, callees, hosts, objects }: EdgeQuestion,
): { id: string; place: string | undefined }[] {
  // All routes of a gateway act on what clients send to it.
  const isAnyRoute = !caller?.hasSidecar && callees.some(({ role }) => role === 'gateway');
  const isOfCallee = textsAt(host, 'domains').some((domain) => hosts.includes(domain.replace(/:\d+$/, '')));
  const routes = objectsAt(host, 'routes');
  /** Number of the routes of each object so far: istiod makes one for each match, in order. */
  const counts = new Map<string, number>();
  return routes.flatMap((route) => {
    const path = textAt(route, 'metadata', 'filter_metadata', 'istio', 'config');
    const cause = causeOfPath(path, textAt(route, 'name') ?? '');
    if (cause === undefined) return [];
    const id = `${cause.kind} ${cause.namespace}/${cause.name}`;
    const index = counts.get(id) ?? 0;
    counts.set(id, index + 1);
    if (!isAnyRoute && !isOfCallee && !leadsTo(route, hosts)) return [];
    const object = objects.find((one) => configId(one.object) === id)?.object;
    const all = routes.filter((one) => textAt(one, 'metadata', 'filter_metadata', 'istio', 'config') === path);
    const place = object?.kind === 'VirtualService' ? placeOfRoute(specOf(object), index, all.length) : cause.place;
    return [{ id, place }];
  });
}

/** Returns the objects of the routes of TCP and TLS that lead to the callee: they are chains of filters in listeners. */
function filterChainCauses({ listeners }: EnvoyConfig, { hosts }: EdgeQuestion): { id: string }[] {
  return listeners.flatMap((listener) =>
    objectsAt(listener, 'filter_chains').flatMap((chain) => {
      const cause = causeOfPath(textAt(chain, 'metadata', 'filter_metadata', 'istio', 'config'), '');
      const leads = objectsAt(chain, 'filters').some((filter) => leadsToHosts(filter, hosts));
      return cause === undefined || !leads ? [] : [{ id: `${cause.kind} ${cause.namespace}/${cause.name}` }];
    }),
  );
}

function leadsTo(route: JsonObject, hosts: readonly string[]): boolean {
  return leadsToHosts(route.route, hosts);
}

function leadsToHosts(part: Json | undefined, hosts: readonly string[]): boolean {
  let leads = false;
  forEachText(part, (text) => {
    if (text.includes('|') && hosts.includes(text.split('|')[3] ?? '')) leads = true;
  });
  return leads;
}

/**
 * Returns the place in a VirtualService of the route with an index among the routes of Envoy. It is unknown if Envoy has
 * another number of routes, as after a delegate.
 */
function placeOfRoute(spec: Json, index: number, all: number): string | undefined {
  const matches = objectsAt(spec, 'http').map((route) => Math.max(1, objectsAt(route, 'match').length));
  if (matches.reduce((sum, length) => sum + length, 0) !== all) return undefined;
  let end = 0;
  const found = matches.findIndex((length) => {
    end += length;
    return index < end;
  });
  return found === -1 ? undefined : `http[${found}]`;
}

function callerObjects(question: EdgeQuestion): ActingObject[] {
  const { caller, objects, rootNamespace } = question;
  if (caller === undefined || !caller.hasSidecar) return [];
  return objects
    .filter(({ object }) => callerKinds.has(object.kind) && appliesTo(object, caller, rootNamespace))
    .map((observed) => actingObject(observed, question, 'caller', new Set()));
}

function calleeObjects(question: EdgeQuestion): ActingObject[] {
  const { callees, objects, rootNamespace } = question;
  const proxied = (kind: string): readonly ObservedPod[] =>
    callees.filter(({ hasSidecar, role }) => hasSidecar && (kind !== 'Gateway' || role === 'gateway'));
  return calleeKinds.flatMap((kind) =>
    objects
      .filter(
        ({ object }) => object.kind === kind && proxied(kind).some((pod) => appliesTo(object, pod, rootNamespace)),
      )
      .map((observed) => actingObject(observed, question, 'callee', new Set())),
  );
}

function actingObject(
  observed: ObservedObject,
  { rootNamespace }: EdgeQuestion,
  side: ActingObject['side'],
  places: Places,
): ActingObject {
  return { ...objectText(observed, rootNamespace), side, parts: partsOf(observed, places) };
}

function partsOf(observed: ObservedObject, places: Places): ActingPart[] {
  const spec = specOf(observed.object);
  const parts = (field: string, textOf: (part: JsonObject) => string, canRefuse: (part: JsonObject) => boolean) =>
    objectsAt(spec, field).flatMap((part, index): ActingPart[] => {
      const isNamed = [...places].some((place) => place === `${field}[${index}]` || isNamedRoute(place, part));
      // Where Envoy does not say the place, any of them may act.
      if (places.size > 0 && !places.has(undefined) && !isNamed) return [];
      const where = placeOf(manifestOf(observed), ['spec', field, String(index)]);
      return [
        {
          path: `spec.${field}[${index}]`,
          text: textOf(part),
          canRefuse: canRefuse(part),
          ...(where === undefined ? {} : { where }),
          yaml: yamlOf(part),
        },
      ];
    });
  const action = textAt(spec, 'action') ?? 'ALLOW';
  switch (observed.object.kind) {
    case 'VirtualService':
      return [
        ...parts('http', httpRouteText, ({ fault }) => valueAt(fault, 'abort') !== undefined),
        ...(['tls', 'tcp'] as const).flatMap((field) =>
          parts(
            field,
            (route) => connectionRouteText(route, field),
            () => false,
          ),
        ),
      ];
    case 'HTTPRoute':
    case 'GRPCRoute':
      return parts('rules', apiRouteText, () => false);
    case 'AuthorizationPolicy':
      return parts(
        'rules',
        (rule) => policyRuleText(rule, action),
        () => (action === 'DENY' || action === 'CUSTOM') && !isDryRun(observed.object),
      );
    default:
      return [];
  }
}

function isNamedRoute(place: string | undefined, part: JsonObject): boolean {
  const name = textAt(part, 'name');
  return name !== undefined && place === `route ${name}`;
}
