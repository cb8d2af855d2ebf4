import { type Json, type JsonObject, objectsAt, textAt, valueAt } from '../../diff/pieces/json.ts';
import { optional } from '../../error/optional.ts';
import { groupOf, type KubeObject } from '../../istio/resources/objects.ts';
import { givenAt, pairsAt, shownAt, shownListAt } from './fields.ts';
import { apiMatchText, apiRouteText } from './gateway-api-route.ts';
import { specOf } from './object-targets.ts';
import { policyRuleText } from './policy-rule.ts';
import { conditionOf } from './route-words.ts';
import { type DescribedRule, trafficPolicyTexts } from './traffic-policy.ts';
import { connectionRouteText, httpRouteText } from './virtual-service.ts';
import { connectionMatchText, matchText } from './virtual-service-match.ts';
import { labelsText, list } from './words.ts';

/** Returns what the rules and settings of an object do, a sentence for each; none for kinds whose purpose says all. */
export function describedRules(object: KubeObject): DescribedRule[] {
  const spec = specOf(object);
  switch (object.kind) {
    case 'VirtualService':
      return [
        ...each(spec, 'http', httpRouteText),
        ...each(spec, 'tls', (route) => connectionRouteText(route, 'tls'), connectionMatchText),
        ...each(spec, 'tcp', (route) => connectionRouteText(route, 'tcp'), connectionMatchText),
      ];
    case 'HTTPRoute':
    case 'GRPCRoute':
    case 'TLSRoute':
    case 'TCPRoute':
      return each(spec, 'rules', apiRouteText);
    case 'AuthorizationPolicy':
      return each(spec, 'rules', (rule) => policyRuleText(rule, textAt(spec, 'action') ?? 'ALLOW'));
    case 'DestinationRule':
      return [...trafficPolicyTexts(spec), ...each(spec, 'subsets', subsetText)];
    case 'ServiceEntry':
      return [{ path: ['spec', 'hosts'], text: serviceEntryText(spec) }];
    case 'Gateway':
      return groupOf(object) === 'networking.istio.io'
        ? each(spec, 'servers', serverText)
        : each(spec, 'listeners', listenerText);
    case 'RequestAuthentication':
      return each(spec, 'jwtRules', jwtText);
    case 'Sidecar':
      return [...each(spec, 'egress', egressText), ...each(spec, 'ingress', ingressText)];
    case 'Telemetry':
      return [
        ...each(spec, 'tracing', tracingText),
        ...each(spec, 'accessLogging', loggingText),
        ...each(spec, 'metrics', metricsText),
      ];
    default:
      return [];
  }
}

function each(
  spec: Json,
  field: string,
  textOf: (part: JsonObject) => string,
  matchOf: (match: JsonObject) => string = matchText,
): DescribedRule[] {
  return objectsAt(spec, field).map((part, index) => ({
    path: ['spec', field, String(index)],
    text: textOf(part),
    ...optional(
      'condition',
      conditionOf([...objectsAt(part, 'match').map(matchOf), ...objectsAt(part, 'matches').map(apiMatchText)]),
    ),
  }));
}

function subsetText(subset: JsonObject): string {
  const settings = trafficPolicyTexts(subset, []).map(({ text }) => text);
  const more = settings.length === 0 ? '' : ` Only for it: ${settings.join(' ')}`;
  return `Subset ${shownAt(subset, 'name')}: pods with ${labelsText(subset, 'labels')}.${more}`;
}

function serviceEntryText(spec: Json): string {
  const ports = objectsAt(spec, 'ports').map(
    (one) => `${shownAt(one, 'number')} (${givenAt(one, 'protocol') ?? 'TCP'})`,
  );
  const addresses = objectsAt(spec, 'endpoints').map((one) => shownAt(one, 'address'));
  const resolution = textAt(spec, 'resolution') ?? 'NONE';
  const found =
    addresses.length > 0
      ? `at ${list(addresses)}`
      : valueAt(spec, 'workloadSelector') === undefined
        ? resolution === 'NONE'
          ? 'at the address that the client dials'
          : 'at the addresses of DNS'
        : `at pods with ${labelsText(spec, 'workloadSelector', 'labels')}`;
  const place = textAt(spec, 'location') === 'MESH_INTERNAL' ? 'as part of the mesh' : 'outside the mesh';
  return `${list(shownListAt(spec, 'hosts'))}, ${ports.length === 1 ? 'port' : 'ports'} ${list(ports)}: ${place}, ${found}.`;
}

function serverText(server: JsonObject): string {
  const tls = givenAt(server, 'tls', 'mode');
  const isRedirect = valueAt(server, 'tls', 'httpsRedirect') === true;
  const port = `Port ${shownAt(server, 'port', 'number')} (${shownAt(server, 'port', 'protocol')})`;
  const settings = [
    ...(tls === undefined ? [] : [`with TLS mode ${tls}`]),
    ...(isRedirect ? ['redirects clients to HTTPS'] : []),
  ];
  return `${[`${port} for ${list(shownListAt(server, 'hosts'))}`, ...settings].join(', ')}.`;
}

function listenerText(listener: JsonObject): string {
  const tls =
    valueAt(listener, 'tls') === undefined ? '' : `, with TLS mode ${givenAt(listener, 'tls', 'mode') ?? 'Terminate'}`;
  const port = `Port ${shownAt(listener, 'port')} (${shownAt(listener, 'protocol')})`;
  return `${port} for ${givenAt(listener, 'hostname') ?? 'all hosts'}${tls}.`;
}

function jwtText(rule: JsonObject): string {
  const audiences = shownListAt(rule, 'audiences');
  const keys =
    givenAt(rule, 'jwks') !== undefined
      ? 'keys in the object'
      : `keys from ${givenAt(rule, 'jwksUri') ?? 'the issuer'}`;
  const sources = [
    ...objectsAt(rule, 'fromHeaders').map((one) => `the header ${shownAt(one, 'name')}`),
    ...shownListAt(rule, 'fromParams').map((name) => `the parameter ${name}`),
  ];
  return [
    `Tokens of ${shownAt(rule, 'issuer')}, with ${keys}`,
    ...(audiences.length === 0 ? [] : [`only for ${list(audiences, 'or')}`]),
    ...(sources.length === 0 ? [] : [`in ${list(sources, 'or')}`]),
    ...(valueAt(rule, 'forwardOriginalToken') === true ? ['passed on to the service'] : []),
  ]
    .join(', ')
    .concat('.');
}

function egressText(egress: JsonObject): string {
  return `The proxies know ${list(shownListAt(egress, 'hosts'))} (NAMESPACE/HOST).`;
}

function ingressText(ingress: JsonObject): string {
  return `Port ${shownAt(ingress, 'port', 'number')} leads to ${givenAt(ingress, 'defaultEndpoint') ?? 'the same port'}.`;
}

function tracingText(tracing: JsonObject): string {
  if (valueAt(tracing, 'disableSpanReporting') === true) return 'No traces.';
  const share = givenAt(tracing, 'randomSamplingPercentage');
  return share === undefined ? `Traces to ${providers(tracing)}.` : `Traces of ${share} % of the requests.`;
}

function loggingText(logging: JsonObject): string {
  if (valueAt(logging, 'disabled') === true) return 'No access logs.';
  const filter = givenAt(logging, 'filter', 'expression');
  return `Access logs to ${providers(logging)}${filter === undefined ? '' : `, of requests with ${filter}`}.`;
}

function metricsText(metrics: JsonObject): string {
  const changed = objectsAt(metrics, 'overrides').map((one) => {
    const name = givenAt(one, 'match', 'metric') ?? 'ALL_METRICS';
    const tags = pairsAt(one, 'tagOverrides').map(([tag]) => tag);
    if (valueAt(one, 'disabled') === true) return `${name} is off`;
    return `${name} has other labels${tags.length === 0 ? '' : `: ${list(tags)}`}`;
  });
  return `Metrics for ${providers(metrics)}${changed.length === 0 ? '' : `: ${changed.join('; ')}`}.`;
}

function providers(part: JsonObject): string {
  const names = objectsAt(part, 'providers').map((one) => shownAt(one, 'name'));
  return names.length === 0 ? 'the usual provider' : list(names);
}
