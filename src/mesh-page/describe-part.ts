import {
  isJsonObject,
  type Json,
  type JsonObject,
  numberAt,
  objectsAt,
  textAt,
  textsAt,
  valueAt,
} from '../diff/pieces/json.ts';
import { faultPercent, list } from './describe-object.ts';

/** Returns a sentence about a rule of a VirtualService. */
export function httpRouteText(route: JsonObject): string {
  const conditions = objectsAt(route, 'match').map(matchText);
  const abort = valueAt(route, 'fault', 'abort');
  const delay = valueAt(route, 'fault', 'delay');
  const redirect = valueAt(route, 'redirect');
  const direct = numberAt(route, 'directResponse', 'status');
  const actions = [
    ...(abort === undefined ? [] : [`answer ${shareText(abort)} with ${statusOf(abort)} (a fault)`]),
    ...(delay === undefined ? [] : [`delay ${shareText(delay)} by ${textAt(delay, 'fixedDelay') ?? '?'} (a fault)`]),
    ...(redirect === undefined ? [] : ['redirect the client']),
    ...(direct === undefined ? [] : [`answer ${direct} itself`]),
    ...(objectsAt(route, 'route').length === 0 ? [] : [`to ${targetsText(route)}`]),
    ...mirrorText(route),
    ...(textAt(route, 'timeout') === undefined ? [] : [`wait at most ${textAt(route, 'timeout')}`]),
    ...retriesText(valueAt(route, 'retries')),
    ...(textAt(route, 'delegate', 'name') === undefined ? [] : [`go on with ${textAt(route, 'delegate', 'name')}`]),
  ];
  const condition = conditions.length === 0 ? 'All requests' : `If ${conditions.join(', or if ')}`;
  return `${condition}: ${actions.length === 0 ? 'pass' : actions.join('; ')}.`;
}

/** Returns a sentence about a rule of a route of the Gateway API. */
export function apiRouteText(rule: JsonObject): string {
  const backends = objectsAt(rule, 'backendRefs').map((one) => ({
    name: textAt(one, 'name') ?? '?',
    weight: numberAt(one, 'weight'),
  }));
  const filters = objectsAt(rule, 'filters').map(apiFilterText);
  const isForAll = routeCondition(rule) === undefined;
  const condition = isForAll ? 'All requests' : `If ${objectsAt(rule, 'matches').map(apiMatchText).join(', or if ')}`;
  const limit = textAt(rule, 'timeouts', 'request');
  const attempt = textAt(rule, 'timeouts', 'backendRequest');
  const actions = [
    ...filters,
    ...(backends.length === 0 ? [] : [`to ${weighted(backends)}`]),
    ...(limit === undefined ? [] : [`wait at most ${limit}`]),
    ...(attempt === undefined ? [] : [`wait at most ${attempt} for each attempt`]),
    ...apiRetryText(valueAt(rule, 'retry')),
  ];
  return `${condition}: ${actions.length === 0 ? 'pass' : actions.join('; ')}.`;
}

/** Returns the requests that a rule of a route is for, in words; undefined if it is for all. */
export function routeCondition(rule: JsonObject): string | undefined {
  const texts = [...objectsAt(rule, 'match').map(matchText), ...objectsAt(rule, 'matches').map(apiMatchText)];
  const isForAll = texts.some((text) => /^(?:any request|(?:path|uri) begins with "\/")$/.test(text));
  return isForAll || texts.length === 0 ? undefined : texts.join(', or whose ');
}

/** Returns a sentence about a rule of an AuthorizationPolicy. */
export function policyRuleText(rule: JsonObject, action: string): string {
  const froms = objectsAt(rule, 'from').map((one) => fieldsText(valueAt(one, 'source')));
  const tos = objectsAt(rule, 'to').map((one) => fieldsText(valueAt(one, 'operation')));
  const whens = objectsAt(rule, 'when').map((one) => {
    const values = textsAt(one, 'values');
    const key = textAt(one, 'key') ?? '?';
    return values.length > 0
      ? `${key} is ${values.join(' or ')}`
      : `${key} is not ${textsAt(one, 'notValues').join(' or ')}`;
  });
  const parts = [
    ...(froms.length === 0 ? [] : [`from ${froms.join(', or from ')}`]),
    ...(tos.length === 0 ? [] : [`with ${tos.join(', or with ')}`]),
    ...(whens.length === 0 ? [] : [`where ${list(whens)}`]),
  ];
  const verb = action === 'DENY' ? 'Refuses' : action === 'ALLOW' ? 'Allows' : action === 'AUDIT' ? 'Marks' : 'Checks';
  return `${verb} ${parts.length === 0 ? 'all requests' : `requests ${parts.join(' ')}`}.`;
}

/** Names of fields of AuthorizationPolicy in words. */
const fieldWords: Readonly<Record<string, string>> = {
  principals: 'identity',
  serviceAccounts: 'service account',
  requestPrincipals: 'token',
  namespaces: 'namespace',
  ipBlocks: 'address',
  remoteIpBlocks: 'client address',
  methods: 'method',
  paths: 'path',
  hosts: 'host',
  ports: 'port',
};

function fieldsText(fields: Json | undefined): string {
  if (!isJsonObject(fields)) return 'anything';
  const texts = Object.keys(fields).map((field) => {
    const isNot = field.startsWith('not');
    const plain = isNot ? `${field.charAt(3).toLowerCase()}${field.slice(4)}` : field;
    const values = textsAt(fields, field);
    const word = fieldWords[plain] ?? plain;
    if (values.length === 1 && values[0] === '*') return isNot ? `clients without any ${word}` : `any ${word}`;
    return `${word} ${isNot ? 'other than ' : ''}${values.join(' or ')}`;
  });
  return texts.length === 0 ? 'anything' : list(texts);
}

function matchText(match: JsonObject): string {
  const simple = ['uri', 'scheme', 'method', 'authority'].flatMap((field) => {
    const text = stringMatchText(valueAt(match, field));
    return text === undefined ? [] : [`${field} ${text}`];
  });
  const named = ['headers', 'queryParams', 'withoutHeaders'].flatMap((field) => {
    const all = valueAt(match, field);
    if (!isJsonObject(all)) return [];
    return Object.entries(all).map(([name, one]) => {
      const text = stringMatchText(one) ?? 'is there';
      return field === 'withoutHeaders' ? `not ${name} ${text}` : `${name} ${text}`;
    });
  });
  const others = Object.keys(match).filter(
    (field) => !/^(?:uri|scheme|method|authority|headers|queryParams|withoutHeaders|name|ignoreUriCase)$/.test(field),
  );
  const texts = [...simple, ...named, ...others.map((field) => `${field} fits`)];
  return texts.length === 0 ? 'any request' : list(texts);
}

function stringMatchText(match: Json | undefined): string | undefined {
  const exact = textAt(match, 'exact');
  if (exact !== undefined) return `is "${exact}"`;
  const prefix = textAt(match, 'prefix');
  if (prefix !== undefined) return `begins with "${prefix}"`;
  const regex = textAt(match, 'regex');
  return regex === undefined ? undefined : `matches "${regex}"`;
}

function apiMatchText(match: JsonObject): string {
  const path = valueAt(match, 'path');
  const texts = [
    ...(path === undefined ? [] : [`path ${typedText(path)}`]),
    ...(textAt(match, 'method') === undefined ? [] : [`method is ${textAt(match, 'method')}`]),
    ...grpcMethodText(valueAt(match, 'method')),
    ...[...objectsAt(match, 'headers'), ...objectsAt(match, 'queryParams')].map(
      (one) => `${textAt(one, 'name')} ${typedText(one)}`,
    ),
  ];
  return texts.length === 0 ? 'any request' : list(texts);
}

/** Returns the method of a match of a GRPCRoute in words. Each part of it may be absent. */
function grpcMethodText(method: Json | undefined): string[] {
  const [service, name] = [textAt(method, 'service'), textAt(method, 'method')];
  if (service === undefined && name === undefined) return [];
  const verb = textAt(method, 'type') === 'RegularExpression' ? 'matches' : 'is';
  return [`method ${verb} ${service ?? '*'}/${name ?? '*'}`];
}

function typedText(value: Json): string {
  const type = textAt(value, 'type');
  const verb = type === 'PathPrefix' ? 'begins with' : type === 'RegularExpression' ? 'matches' : 'is';
  return `${verb} "${textAt(value, 'value') ?? ''}"`;
}

/** Returns the destinations of a route of a VirtualService, with their shares. */
export function targetsText(route: JsonObject): string {
  return weighted(
    objectsAt(route, 'route').map((one) => ({
      name: destinationText(valueAt(one, 'destination')),
      weight: numberAt(one, 'weight'),
    })),
  );
}

/** Returns a destination in words, such as `reviews v2`. */
function destinationText(destination: Json | undefined): string {
  const [host = '?', subset] = [textAt(destination, 'host'), textAt(destination, 'subset')];
  return subset === undefined ? host : `${host} ${subset}`;
}

/** Says how often, after what and for how long a route retries. */
function retriesText(retries: Json | undefined): string[] {
  const attempts = numberAt(retries, 'attempts');
  if (attempts === undefined) return [];
  if (attempts === 0) return ['never retry'];
  const [after, each] = [textAt(retries, 'retryOn'), textAt(retries, 'perTryTimeout')];
  const condition = after === undefined ? '' : ` after ${after.split(',').join(' or ')}`;
  const limit = each === undefined ? '' : `, ${each} for each attempt`;
  return [`retry up to ${attempts} ${attempts === 1 ? 'time' : 'times'}${condition}${limit}`];
}

function apiRetryText(retry: Json | undefined): string[] {
  if (retry === undefined) return [];
  const codes = valueAt(retry, 'codes');
  const after = Array.isArray(codes) && codes.length > 0 ? ` after ${codes.join(' or ')}` : '';
  return [`retry up to ${numberAt(retry, 'attempts') ?? 'some'} times${after}`];
}

/** Says what a filter of a route of the Gateway API does. */
function apiFilterText(filter: JsonObject): string {
  const mirror = valueAt(filter, 'requestMirror');
  if (mirror !== undefined) {
    const { numerator, denominator = 100 } = (valueAt(mirror, 'fraction') ?? {}) as Record<string, number | undefined>;
    const percent = numberAt(mirror, 'percent') ?? (numerator === undefined ? 100 : (100 * numerator) / denominator);
    return copiesText(textAt(mirror, 'backendRef', 'name') ?? '?', percent);
  }
  const redirect = valueAt(filter, 'requestRedirect');
  if (redirect !== undefined) {
    const parts = ['scheme', 'hostname', 'port', 'statusCode'].flatMap((field) => {
      const value = valueAt(redirect, field);
      return value === undefined ? [] : [`${field === 'statusCode' ? 'status' : field} ${value}`];
    });
    return `redirect the client${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`;
  }
  const rewrite = valueAt(filter, 'urlRewrite');
  const path = textAt(rewrite, 'path', 'replacePrefixMatch') ?? textAt(rewrite, 'path', 'replaceFullPath');
  if (path !== undefined) return `rewrite the path to "${path}"`;
  if (textAt(rewrite, 'hostname') !== undefined) return `rewrite the host to ${textAt(rewrite, 'hostname')}`;
  const headers = ['request', 'response'].flatMap((side) => {
    const modifier = valueAt(filter, `${side}HeaderModifier`);
    const set = [...objectsAt(modifier, 'set'), ...objectsAt(modifier, 'add')].map(
      (one) => `${textAt(one, 'name')}: ${textAt(one, 'value')}`,
    );
    const removed = textsAt(modifier ?? null, 'remove').map((name) => `no ${name}`);
    return [...set, ...removed].map((text) => `${text} in the ${side}`);
  });
  return headers.length === 0 ? `apply ${textAt(filter, 'type')}` : `set headers (${headers.join('; ')})`;
}

/** Says where copies of requests go. Their answers are dropped. */
function copiesText(target: string, percent: number): string {
  return `send a copy of ${percent === 100 ? 'each' : `${percent} % of them`} to ${target}`;
}

function weighted(targets: readonly { readonly name: string; readonly weight: number | undefined }[]): string {
  const total = targets.reduce((sum, { weight = targets.length === 1 ? 1 : 0 }) => sum + weight, 0);
  return list(
    targets.map(({ name, weight = targets.length === 1 ? 1 : 0 }) => {
      if (targets.length === 1 || total === 0) return name;
      return `${name} (${Math.round((weight / total) * 100)} %)`;
    }),
  );
}

function mirrorText(route: JsonObject): string[] {
  const mirrors = objectsAt(route, 'mirrors').map((one) =>
    copiesText(destinationText(valueAt(one, 'destination')), numberAt(one, 'percentage', 'value') ?? 100),
  );
  const mirror = valueAt(route, 'mirror');
  if (mirror === undefined) return mirrors;
  const percent = numberAt(route, 'mirrorPercentage', 'value') ?? numberAt(route, 'mirrorPercent') ?? 100;
  return [...mirrors, copiesText(destinationText(mirror), percent)];
}

function shareText(fault: Json): string {
  const percent = faultPercent(fault);
  return percent === 100 ? 'all of them' : percent === 0 ? 'none of them' : `${percent} % of them`;
}

function statusOf(abort: Json): string {
  return String(numberAt(abort, 'httpStatus') ?? textAt(abort, 'grpcStatus') ?? '?');
}
