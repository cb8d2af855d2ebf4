import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import type { ClientTls } from '../../execute/client.ts';
import { parseConnectTo } from '../../execute/connect-to.ts';
import { parseExpectation } from '../../expect/parse.ts';
import { jaegerUrl } from '../../jaeger/jaeger.ts';
import { durationMs, text, wholeNumber } from '../../options/option-values.ts';
import { parseOptions, type Values } from '../../options/options.ts';
import { http2Problem, methodProblem } from '../../plan/fields.ts';
import { type Header, isGrpc, isWebSocket, type Scheme } from '../../plan/plan.ts';
import type { BatchSettings } from '../../send/request-batch.ts';
import { parseHeader } from '../../send/request-header.ts';
import { withPastedCommand } from '../options/pasted-command.ts';
import { readStandardInput, readText } from '../process/read-text.ts';
import { textOrStandardInput } from '../process/standard-input.ts';
import { readRequest } from './call-request.ts';

export const callSchema = {
  expect: {
    parse: parseExpectation,
    value: 'EXPECTATION',
    help: "what must hold, such as 'reviews status = 200'",
    repeatable: true,
  },
  repeat: { parse: wholeNumber(1, 1_000_000), default: '1', value: 'N', help: 'number of requests' },
  concurrency: { parse: wholeNumber(1, 1000), default: '1', value: 'N', help: 'number of requests in parallel' },
  header: {
    parse: parseHeader,
    value: "'NAME: VALUE'",
    help: 'header of the request',
    repeatable: true,
    aliases: ['-H'],
  },
  method: { parse: parseMethod, value: 'METHOD', help: 'HTTP method; GET, or POST with --data', aliases: ['-X'] },
  data: {
    parse: parseData,
    value: 'TEXT|@FILE|-',
    help: 'body of an HTTP request; several are joined by &; @- or - is standard input',
    repeatable: true,
    aliases: ['-d'],
  },
  http2: { isSwitch: true, help: 'use HTTP/2; without TLS, the server must speak it' },
  cacert: {
    parse: text,
    value: 'FILE',
    help: 'authorities to trust with TLS, in place of those of the system',
    isPath: true,
  },
  cert: { parse: text, value: 'FILE', help: 'client certificate in PEM', isPath: true },
  key: { parse: text, value: 'FILE', help: 'private key of the client certificate', isPath: true },
  insecure: { isSwitch: true, help: 'accept any certificate of the server' },
  retryUntil: {
    parse: durationMs,
    value: 'DURATION',
    help: 'time to repeat the whole batch until every expectation holds',
  },
  timeout: { parse: durationMs, default: '20s', value: 'DURATION', help: 'timeout of one answer' },
  trace: {
    parse: jaegerUrl,
    value: 'URL-OF-JAEGER',
    help: 'compare the trace in this Jaeger with the answer',
  },
  traceTimeout: {
    parse: durationMs,
    default: '10s',
    value: 'DURATION',
    help: 'time to wait for missing spans',
  },
  json: { isSwitch: true, help: 'print JSON: call, summary, expectations, traces' },
  junit: { parse: text, value: 'FILE', help: 'also write the expectations as JUnit XML', isPath: true },
  connectTo: {
    parse: parseConnectTo,
    value: 'HOST:PORT:ADDR:PORT',
    help: 'dial ADDR:PORT for HOST:PORT, as curl does',
    repeatable: true,
  },
} as const;

export interface CallSettings
  extends Omit<Values<typeof callSchema>, 'header' | 'expect' | 'timeout' | 'data' | keyof BatchSettings>,
    BatchSettings {}

/** Maximum number of answers with --trace: each is kept until its trace has arrived. */
const mostTraces = 1000;

/** Content types of files, by the ends of their names. */
const typesOfFiles: Readonly<Record<string, string>> = {
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
};

/** Content type of a body without one, as curl sends it. */
const formType: Header = { name: 'content-type', value: 'application/x-www-form-urlencoded' };

/**
 * Reads the command line of `meshmock call`.
 *
 * @throws MeshmockError `usage`, or the error of the plan with its place
 */
export function readCallSettings(args: readonly string[]): CallSettings {
  const { values, positionals } = parseOptions(callSchema, withPastedCommand(callSchema, args), {});
  const [url, more] = positionals;
  if (url === undefined || more !== undefined)
    throw new MeshmockError('usage', 'expected one URL; quote it, since the shell reads | and ( itself');
  const given = textOrStandardInput(url);
  const typed = readRequest(given);
  const { target } = typed;
  if (target.address.host === '')
    throw new MeshmockError(
      'usage',
      `"${given}" has no host; type one, such as ${given.replace(/^(grpcs?:)?(\/\/)?/, '$1localhost')}`,
    );
  if (values.trace !== undefined && values.repeat > mostTraces)
    throw new MeshmockError('usage', `--trace keeps every answer, so --repeat must be at most ${mostTraces}`);
  const { expect, timeout, header, data: bodies, method = typed.method, ...rest } = values;
  const data = bodies.length === 0 ? typed.data : bodies.map(({ text: one }) => one).join('&');
  const headers = [...typed.headers, ...header];
  checkParts(target.scheme, (data ?? method) !== undefined, headers.length > 0);
  const problem = http2Problem(target.scheme, rest.http2);
  if (problem !== undefined) throw new MeshmockError('usage', `--http2: expected ${problem}`);
  const hasType = headers.some(({ name }) => name === formType.name);
  return {
    ...rest,
    target,
    headers: data === undefined || hasType ? headers : [...headers, typeOf(bodies)],
    method: method ?? (data === undefined ? 'GET' : 'POST'),
    ...optional('data', data),
    expectations: expect,
    timeoutMs: timeout,
  };
}

/** Returns the content type of a body without one: that of its file, or the one of forms. */
function typeOf(bodies: readonly Data[]): Header {
  const [only, more] = bodies;
  return only?.type === undefined || more !== undefined ? formType : { name: formType.name, value: only.type };
}

/** @throws MeshmockError `usage` if a protocol does not carry what the request has */
function checkParts(scheme: Scheme, hasMethodOrData: boolean, hasHeaders: boolean): void {
  if (isGrpc(scheme) && hasMethodOrData)
    throw new MeshmockError('usage', '--method and --data are for HTTP: over gRPC the plan is the request');
  if (isWebSocket(scheme) && hasMethodOrData)
    throw new MeshmockError('usage', '--method and --data are for HTTP: over a WebSocket the path is the message');
  if (scheme === 'tcp' && (hasMethodOrData || hasHeaders))
    throw new MeshmockError('usage', '--method, --data and --header are for HTTP: over TCP the text is the request');
}

/**
 * Reads the files of TLS, or returns undefined if no flag of TLS is set.
 *
 * @throws MeshmockError `usage` with the flag of a file that cannot be used
 */
export async function readCallTls({ cacert, cert, key, insecure }: CallSettings): Promise<ClientTls | undefined> {
  if (!insecure && [cacert, cert, key].every((file) => file === undefined)) return undefined;
  const { readTlsFiles } = await import('../../tls/tls-files.ts');
  const files = { ...optional('ca', cacert), ...optional('cert', cert), ...optional('key', key) };
  return { ...readTlsFiles(files, { ca: '--cacert', cert: '--cert', key: '--key' }), isInsecure: insecure };
}

function parseMethod(value: string): string {
  const problem = methodProblem(value);
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}`);
  return value;
}

/** Body of a request, and its content type if its file shows one. */
interface Data {
  readonly text: string;
  readonly type: string | undefined;
}

/** Reads a body: a text, `@FILE`, or `@-` or `-` for standard input. @throws MeshmockError `usage` */
function parseData(value: string): Data {
  if (value === '-' || value === '@-') return { text: readStandardInput(), type: undefined };
  if (!value.startsWith('@')) return { text: value, type: undefined };
  return { text: readText(value.slice(1)), type: typesOfFiles[path.extname(value)] };
}
