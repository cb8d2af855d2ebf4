/**
 * Checks of the fields of a plan, shared by the path language, JSON and protobuf.
 * Each check returns a description of the expected value, or undefined if the value is right.
 */

import { isGrpc, isWebSocket, type Scheme } from './plan.ts';
import { isDurationMs, largestSizeBytes } from './quantity.ts';

/** Names of headers that HTTP or gRPC sets. A plan that sets them would break the call. */
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

/** Labels of up to 63 characters, and dots between them. A dot at the end makes a name absolute. */
const hostName =
  /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/;

/**
 * Checks a DNS name or an IP address. IPv6 has no brackets here.
 * Names follow RFC 1123, but may also contain underscores.
 */
export function hostProblem(host: string): string | undefined {
  if (host.includes(':')) {
    return /^[0-9A-Fa-f:.]+$/.test(host) && URL.canParse(`http://[${host}]/`) ? undefined : 'an IPv6 address';
  }
  if (host === '') return 'the name or address of a host';
  if (host.length > 253) return 'a host of at most 253 characters';
  if (/^\d+$/.test(host)) return 'the name of a host, not a number alone';
  return hostName.test(host) ? undefined : 'a host of letters, digits, "-" and "."';
}

/** Checks a TCP port. */
export function portProblem(port: number): string | undefined {
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? undefined : 'a port from 1 to 65535';
}

/** Checks the number of times that a call is made. */
export function timesProblem(times: number): string | undefined {
  return Number.isInteger(times) && times >= 1 && times <= 999_999_999 ? undefined : 'a number of times, 1 or more';
}

/**
 * Checks the name of a header that a plan sets, in lower case. The name must be valid for HTTP (RFC 9110 section 5.1)
 * and for gRPC metadata.
 */
export function headerNameProblem(name: string): string | undefined {
  if (!/^[0-9a-z_.-]+$/.test(name)) return 'the name of a header: letters, digits, "-", "_" and "."';
  if (reservedHeaders.has(name) || name.startsWith('grpc-'))
    return `a header other than ${name}, which the call sets itself`;
  if (name.startsWith('x-meshmock'))
    return `a header other than ${name}: meshmock sets the headers that begin with x-meshmock`;
  return undefined;
}

/** Checks the name of a header that a directive adds to an answer. */
export function answerHeaderNameProblem(name: string): string | undefined {
  if (name === 'content-type') return undefined;
  return name === 'x-content-type-options'
    ? `a header other than ${name}, which each answer has for its own safety`
    : headerNameProblem(name);
}

/** Fields that decide how an answer is read, so they cannot come after it (RFC 9110 section 6.5.1). */
const headersOnly = new Set([
  'authorization',
  'cache-control',
  'content-encoding',
  'content-range',
  'host',
  'set-cookie',
]);

/** Checks the name of a trailer that a directive adds to an answer. */
export function trailerNameProblem(name: string): string | undefined {
  if (headersOnly.has(name)) return `a trailer other than ${name}, which must come before the body`;
  return answerHeaderNameProblem(name);
}

/** Checks the number of parts in which an answer is sent. */
export function partsProblem(count: number): string | undefined {
  return Number.isInteger(count) && count >= 1 && count <= 1000 ? undefined : 'a number of parts from 1 to 1000';
}

/** Content types that a browser neither shows as a page nor runs as a program. */
const inertTypes = [
  'application/json',
  'application/problem+json',
  'application/octet-stream',
  'text/plain',
  'text/csv',
];

/** Checks the value of a header that a directive adds to an answer. Anyone may write the directive, such as in a link. */
export function answerHeaderValueProblem(name: string, value: string): string | undefined {
  if (name !== 'content-type') return headerValueProblem(name, value);
  const type = /^([a-z+/-]+)(?:;\s*charset=utf-8)?$/i.exec(value)?.[1]?.toLowerCase();
  return type !== undefined && inertTypes.includes(type)
    ? undefined
    : `a type that browsers do not run: ${inertTypes.join(', ')}`;
}

/** Checks a header's value: printable ASCII, which HTTP/1.1 and gRPC metadata carry unchanged. `host` is an authority. */
export function headerValueProblem(name: string, value: string): string | undefined {
  if (name === 'host' && !/^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.test(value))
    return 'a host, or HOST:PORT';
  return /^[\x20-\x7e]*$/.test(value) ? undefined : 'a header value of printable ASCII characters';
}

/** Checks a header's name for a scheme. gRPC's library overwrites `user-agent`, and TCP has no headers. */
export function callHeaderProblem(scheme: Scheme, name: string): string | undefined {
  if (scheme === 'tcp') return 'a tcp call without headers: TCP carries only a text';
  return isGrpc(scheme) && name === 'user-agent' ? 'a header other than user-agent, which gRPC sets itself' : undefined;
}

/** Checks a method: a token in upper case, such as POST. CONNECT is not a request to a service. */
export function methodProblem(method: string): string | undefined {
  return /^[A-Z][A-Z-]{0,31}$/.test(method) && method !== 'CONNECT' ? undefined : 'a method such as GET or POST';
}

/** Checks the method of a call for its scheme. */
export function callMethodProblem(scheme: Scheme, method: string | undefined): string | undefined {
  if (method === undefined) return undefined;
  if (isWebSocket(scheme)) return 'a WebSocket without a method: its first request is always GET';
  return scheme === 'tcp' ? 'a tcp call without a method: TCP carries only a text' : undefined;
}

/** Checks whether calls of a scheme can choose HTTP/2. */
export function http2Problem(scheme: Scheme, http2: boolean | undefined): string | undefined {
  return http2 === true && scheme !== 'http' && scheme !== 'https'
    ? 'http2 at a target of http or https only'
    : undefined;
}

/** Checks whether calls of a scheme can pass the body of a request on. */
export function passBodyProblem(scheme: Scheme, body: boolean | undefined): string | undefined {
  return body === true && scheme !== 'http' && scheme !== 'https'
    ? 'body at a target of http or https only: other requests carry the plan itself'
    : undefined;
}

/** Reports whether a path may contain a call that passes the body of its request on. It never misses one. */
export function mayPassBodyOn(path: string): boolean {
  return /(?:;|%3b)body/i.test(path);
}

/** Checks the version, pod or zone of a condition. */
export function labelProblem(label: string): string | undefined {
  return /^[A-Za-z0-9._-]{1,253}$/.test(label) ? undefined : 'a value of letters, digits, ".", "_" and "-"';
}

/** Checks the number of an attempt. The first one is 1. */
export function attemptProblem(attempt: number): string | undefined {
  return Number.isInteger(attempt) && attempt >= 1 && attempt <= 1000 ? undefined : 'an attempt from 1 to 1000';
}

/** Checks the number of `attempt<N`. No attempt is below 1. */
export function attemptBelowProblem(attempt: number): string | undefined {
  return attempt === 1 ? 'an attempt from 2, since the first attempt is 1' : attemptProblem(attempt);
}

/** Checks a share of all requests. */
export function shareProblem(share: number): string | undefined {
  const right = share > 0 && share <= 1 && share === Math.round(share * 1e6) / 1e6;
  return right ? undefined : 'a share over 0 and up to 1, with at most 6 decimals';
}

/** Checks an exact share: `hits` of every `of` requests. */
export function oneInProblem(hits: number, of: number): string | undefined {
  const right = Number.isInteger(hits) && Number.isInteger(of) && hits >= 1 && hits <= of && of <= 1_000_000;
  return right ? undefined : 'an exact share such as 1in3';
}

/** Checks a final HTTP status. */
export function statusProblem(status: number): string | undefined {
  return Number.isInteger(status) && status >= 200 && status <= 599 ? undefined : 'a status from 200 to 599';
}

/** Checks the number of times that a failed call is retried. */
export function retriesProblem(retries: number): string | undefined {
  return Number.isInteger(retries) && retries >= 0 && retries <= 1000 ? undefined : 'a number from 0 to 1000';
}

/** Checks the number of a repeated call's requests that run at once. */
export function concurrencyProblem(concurrency: number): string | undefined {
  return Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 1000
    ? undefined
    : 'a number from 1 to 1000';
}

/** Checks a duration in milliseconds: not negative, at most a day, no finer than a microsecond. */
export function durationProblem(durationMs: number): string | undefined {
  return isDurationMs(durationMs) ? undefined : 'milliseconds from 0 to a day';
}

/** Checks a timeout in milliseconds: a duration over 0. */
export function timeoutProblem(timeoutMs: number): string | undefined {
  return isDurationMs(timeoutMs) && timeoutMs > 0
    ? undefined
    : 'a duration such as 2s or 500ms (us, ms, s or m; over 0, up to a day)';
}

/** Checks a size in bytes. */
export function sizeProblem(bytes: number): string | undefined {
  return Number.isInteger(bytes) && bytes >= 0 && bytes <= largestSizeBytes ? undefined : 'a number of bytes';
}

/** Checks a text: any that UTF-8 can encode. */
export function textProblem(text: string): string | undefined {
  return text.isWellFormed() ? undefined : 'well-formed Unicode';
}

/** Checks percentiles, over 0 and up to 100: each is higher than the one before, and its delay is not shorter. */
export function percentilesProblem(points: readonly { percentile: number; delayMs: number }[]): string | undefined {
  let last = { percentile: 0, delayMs: 0 };
  for (const point of points) {
    if (!(point.percentile > last.percentile && point.percentile <= 100)) return 'percentiles that rise, up to p100';
    if (point.percentile !== Math.round(point.percentile * 1000) / 1000) return 'a percentile with at most 3 decimals';
    if (point.delayMs < last.delayMs) return 'a delay that is not shorter than the one before';
    last = point;
  }
  return points.length > 0 ? undefined : 'percentiles such as p50=10ms,p99=1s';
}

const firstPlain = 0x21;
const numberSign = 0x23;
const lastPlain = 0x7e;

/** Returns the index of the first character that a request target can only contain encoded, or -1. */
export function badUriOffset(uri: string): number {
  for (let index = 0; index < uri.length; index++) {
    const code = uri.charCodeAt(index);
    if (code < firstPlain || code > lastPlain || code === numberSign) return index;
  }
  return -1;
}

/** Reports whether a text begins like a plan: with `/@` or `/~`, maybe percent-encoded or after a second slash. */
export function beginsPlan(text: string): boolean {
  return /^(?:\/|%2f){1,2}(?:@|~|%40|%7e)/i.test(text);
}

/** Reports whether the parentheses of a URI balance, encoded ones included: only such a URI can be in parentheses. */
export function balancesParentheses(uri: string): boolean {
  let open = 0;
  for (const [parenthesis] of uri.matchAll(/[()]|%2[89]/g)) {
    open += parenthesis === '(' || parenthesis === '%28' ? 1 : -1;
    if (open < 0) return false;
  }
  return open === 0;
}
