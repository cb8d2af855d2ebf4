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
import { list } from './describe-object.ts';

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
    ...routesText(objectsAt(route, 'route')),
    ...mirrorText(route),
    ...(textAt(route, 'timeout') === undefined ? [] : [`wait at most ${textAt(route, 'timeout')}`]),
    ...(numberAt(route, 'retries', 'attempts') === undefined
      ? []
      : [`retry up to ${numberAt(route, 'retries', 'attempts')} times`]),
    ...(textAt(route, 'delegate', 'name') === undefined ? [] : [`go on with ${textAt(route, 'delegate', 'name')}`]),
  ];
  const condition = conditions.length === 0 ? 'All requests' : `If ${conditions.join(', or if ')}`;
  return `${condition}: ${actions.length === 0 ? 'pass' : actions.join('; ')}.`;
}

/** Returns a sentence about a rule of a route of the Gateway API. */
export function apiRouteText(rule: JsonObject): string {
  const conditions = objectsAt(rule, 'matches').map(apiMatchText);
  const backends = objectsAt(rule, 'backendRefs').map((one) => ({
    name: textAt(one, 'name') ?? '?',
    weight: numberAt(one, 'weight'),
  }));
  const filters = objectsAt(rule, 'filters').map((one) => `apply ${textAt(one, 'type')}`);
  const condition = conditions.length === 0 ? 'All requests' : `If ${conditions.join(', or if ')}`;
  const actions = [...filters, ...(backends.length === 0 ? [] : [`to ${weighted(backends)}`])];
  return `${condition}: ${actions.length === 0 ? 'pass' : actions.join('; ')}.`;
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
    return `${fieldWords[plain] ?? plain} ${isNot ? 'other than ' : ''}${textsAt(fields, field).join(' or ')}`;
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
    ...(valueAt(match, 'method', 'service') === undefined
      ? []
      : [`method is ${textAt(match, 'method', 'service')}/${textAt(match, 'method', 'method') ?? '*'}`]),
    ...[...objectsAt(match, 'headers'), ...objectsAt(match, 'queryParams')].map(
      (one) => `${textAt(one, 'name')} ${typedText(one)}`,
    ),
  ];
  return texts.length === 0 ? 'any request' : list(texts);
}

function typedText(value: Json): string {
  const type = textAt(value, 'type');
  const verb = type === 'PathPrefix' ? 'begins with' : type === 'RegularExpression' ? 'matches' : 'is';
  return `${verb} "${textAt(value, 'value') ?? ''}"`;
}

function routesText(routes: readonly JsonObject[]): string[] {
  const targets = routes.map((route) => {
    const host = textAt(route, 'destination', 'host') ?? '?';
    const subset = textAt(route, 'destination', 'subset');
    return { name: subset === undefined ? host : `${host} ${subset}`, weight: numberAt(route, 'weight') };
  });
  return targets.length === 0 ? [] : [`to ${weighted(targets)}`];
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
  const mirrors = [
    ...objectsAt(route, 'mirrors').map((one) => textAt(one, 'destination', 'host')),
    textAt(route, 'mirror', 'host'),
  ].filter((host) => host !== undefined);
  return mirrors.length === 0 ? [] : [`send copies to ${list(mirrors)}`];
}

function shareText(fault: Json): string {
  const percent = numberAt(fault, 'percentage', 'value') ?? 100;
  return percent === 100 ? 'all of them' : `${percent} % of them`;
}

function statusOf(abort: Json): string {
  return String(numberAt(abort, 'httpStatus') ?? textAt(abort, 'grpcStatus') ?? '?');
}
