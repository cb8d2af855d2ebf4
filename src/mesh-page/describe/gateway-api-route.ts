import { type Json, type JsonObject, numberAt, objectsAt, textAt, valueAt } from '../../diff/pieces/json.ts';
import { givenAt, shownAt, shownListAt } from './fields.ts';
import { conditionOf, copiesText, corsText, headersText, limitText, weighted } from './route-words.ts';
import { list } from './words.ts';

/** Returns a sentence about a rule of a route of the Gateway API. */
export function apiRouteText(rule: JsonObject): string {
  const backends = objectsAt(rule, 'backendRefs').map((one) => ({
    name: shownAt(one, 'name'),
    weight: numberAt(one, 'weight') ?? 1,
  }));
  const filters = objectsAt(rule, 'filters').map(apiFilterText);
  const matches = objectsAt(rule, 'matches').map(apiMatchText);
  const condition = conditionOf(matches) === undefined ? 'All requests' : `If ${matches.join(', or if ')}`;
  const limit = givenAt(rule, 'timeouts', 'request');
  const attempt = givenAt(rule, 'timeouts', 'backendRequest');
  const actions = [
    ...filters,
    ...(backends.length === 0 ? [] : [`to ${weighted(backends)}`]),
    ...(limit === undefined ? [] : [limitText(limit)]),
    ...(attempt === undefined ? [] : [`${limitText(attempt)} for each attempt`]),
    ...apiRetryText(valueAt(rule, 'retry')),
  ];
  return `${condition}: ${actions.length === 0 ? 'pass' : actions.join('; ')}.`;
}

/** Returns a match in words. */
export function apiMatchText(match: JsonObject): string {
  const path = valueAt(match, 'path');
  const texts = [
    ...(path === undefined ? [] : [`path ${typedText(path, 'PathPrefix')}`]),
    ...(textAt(match, 'method') === undefined ? [] : [`method is ${textAt(match, 'method')}`]),
    ...grpcMethodText(valueAt(match, 'method')),
    ...[...objectsAt(match, 'headers'), ...objectsAt(match, 'queryParams')].map(
      (one) => `${shownAt(one, 'name')} ${typedText(one)}`,
    ),
  ];
  return texts.length === 0 ? 'any request' : list(texts);
}

/** Returns the method of a match of a GRPCRoute in words. Each part of it may be absent. */
function grpcMethodText(method: Json | undefined): string[] {
  const [service, name] = [givenAt(method, 'service'), givenAt(method, 'method')];
  if (service === undefined && name === undefined) return [];
  const verb = textAt(method, 'type') === 'RegularExpression' ? 'matches' : 'is';
  return [`method ${verb} ${service ?? '*'}/${name ?? '*'}`];
}

function typedText(value: Json, usual = 'Exact'): string {
  const type = textAt(value, 'type') ?? usual;
  const verb = type === 'PathPrefix' ? 'begins with' : type === 'RegularExpression' ? 'matches' : 'is';
  return `${verb} "${givenAt(value, 'value') ?? ''}"`;
}

function apiRetryText(retry: Json | undefined): string[] {
  if (retry === undefined) return [];
  const codes = shownListAt(retry, 'codes');
  const after = codes.length === 0 ? '' : ` after ${codes.join(' or ')}`;
  return [`retry up to ${givenAt(retry, 'attempts') ?? 'some'} times${after}`];
}

/** Says what a filter of a route of the Gateway API does. */
function apiFilterText(filter: JsonObject): string {
  const mirror = valueAt(filter, 'requestMirror');
  if (mirror !== undefined) return copiesText(shownAt(mirror, 'backendRef', 'name'), mirrorPercent(mirror));
  const redirect = valueAt(filter, 'requestRedirect');
  if (redirect !== undefined) {
    const path = pathText(redirect);
    const parts = ['scheme', 'hostname', 'port', 'statusCode'].flatMap((field) => {
      const value = givenAt(redirect, field);
      return value === undefined ? [] : [`${field === 'statusCode' ? 'status' : field} ${value}`];
    });
    const all = [...parts, ...(path === undefined ? [] : [`${path.part} ${path.value}`])];
    return `redirect the client${all.length === 0 ? '' : ` (${all.join(', ')})`}`;
  }
  const rewrite = valueAt(filter, 'urlRewrite');
  const [path, host] = [pathText(rewrite), givenAt(rewrite, 'hostname')];
  const rewritten = [
    ...(path === undefined
      ? []
      : [`replace the ${path.part}${path.isPrefix ? ' of the path' : ''} with "${path.value}"`]),
    ...(host === undefined ? [] : [`change the host to ${host}`]),
  ];
  if (rewritten.length > 0) return rewritten.join('; ');
  const cors = valueAt(filter, 'cors');
  if (cors !== undefined) {
    const seconds = givenAt(cors, 'maxAge');
    const origins = shownListAt(cors, 'allowOrigins').map((origin) => `is "${origin}"`);
    return corsText(cors, origins, seconds === undefined ? undefined : `${seconds}s`);
  }
  const headers = (['request', 'response'] as const).flatMap((side) => {
    const modifier = valueAt(filter, `${side}HeaderModifier`);
    const [set = [], add = []] = ['set', 'add'].map((field) =>
      objectsAt(modifier, field).map((one) => [shownAt(one, 'name'), shownAt(one, 'value')] as const),
    );
    return headersText(side, { set, add, remove: shownListAt(modifier, 'remove') });
  });
  return headers.length === 0 ? `apply ${shownAt(filter, 'type')}` : headers.join('; ');
}

/** Returns the part of a path that a filter replaces, and with which text. */
function pathText(part: Json | undefined): { part: string; value: string; isPrefix: boolean } | undefined {
  const [prefix, full] = [valueAt(part, 'path', 'replacePrefixMatch'), valueAt(part, 'path', 'replaceFullPath')];
  if (prefix !== undefined) return { part: 'matched prefix', value: shownAt(prefix), isPrefix: true };
  return full === undefined ? undefined : { part: 'path', value: shownAt(full), isPrefix: false };
}

/** Returns the share of the requests that are copied; all of them if the filter has none. */
function mirrorPercent(mirror: Json): number {
  const [numerator, denominator] = [
    numberAt(mirror, 'fraction', 'numerator'),
    numberAt(mirror, 'fraction', 'denominator') ?? 100,
  ];
  return numberAt(mirror, 'percent') ?? (numerator === undefined ? 100 : (100 * numerator) / (denominator || 100));
}
