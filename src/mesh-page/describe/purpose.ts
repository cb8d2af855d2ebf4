import { type Json, objectsAt, textAt, valueAt } from '../../diff/pieces/json.ts';
import { groupOf, type KubeObject } from '../../istio/resources/objects.ts';
import { givenAt, pairsAt, shownAt, shownListAt } from './fields.ts';
import { isDryRun, specOf, targetText } from './object-targets.ts';
import { abortStatus, faultPercent } from './route-words.ts';
import { count, list } from './words.ts';

/** Returns one sentence about what an object is for. */
export function aboutObject(object: KubeObject, rootNamespace: string): string {
  const spec = specOf(object);
  const target = (): string => targetText(object, rootNamespace);
  switch (object.kind) {
    case 'VirtualService':
      return `${list([`Chooses where requests to ${list(shownListAt(spec, 'hosts'))} go`, ...faultTexts(spec)])}.`;
    case 'DestinationRule':
      return `Settings for requests to ${shownAt(spec, 'host')}: ${destinationSettings(spec)}.`;
    case 'AuthorizationPolicy':
      return policyText(object, target());
    case 'PeerAuthentication':
      return mtlsText(spec, target());
    case 'RequestAuthentication':
      return `Checks the tokens of requests to ${target()}: one that is not valid is refused, a missing one is not.`;
    case 'Gateway':
      return gatewayText(object);
    case 'HTTPRoute':
    case 'GRPCRoute':
    case 'TLSRoute':
    case 'TCPRoute':
      return `Chooses where requests go: ${count(objectsAt(spec, 'rules').length, 'rule')} for ${parentsText(spec)}.`;
    case 'ServiceEntry':
      return `Makes ${list(shownListAt(spec, 'hosts'))} known to the mesh.`;
    case 'Sidecar':
      return `Limits which services the proxies of ${target()} know.`;
    case 'EnvoyFilter':
      return `Changes the configuration of the proxies of ${target()} directly.`;
    case 'Telemetry':
      return `Sets traces, metrics and logs of ${target()}.`;
    case 'WasmPlugin':
      return `Runs a plugin in the proxies of ${target()}.`;
    case 'Ingress':
      return 'Leads requests from outside to services.';
    default:
      return object.kind;
  }
}

/** Returns the faults of the routes of a VirtualService in words. */
function faultTexts(spec: Json): string[] {
  const texts = objectsAt(spec, 'http').flatMap((route) => {
    const [abort, delay] = [valueAt(route, 'fault', 'abort'), valueAt(route, 'fault', 'delay')];
    return [
      ...(abort === undefined ? [] : [`answers ${faultShare(abort)} itself with ${abortStatus(abort)} (a fault)`]),
      ...(delay === undefined ? [] : [`delays ${faultShare(delay)} by ${shownAt(delay, 'fixedDelay')} (a fault)`]),
    ];
  });
  return [...new Set(texts)];
}

function faultShare(fault: Json | undefined): string {
  return `${faultPercent(fault)} % of those of a route`;
}

function policyText(object: KubeObject, target: string): string {
  return `${isDryRun(object) ? 'Only logs what it would do (dry run): ' : ''}${actionText(object, target)}`;
}

function actionText(object: KubeObject, target: string): string {
  const spec = specOf(object);
  const rules = objectsAt(spec, 'rules');
  const some = rules.length === 1 ? 'its rule' : `one of its ${rules.length} rules`;
  switch (textAt(spec, 'action') ?? 'ALLOW') {
    case 'ALLOW':
      return rules.length === 0
        ? `Refuses every request to ${target}: it has no rule that allows one.`
        : `Allows only requests that fit ${some}, to ${target}. All others are refused.`;
    case 'DENY':
      return rules.length === 0
        ? 'Has no rule, so it does nothing.'
        : `Refuses requests that fit ${some}, to ${target}.`;
    case 'AUDIT':
      return `Marks requests that fit ${some} for logs, to ${target}. It refuses none.`;
    default:
      return `Asks an external service about requests that fit ${some}, to ${target}.`;
  }
}

function mtlsText(spec: Json, target: string): string {
  const ports = pairsAt(spec, 'portLevelMtls');
  const modes = ports.map(([port]) => `${givenAt(spec, 'portLevelMtls', port, 'mode') ?? 'UNSET'} on port ${port}`);
  return `${modeText(textAt(spec, 'mtls', 'mode'), target)}${modes.length === 0 ? '' : ` But ${list(modes)}.`}`;
}

function modeText(mode: string | undefined, target: string): string {
  switch (mode) {
    case 'STRICT':
      return `Requires mutual TLS of all callers of ${target}: plain text is refused.`;
    case 'DISABLE':
      return `Switches mutual TLS off for ${target}.`;
    case 'PERMISSIVE':
      return `Accepts mutual TLS and plain text, to ${target}.`;
    default:
      return `Sets no mode for ${target}: that of a wider PeerAuthentication applies, or mutual TLS and plain text are accepted.`;
  }
}

function gatewayText(object: KubeObject): string {
  const spec = specOf(object);
  const isIstio = groupOf(object) === 'networking.istio.io';
  const ports = isIstio
    ? objectsAt(spec, 'servers').map((one) => shownAt(one, 'port', 'number'))
    : objectsAt(spec, 'listeners').map((one) => shownAt(one, 'port'));
  return `Opens ${list([...new Set(ports)].map((port) => `port ${port}`))} of a gateway to clients outside the mesh.`;
}

function destinationSettings(spec: Json): string {
  const policy = valueAt(spec, 'trafficPolicy');
  const subsets = objectsAt(spec, 'subsets').map((one) => shownAt(one, 'name'));
  const mode = givenAt(policy, 'tls', 'mode');
  const parts = [
    ...(subsets.length === 0 ? [] : [`subsets ${subsets.join(', ')}`]),
    ...(mode === undefined ? [] : [`TLS mode ${mode}`]),
    ...(valueAt(policy, 'outlierDetection') === undefined ? [] : ['pods that fail are left out for a while']),
    ...(valueAt(policy, 'connectionPool') === undefined ? [] : ['limits of connections and requests']),
    ...(valueAt(policy, 'loadBalancer') === undefined ? [] : ['how pods are chosen']),
  ];
  return parts.length === 0 ? 'none that changes requests' : parts.join('; ');
}

function parentsText(spec: Json): string {
  const parents = objectsAt(spec, 'parentRefs').map(
    (one) => `${givenAt(one, 'kind') ?? 'Gateway'} ${shownAt(one, 'name')}`,
  );
  return parents.length === 0 ? 'no parent' : list(parents);
}
