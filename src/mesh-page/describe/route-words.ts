import { type Json, numberAt, valueAt } from '../../diff/pieces/json.ts';
import { givenAt, shownAt, shownListAt } from './fields.ts';
import { list } from './words.ts';

/** Says where copies of requests go. Their answers are dropped. */
export function copiesText(target: string, percent: number): string {
  return `send a copy of ${percent === 100 ? 'each' : `${percent} % of them`} to ${target}`;
}

/** Returns targets with their shares. */
export function weighted(targets: readonly { readonly name: string; readonly weight: number | undefined }[]): string {
  const total = targets.reduce((sum, { weight = targets.length === 1 ? 1 : 0 }) => sum + weight, 0);
  return list(
    targets.map(({ name, weight = targets.length === 1 ? 1 : 0 }) => {
      if (targets.length === 1 || total === 0) return name;
      return `${name} (${Math.round((weight / total) * 100)} %)`;
    }),
  );
}

/** Says how long a proxy waits. A time of zero is no limit. */
export function limitText(time: string): string {
  return /^(?:0+(?:\.0+)?[a-zµ]+)+$/.test(time) ? 'wait without a limit' : `wait at most ${time}`;
}

/** Returns the percentage of requests that get a fault. Without one in the object, none does (Istio, "HTTPFaultInjection"). */
export function faultPercent(fault: Json | undefined): number {
  return numberAt(fault, 'percentage', 'value') ?? numberAt(fault, 'percent') ?? 0;
}

/** Returns the status with which a fault answers. */
export function abortStatus(abort: Json | undefined): string {
  return givenAt(abort, 'httpStatus') ?? shownAt(abort, 'grpcStatus');
}

/** Returns the requests that one of some matches is for, in words; undefined if it is for all. */
export function conditionOf(matches: readonly string[]): string | undefined {
  const isForAll = matches.some((text) => /^(?:any request|any connection|(?:path|uri) begins with "\/")$/.test(text));
  return isForAll || matches.length === 0 ? undefined : matches.join(', or whose ');
}

/** Headers that are set, added to those that are there, and removed. */
export interface HeaderChanges {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

/** Says which headers of requests or answers are changed; nothing if none is. */
export function headersText(side: 'request' | 'response', { set, add, remove }: HeaderChanges): string[] {
  const texts = [
    ...set.map(([name, value]) => `set ${name}: ${value}`),
    ...add.map(([name, value]) => `add ${name}: ${value}`),
    ...remove.map((name) => `remove ${name}`),
  ];
  return texts.length === 0 ? [] : [`change headers of the ${side} (${texts.join(', ')})`];
}

/**
 * Says which web pages a CORS policy lets browsers call from. Envoy refuses no request because of it: browsers do.
 *
 * @param origins conditions of the origins of pages, such as `is "https://a.example"`
 */
export function corsText(cors: Json, origins: readonly string[], maxAge: string | undefined): string {
  const lists = [
    ['methods', shownListAt(cors, 'allowMethods')],
    ['request headers', shownListAt(cors, 'allowHeaders')],
    ['readable response headers', shownListAt(cors, 'exposeHeaders')],
  ] as const;
  const settings = [
    ...lists.flatMap(([name, values]) => (values.length === 0 ? [] : [`${name} ${list(values)}`])),
    ...(maxAge === undefined ? [] : [`preflights valid for ${maxAge}`]),
    ...(valueAt(cors, 'allowCredentials') === true ? ['with credentials'] : []),
    ...(valueAt(cors, 'unmatchedPreflights') === 'IGNORE' ? ['other preflights are not passed on'] : []),
  ];
  const pages = origins.includes('is "*"')
    ? 'all web pages'
    : origins.length === 0
      ? 'no web page'
      : `web pages whose origin ${list(origins, 'or')}`;
  return `allow browsers to call from ${pages} (${['CORS', ...settings].join(', ')})`;
}
