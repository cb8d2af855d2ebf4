import { isJsonObject, type Json, type JsonObject, textAt, valueAt } from '../../diff/pieces/json.ts';
import { givenAt, pairsAt, shownAt, shownListAt } from './fields.ts';
import { labelsText, list } from './words.ts';

/** Fields of matches that are described here, or that do not decide whether a request matches. */
const knownFields = new Set([
  ...['uri', 'ignoreUriCase', 'scheme', 'method', 'authority', 'headers', 'queryParams', 'withoutHeaders'],
  ...['sniHosts', 'destinationSubnets', 'sourceSubnet', 'port', 'sourceLabels', 'sourceNamespace', 'gateways'],
  ...['name', 'statPrefix'],
]);

/** Returns a match of a route for HTTP in words. */
export function matchText(match: JsonObject): string {
  const simple = ['uri', 'scheme', 'method', 'authority'].flatMap((field) => {
    const text = stringMatchText(valueAt(match, field));
    if (text === undefined) return [];
    const isAnyCase = field === 'uri' && valueAt(match, 'ignoreUriCase') === true && !text.startsWith('matches');
    return [`${field} ${text}${isAnyCase ? ' in any case' : ''}`];
  });
  const named = ['headers', 'queryParams', 'withoutHeaders'].flatMap((field) => {
    const all = valueAt(match, field);
    if (!isJsonObject(all)) return [];
    return Object.entries(all).map(([name, one]) => {
      const text = stringMatchText(one) ?? 'is there';
      return field === 'withoutHeaders' ? `not ${name} ${text}` : `${name} ${text}`;
    });
  });
  const gateways = gatewayTexts(match);
  // istiod does not look at the caller of a match with gateways; for TLS and TCP it does.
  const texts = [...simple, ...named, ...portTexts(match), ...(gateways.length > 0 ? gateways : callerTexts(match))];
  return joined([...texts, ...otherTexts(match)], 'any request');
}

/** Returns a match of a route for TLS or TCP in words. */
export function connectionMatchText(match: JsonObject): string {
  const [hosts, subnets] = [shownListAt(match, 'sniHosts'), shownListAt(match, 'destinationSubnets')];
  const source = givenAt(match, 'sourceSubnet');
  const texts = [
    ...(hosts.length === 0 ? [] : [`server name (SNI) is ${list(hosts, 'or')}`]),
    ...(subnets.length === 0 ? [] : [`destination address is in ${list(subnets, 'or')}`]),
    ...portTexts(match),
    ...(source === undefined ? [] : [`client address is in ${source}`]),
    ...gatewayTexts(match),
    ...callerTexts(match),
  ];
  return joined([...texts, ...otherTexts(match)], 'any connection');
}

function joined(texts: readonly string[], all: string): string {
  return texts.length === 0 ? all : list(texts);
}

function portTexts(match: JsonObject): string[] {
  // Port 0 is no condition.
  return [undefined, 0].includes(valueAt(match, 'port') as undefined) ? [] : [`port is ${shownAt(match, 'port')}`];
}

function gatewayTexts(match: JsonObject): string[] {
  const names = shownListAt(match, 'gateways').map((name) => (name === 'mesh' ? 'mesh (all sidecars)' : name));
  return names.length === 0 ? [] : [`gateway is ${list(names, 'or')}`];
}

function callerTexts(match: JsonObject): string[] {
  const namespace = givenAt(match, 'sourceNamespace');
  return [
    ...(pairsAt(match, 'sourceLabels').length === 0 ? [] : [`caller has ${labelsText(match, 'sourceLabels')}`]),
    ...(namespace === undefined ? [] : [`caller is in the namespace ${namespace}`]),
  ];
}

/** Names fields that this page does not know, such as those of a newer Istio. */
function otherTexts(match: JsonObject): string[] {
  const others = Object.keys(match).filter((field) => !knownFields.has(field));
  return others.map((field) => `the condition in its field ${field} holds`);
}

/** Returns a match of a text in words, such as `begins with "/a"`; undefined if it has no condition. */
export function stringMatchText(match: Json | undefined): string | undefined {
  if (match !== undefined && !isJsonObject(match)) return 'is ?';
  const exact = textAt(match, 'exact');
  if (exact !== undefined) return `is "${exact}"`;
  const prefix = textAt(match, 'prefix');
  if (prefix !== undefined) return `begins with "${prefix}"`;
  const regex = textAt(match, 'regex');
  return regex === undefined ? undefined : `matches "${regex}"`;
}
