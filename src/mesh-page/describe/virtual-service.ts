import {
  isJsonObject,
  type Json,
  type JsonObject,
  numberAt,
  objectsAt,
  textAt,
  valueAt,
} from '../../diff/pieces/json.ts';
import { copiesText, faultPercent, weighted } from './route-words.ts';
import { list } from './words.ts';

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

/** Returns a match in words. */
export function matchText(match: JsonObject): string {
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
