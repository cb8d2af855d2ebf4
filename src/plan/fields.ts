/**
 * What each field of a plan may hold, the same whether it came as path, JSON or protobuf.
 * Every check gives what was expected instead, or undefined when the value is right.
 */

import { isGrpc, type Scheme } from './plan.ts';
import { isDurationMs, largestSizeBytes } from './quantity.ts';

/** Names that HTTP, gRPC or meshmock itself sets: a plan that set them would break the call. */
const reservedHeaders = new Set([
  'connection',
  'content-length',
  'content-type',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A DNS name (RFC 1123, with the underscores that Kubernetes' users have) or an address. IPv6 has no brackets here. */
export function hostProblem(host: string): string | undefined {
  if (host.includes(':')) {
    return /^[0-9A-Fa-f:.]+$/.test(host) && URL.canParse(`http://[${host}]/`) ? undefined : 'an IPv6 address';
  }
  if (host === '') return 'the name or address of a host';
  if (host.length > 253) return 'a host of at most 253 characters';
  if (/^\d+$/.test(host)) return 'the name of a host, not a number alone';
  const labels = host.replace(/\.$/, '').split('.');
  const right = labels.every((label) => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label));
  return right ? undefined : 'a host of letters, digits, "-" and "."';
}

/** A port of TCP. */
export function portProblem(port: number): string | undefined {
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? undefined : 'a port from 1 to 65535';
}

/** How often a call is made. */
export function timesProblem(times: number): string | undefined {
  return Number.isInteger(times) && times >= 1 && times <= 999_999_999 ? undefined : 'how many times, 1 or more';
}

/** What both an HTTP field (RFC 9110 section 5.1) and gRPC metadata can be called, in lower case, and the user's to set. */
export function headerNameProblem(name: string): string | undefined {
  if (!/^[0-9a-z_.-]+$/.test(name)) return 'the name of a header: letters, digits, "-", "_" and "."';
  if (reservedHeaders.has(name) || name.startsWith('grpc-'))
    return `a header other than ${name}, which the call sets itself`;
  if (name.startsWith('x-meshmock'))
    return `a header other than ${name}: what begins with x-meshmock travels by itself`;
  return undefined;
}

/** Printable ASCII: what both HTTP/1.1 and gRPC metadata carry unchanged. `host` is an authority. */
export function headerValueProblem(name: string, value: string): string | undefined {
  if (name === 'host' && !/^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.test(value))
    return 'a host, or HOST:PORT';
  return /^[\x20-\x7e]*$/.test(value) ? undefined : 'a header value of printable ASCII characters';
}

/** gRPC's library writes this one itself: a plan that set it would be ignored. */
export function callHeaderProblem(scheme: Scheme, name: string): string | undefined {
  return isGrpc(scheme) && name === 'user-agent' ? 'a header other than user-agent, which gRPC sets itself' : undefined;
}

/** A token in upper case, such as POST. CONNECT is no request to a service. */
export function methodProblem(method: string): string | undefined {
  return /^[A-Z][A-Z-]{0,31}$/.test(method) && method !== 'CONNECT' ? undefined : 'a method such as GET or POST';
}

/** A version, pod or zone as a condition names it. */
export function labelProblem(label: string): string | undefined {
  return /^[A-Za-z0-9._-]{1,253}$/.test(label) ? undefined : 'a value of letters, digits, ".", "_" and "-"';
}

/** Attempts are counted from 1. */
export function attemptProblem(attempt: number): string | undefined {
  return Number.isInteger(attempt) && attempt >= 1 && attempt <= 1000 ? undefined : 'an attempt from 1 to 1000';
}

/** There is none below the first. */
export function attemptBelowProblem(attempt: number): string | undefined {
  return attempt === 1 ? 'an attempt from 2, since there is none before the first' : attemptProblem(attempt);
}

/** A share of all requests. */
export function shareProblem(share: number): string | undefined {
  const right = share > 0 && share <= 1 && share === Math.round(share * 1e6) / 1e6;
  return right ? undefined : 'a share over 0 and up to 1, with at most 6 decimals';
}

/** An exact share: `hits` of every `of` requests. */
export function oneInProblem(hits: number, of: number): string | undefined {
  const right = Number.isInteger(hits) && Number.isInteger(of) && hits >= 1 && hits <= of && of <= 1_000_000;
  return right ? undefined : 'an exact share such as 1in3';
}

/** A final HTTP status. */
export function statusProblem(status: number): string | undefined {
  return Number.isInteger(status) && status >= 200 && status <= 599 ? undefined : 'a status from 200 to 599';
}

/** How often a failed call is tried again. */
export function retriesProblem(retries: number): string | undefined {
  return Number.isInteger(retries) && retries >= 0 && retries <= 1000 ? undefined : 'a number from 0 to 1000';
}

/** How many of a repeated call run at once. */
export function concurrencyProblem(concurrency: number): string | undefined {
  return Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 1000
    ? undefined
    : 'a number from 1 to 1000';
}

/** In ms: not negative, at most a day, no finer than a microsecond. */
export function durationProblem(durationMs: number): string | undefined {
  return isDurationMs(durationMs) ? undefined : 'milliseconds from 0 to a day';
}

/** In ms, as a duration, and not nothing. */
export function timeoutProblem(timeoutMs: number): string | undefined {
  return isDurationMs(timeoutMs) && timeoutMs > 0
    ? undefined
    : 'a duration such as 2s or 500ms (us, ms, s or m; over 0, up to a day)';
}

/** In bytes. */
export function sizeProblem(bytes: number): string | undefined {
  return Number.isInteger(bytes) && bytes >= 0 && bytes <= largestSizeBytes ? undefined : 'a number of bytes';
}

/** Any text that UTF-8 can carry. */
export function textProblem(text: string): string | undefined {
  return text.isWellFormed() ? undefined : 'well-formed Unicode';
}

/** Percentiles over 0 and up to 100 in rising order, with delays that do not fall. */
export function percentilesProblem(points: readonly { percentile: number; delayMs: number }[]): string | undefined {
  let last = { percentile: 0, delayMs: 0 };
  for (const point of points) {
    if (!(point.percentile > last.percentile && point.percentile <= 100)) return 'percentiles that rise, up to p100';
    if (point.percentile !== Math.round(point.percentile * 1000) / 1000) return 'a percentile with at most 3 decimals';
    if (point.delayMs < last.delayMs) return 'a delay no shorter than that of the percentile before';
    last = point;
  }
  return points.length > 0 ? undefined : 'percentiles such as p50=10ms,p99=1s';
}

const firstPlain = 0x21;
const numberSign = 0x23;
const lastPlain = 0x7e;

/** Index of the first character that cannot stand in a request target as it is; -1 when all can. */
export function badUriOffset(uri: string): number {
  for (let index = 0; index < uri.length; index++) {
    const code = uri.charCodeAt(index);
    if (code < firstPlain || code > lastPlain || code === numberSign) return index;
  }
  return -1;
}

/** Whether a text would be read as a plan: `/@`, `/~`, with a second slash in front or percent-encoded too. */
export function beginsPlan(text: string): boolean {
  return /^(?:\/|%2f){1,2}(?:@|~|%40|%7e)/i.test(text);
}

/** Whether a URI can stand in parentheses: what it opens it closes, encoded or not, and closes nothing else. */
export function balancesParentheses(uri: string): boolean {
  let open = 0;
  for (const [parenthesis] of uri.matchAll(/[()]|%2[89]/g)) {
    open += parenthesis === '(' || parenthesis === '%28' ? 1 : -1;
    if (open < 0) return false;
  }
  return open === 0;
}
