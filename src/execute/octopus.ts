import { MeshmockError } from '../error/meshmock-error.ts';
import * as fields from '../plan/fields.ts';
import { type CallsPlan, type Directive, defaultPorts, type Scheme, schemes } from '../plan/plan.ts';
import { parseIfRaw } from '../reply/json.ts';
import { type CallResult, RawReply } from '../reply/reply.ts';

/** What a service is besides a mock: how it answers a path that is no plan. */
export type Role =
  | { readonly kind: 'mock' }
  /** Octopus's webserver: says its content, where it was asked, and who it is. */
  | { readonly kind: 'webserver'; readonly content: string }
  /** Octopus's proxy: passes on what its upstream says, and how long that took. */
  | { readonly kind: 'proxy'; readonly upstream: Upstream };

export interface Upstream {
  readonly scheme: Scheme;
  readonly host: string;
  readonly port: number;
  /** Stands before the path of each request; without a slash at its end. */
  readonly path: string;
}

/** A URL's port when it names none; gRPC has no standard one but ours. */
const urlPorts: Readonly<Record<Scheme, number>> = { ...defaultPorts, http: 80 };

/**
 * Reads the URL of an upstream, such as `http://webserver` or `grpc://webserver:9090`.
 *
 * @throws MeshmockError `usage`
 */
export function parseUpstream(text: string): Upstream {
  const [, name, host = '', digits, path = ''] =
    /^([a-z]+):\/\/(\[[0-9A-Fa-f:.]+\]|[^/:?#[\]]*)(?::(\d{1,5}))?(\/[^?#]*)?$/.exec(text) ?? [];
  const scheme = schemes.find((known) => known === name);
  if (scheme === undefined) {
    throw new MeshmockError(
      'usage',
      `"${text}" is no URL of an upstream, such as http://webserver or http://host:8080/path`,
    );
  }
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const port = digits === undefined ? urlPorts[scheme] : Number(digits);
  const problem = fields.hostProblem(bare) ?? fields.portProblem(port);
  if (problem !== undefined || fields.badUriOffset(path) >= 0)
    throw new MeshmockError('usage', `"${text}": expected ${problem ?? 'a path of visible characters'}`);
  return { scheme, host: bare, port, path: path.replace(/\/$/, '') };
}

/** The plan of a proxy: one call, with the path that it was asked for. */
export function proxyPlan({ scheme, host, port, path }: Upstream, uri: string): CallsPlan {
  const then = { kind: 'answer', directives: [], uri: path + (uri === '/' ? '' : uri) || '/' } as const;
  const call = { scheme, host, port, times: 1, headers: [], options: {}, then: undefined };
  return { kind: 'calls', directives: [], stages: [[call]], then };
}

/** What the proxy prints: mcasperson/NodejsProxy's index.js, to the letter. */
export function proxyText(call: CallResult<RawReply>): string {
  const { error, durationMs = 0 } = call;
  return error === undefined
    ? `Proxying value: ${textOf(call)}${took(durationMs)}`
    : proxyErrorText(error.message, durationMs);
}

/** The same, when there is nothing to pass on. */
export function proxyErrorText(message: string, durationMs: number): string {
  return `Error: ${message}${took(durationMs)}`;
}

function took(durationMs: number): string {
  return ` - Took ${Math.round(durationMs)} milliseconds`;
}

/** What the upstream said: a meshmock's own words, or its whole reply when that has none. */
function textOf({ reply, body = '', bodyBytes }: CallResult<RawReply>): string {
  if (reply === undefined) return bodyBytes === undefined ? body : `${body}… (the first part of ${bodyBytes} bytes)`;
  return parseIfRaw(reply)?.body ?? (reply instanceof RawReply ? reply.json : JSON.stringify(reply));
}

/** What the webserver prints: mcasperson/NodeJSWebServer's index.js, to the letter. */
export function webserverText(content: string, uri: string, hostname: string, status: number): string {
  return `${content} requested from ${pathnameOf(uri)} on ${hostname} with code ${status}`;
}

/** The webserver's one path that fails, one time in three. */
export function webserverDirectives(uri: string): readonly Directive[] {
  return pathnameOf(uri) === '/failsometimes' ? failSometimes : [];
}

const failSometimes: readonly Directive[] = [
  { kind: 'status', status: 500, conditions: [{ kind: 'one-in', hits: 1, of: 3 }] },
];

function pathnameOf(uri: string): string {
  return uri.replace(/\?.*$/s, '');
}
