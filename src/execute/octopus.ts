import { MeshmockError } from '../error/meshmock-error.ts';
import * as fields from '../plan/fields.ts';
import { type CallsPlan, type Directive, defaultPorts, type Scheme, schemes } from '../plan/plan.ts';
import { parseIfRaw } from '../reply/json.ts';
import { type CallResult, RawReply } from '../reply/reply.ts';
import type { ByteAccount } from './budgets/byte-account.ts';

/** Upstream of a proxy. */
export interface Upstream {
  readonly scheme: Scheme;
  readonly host: string;
  readonly port: number;
  /** Prefix of the path of each request, without a slash at its end. */
  readonly path: string;
}

/** Default ports of URLs. gRPC has no standard port, so the default of the path language is used. */
const urlPorts: Readonly<Record<Scheme, number>> = { ...defaultPorts, http: 80 };

/**
 * Parses the URL of an upstream.
 *
 * @example
 * parseUpstream('http://webserver'); // { scheme: 'http', host: 'webserver', port: 80, path: '' }
 *
 * @throws MeshmockError `usage` if the text is not the URL of an upstream
 */
export function parseUpstream(text: string): Upstream {
  const [, name, host = '', digits, path = ''] =
    /^([a-z]+):\/\/(\[[0-9A-Fa-f:.]+\]|[^/:?#[\]]*)(?::(\d{1,5}))?(\/[^?#]*)?$/.exec(text) ?? [];
  const scheme = schemes.find((known) => known === name);
  if (scheme === undefined) {
    throw new MeshmockError(
      'usage',
      `"${text}" is not the URL of an upstream, such as http://webserver or http://host:8080/path`,
    );
  }
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const port = digits === undefined ? urlPorts[scheme] : Number(digits);
  const problem = fields.hostProblem(bare) ?? fields.portProblem(port);
  if (problem !== undefined || fields.badUriOffset(path) >= 0)
    throw new MeshmockError('usage', `"${text}": expected ${problem ?? 'a path of visible characters'}`);
  return { scheme, host: bare, port, path: path.replace(/\/$/, '') };
}

/** Returns the plan of a proxy: one call, with the path of the request. */
export function proxyPlan({ scheme, host, port, path }: Upstream, uri: string): CallsPlan {
  const then = { kind: 'answer', directives: [], uri: path + (uri === '/' ? '' : uri) || '/' } as const;
  const call = { scheme, host, port, times: 1, headers: [], options: {}, then: undefined };
  return { kind: 'calls', directives: [], stages: [[call]], then };
}

/**
 * Returns the body of the proxy, exactly as mcasperson/NodejsProxy's index.js prints it.
 *
 * @param account account that the text takes its bytes from
 */
export function proxyText(call: CallResult<RawReply>, account: ByteAccount): string {
  const { error, durationMs = 0 } = call;
  return error === undefined
    ? `Proxying value: ${textOf(call, account)}${took(durationMs)}`
    : proxyErrorText(error.message, durationMs);
}

/** Returns the body of the proxy if the upstream does not answer. */
export function proxyErrorText(message: string, durationMs: number): string {
  return `Error: ${message}${took(durationMs)}`;
}

function took(durationMs: number): string {
  return ` - Took ${Math.round(durationMs)} milliseconds`;
}

/** Returns the text of the upstream: the body of a meshmock's reply, or the whole reply if it has none. */
function textOf({ reply, pruned, body = '', bodyBytes }: CallResult<RawReply>, account: ByteAccount): string {
  if (pruned !== undefined) return leftOut(pruned.bytes);
  if (reply === undefined) return bodyBytes === undefined ? body : `${body}… (the first part of ${bodyBytes} bytes)`;
  if (!(reply instanceof RawReply)) return String(reply.body ?? JSON.stringify(reply));
  const hasRoom = account.hasRoom(reply.parsedBytes) && account.reserve(copiesOfText * reply.byteLength) === undefined;
  if (!hasRoom) return leftOut(reply.byteLength);
  return String(parseIfRaw(reply)?.body ?? reply.json);
}

/** Copies of a text that becomes a body: the text, its JSON, and the bytes of that. */
const copiesOfText = 3;

function leftOut(bytes: number): string {
  return `(the answer of ${bytes} bytes was left out)`;
}

/** Returns the body of the webserver, exactly as mcasperson/NodeJSWebServer's index.js prints it. */
export function webserverText(content: string, uri: string, hostname: string, status: number): string {
  return `${content} requested from ${pathnameOf(uri)} on ${hostname} with code ${status}`;
}

/** Returns the directives of the webserver: `/failsometimes` fails one time in three. */
export function webserverDirectives(uri: string): readonly Directive[] {
  return pathnameOf(uri) === '/failsometimes' ? failSometimes : [];
}

const failSometimes: readonly Directive[] = [
  { kind: 'status', status: 500, conditions: [{ kind: 'one-in', hits: 1, of: 3 }] },
];

function pathnameOf(uri: string): string {
  return uri.replace(/\?.*$/s, '');
}
