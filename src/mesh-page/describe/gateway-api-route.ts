import { type Json, type JsonObject, numberAt, objectsAt, textAt, textsAt, valueAt } from '../../diff/pieces/json.ts';
import { conditionOf, copiesText, weighted } from './route-words.ts';
import { list } from './words.ts';

/** Returns a sentence about a rule of a route of the Gateway API. */
export function apiRouteText(rule: JsonObject): string {
  const backends = objectsAt(rule, 'backendRefs').map((one) => ({
    name: textAt(one, 'name') ?? '?',
    weight: numberAt(one, 'weight'),
  }));
  const filters = objectsAt(rule, 'filters').map(apiFilterText);
  const matches = objectsAt(rule, 'matches').map(apiMatchText);
  const condition = conditionOf(matches) === undefined ? 'All requests' : `If ${matches.join(', or if ')}`;
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

/** Returns a match in words. */
export function apiMatchText(match: JsonObject): string {
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
