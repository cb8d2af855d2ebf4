import { type Json, type JsonObject, numberAt, objectsAt, textAt, valueAt } from '../../diff/pieces/json.ts';
import { givenAt, pairsAt, shownAt, shownListAt } from './fields.ts';
import {
  abortStatus,
  conditionOf,
  copiesText,
  corsText,
  faultPercent,
  headersText,
  limitText,
  weighted,
} from './route-words.ts';
import { connectionMatchText, matchText, stringMatchText } from './virtual-service-match.ts';
import { list } from './words.ts';

/** Returns a sentence about a rule of a VirtualService for HTTP. */
export function httpRouteText(route: JsonObject): string {
  const conditions = objectsAt(route, 'match').map(matchText);
  const abort = valueAt(route, 'fault', 'abort');
  const delay = valueAt(route, 'fault', 'delay');
  const direct = valueAt(route, 'directResponse');
  const [timeout, delegate] = [givenAt(route, 'timeout'), givenAt(route, 'delegate', 'name')];
  const actions = [
    ...corsTexts(valueAt(route, 'corsPolicy')),
    ...(abort === undefined ? [] : [`answer ${shareText(abort)} with ${abortStatus(abort)} (a fault)`]),
    ...(delay === undefined ? [] : [`delay ${shareText(delay)} by ${shownAt(delay, 'fixedDelay')} (a fault)`]),
    ...redirectTexts(valueAt(route, 'redirect')),
    ...(direct === undefined ? [] : [`answer ${shownAt(direct, 'status')} itself`]),
    ...rewriteTexts(route),
    ...headerTexts(route),
    ...(objectsAt(route, 'route').length === 0 ? [] : [`to ${targetsText(route)}`]),
    ...targetHeaderTexts(route),
    ...mirrorText(route),
    ...(timeout === undefined ? [] : [limitText(timeout)]),
    ...retriesText(valueAt(route, 'retries')),
    ...(delegate === undefined ? [] : [`go on with ${delegate}`]),
  ];
  const condition = conditionOf(conditions) === undefined ? 'All requests' : `If ${conditions.join(', or if ')}`;
  return `${condition}: ${actions.length === 0 ? 'pass' : actions.join('; ')}.`;
}

/** Returns a sentence about a rule of a VirtualService for TLS or TCP. */
export function connectionRouteText(route: JsonObject, protocol: 'tls' | 'tcp'): string {
  const condition = conditionOf(objectsAt(route, 'match').map(connectionMatchText));
  const connections = `${protocol.toUpperCase()} connections`;
  return `${condition === undefined ? connections : `${connections} whose ${condition}`}: to ${targetsText(route)}.`;
}

/** Says what is rewritten. Envoy replaces the prefix that has matched, which is "/" without a condition on the URI. */
function rewriteTexts(route: JsonObject): string[] {
  const rewrite = valueAt(route, 'rewrite');
  const regex = valueAt(rewrite, 'uriRegexRewrite');
  const [uri, authority] = [givenAt(rewrite, 'uri'), givenAt(rewrite, 'authority')];
  const host = authority === undefined ? [] : [`change the host to ${authority}`];
  // Envoy gets only one of them.
  if (regex !== undefined)
    return [
      `replace what matches "${shownAt(regex, 'match')}" in the path with "${shownAt(regex, 'rewrite')}"`,
      ...host,
    ];
  if (uri === undefined) return host;
  const matches = objectsAt(route, 'match');
  const parts = new Set(matches.length === 0 ? [replacedPart({})] : matches.map(replacedPart));
  return [`replace ${list([...parts], 'or')} with "${uri}"`, ...host];
}

function replacedPart(match: JsonObject): string {
  if (textAt(match, 'uri', 'prefix') !== undefined) return 'the matched prefix of the path';
  return stringMatchText(valueAt(match, 'uri')) === undefined ? 'the first "/" of the path' : 'the path';
}

/** Says which headers of requests and answers a route, or one of its destinations, changes. */
function headerTexts(part: JsonObject): string[] {
  return (['request', 'response'] as const).flatMap((side) => {
    const changes = valueAt(part, 'headers', side);
    const [set, add] = [pairsAt(changes, 'set'), pairsAt(changes, 'add')];
    return headersText(side, { set, add, remove: shownListAt(changes, 'remove') });
  });
}

function targetHeaderTexts(route: JsonObject): string[] {
  return objectsAt(route, 'route').flatMap((one) =>
    headerTexts(one).map((text) => `for ${destinationText(valueAt(one, 'destination'))} ${text}`),
  );
}

function corsTexts(cors: Json | undefined): string[] {
  if (cors === undefined) return [];
  const patterns = objectsAt(cors, 'allowOrigins');
  // The list of texts is an old field, which counts only without the new one.
  const origins =
    valueAt(cors, 'allowOrigins') === undefined
      ? shownListAt(cors, 'allowOrigin').map((origin) => `is "${origin}"`)
      : patterns.map((one) => stringMatchText(one) ?? 'is ?');
  return [corsText(cors, origins, givenAt(cors, 'maxAge'))];
}

/** Fields of a redirect, and their names in words. */
const redirectFields = {
  scheme: 'scheme',
  authority: 'host',
  port: 'port',
  uri: 'path',
  prefixRewrite: 'matched prefix',
  redirectCode: 'status',
} as const;

function redirectTexts(redirect: Json | undefined): string[] {
  if (redirect === undefined) return [];
  const parts = Object.entries(redirectFields).flatMap(([field, word]) => {
    const value = givenAt(redirect, field);
    return value === undefined ? [] : [`${word} ${value}`];
  });
  return [`redirect the client${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`];
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
  const [host, subset] = [shownAt(destination, 'host'), givenAt(destination, 'subset')];
  return subset === undefined ? host : `${host} ${subset}`;
}

/** Says how often, after what and for how long a route retries. Settings without a number mean none (Istio, "HTTPRetry"). */
function retriesText(retries: Json | undefined): string[] {
  if (retries === undefined) return [];
  const attempts = valueAt(retries, 'attempts') ?? 0;
  if (attempts === 0) return ['never retry'];
  const [after, each] = [givenAt(retries, 'retryOn'), givenAt(retries, 'perTryTimeout')];
  const condition = after === undefined ? '' : ` after ${after.split(',').join(' or ')}`;
  const limit = each === undefined ? '' : `, ${each} for each attempt`;
  return [`retry up to ${shownAt(attempts)} ${attempts === 1 ? 'time' : 'times'}${condition}${limit}`];
}

function mirrorText(route: JsonObject): string[] {
  const mirrors = objectsAt(route, 'mirrors').map((one) =>
    copiesText(destinationText(valueAt(one, 'destination')), mirrorPercent(valueAt(one, 'percentage'))),
  );
  const mirror = valueAt(route, 'mirror');
  if (mirror === undefined) return mirrors;
  const percentage = valueAt(route, 'mirrorPercentage');
  const percent = percentage === undefined ? numberAt(route, 'mirrorPercent') : mirrorPercent(percentage);
  return [...mirrors, copiesText(destinationText(mirror), percent ?? 100)];
}

/** Returns the share of the requests that are copied. A percentage without a value is zero. */
function mirrorPercent(percentage: Json | undefined): number {
  return percentage === undefined ? 100 : (numberAt(percentage, 'value') ?? 0);
}

function shareText(fault: Json): string {
  const percent = faultPercent(fault);
  return percent === 100 ? 'all of them' : percent === 0 ? 'none of them' : `${percent} % of them`;
}
