import { readFileSync } from 'node:fs';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import { parseConnectTo } from '../../execute/connect-to.ts';
import { parseExpectation } from '../../expect/parse.ts';
import { durationMs, text, wholeNumber } from '../../options/option-values.ts';
import { parseOptions, type Values } from '../../options/options.ts';
import type { ListenAddress } from '../../plan/address.ts';
import { headerNameProblem, headerValueProblem, methodProblem } from '../../plan/fields.ts';
import { formatPath } from '../../plan/format.ts';
import { defaultPorts, type Header, isGrpc, type Plan, type Scheme } from '../../plan/plan.ts';
import { type PlanCommand, readAuthority, readCommand } from '../../send/plan-forms.ts';
import type { BatchSettings, Target } from '../../send/request-batch.ts';
import { quoteWord } from '../../send/shell-words.ts';
import { jaegerUrl } from './jaeger.ts';

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
  data: { parse: text, value: 'TEXT', help: 'body of an HTTP request', aliases: ['-d'] },
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

/** Content type of a body without one, as curl sends it. */
const formType: Header = { name: 'content-type', value: 'application/x-www-form-urlencoded' };

/**
 * Reads the command line of `meshmock call`.
 *
 * @throws MeshmockError `usage`, or the error of the plan with its place
 */
export function readCallSettings(args: readonly string[]): CallSettings {
  const { values, positionals } = parseOptions(callSchema, withPastedCommand(args), {});
  const [url, more] = positionals;
  if (url === undefined || more !== undefined)
    throw new MeshmockError('usage', 'expected one URL; quote it, since the shell reads | and ( itself');
  const typed = readTarget(url === '-' ? readFileSync(0, 'utf8').trim() : url);
  const { target } = typed;
  if (target.address.host === '')
    throw new MeshmockError(
      'usage',
      `"${url}" has no host; type one, such as ${url.replace(/^(grpcs?:)?(\/\/)?/, '$1localhost')}`,
    );
  if (values.trace !== undefined && values.repeat > mostTraces)
    throw new MeshmockError('usage', `--trace keeps every answer, so --repeat must be at most ${mostTraces}`);
  const { expect, timeout, header, data = typed.data, method = typed.method, ...rest } = values;
  if (isGrpc(target.scheme) && (data ?? method) !== undefined)
    throw new MeshmockError('usage', '--method and --data are for HTTP: over gRPC the plan is the request');
  const headers = [...typed.headers, ...header];
  const hasType = headers.some(({ name }) => name === formType.name);
  return {
    ...rest,
    target,
    headers: data === undefined || hasType ? headers : [...headers, formType],
    method: method ?? (data === undefined ? 'GET' : 'POST'),
    ...optional('data', data),
    expectations: expect,
    timeoutMs: timeout,
  };
}

/** Lets a command for curl or grpcurl be pasted unquoted: its words become one text, and none is a flag of ours. */
function withPastedCommand(args: readonly string[]): readonly string[] {
  const [program] = args;
  if (args.length < 2 || (program !== 'curl' && program !== 'grpcurl')) return args;
  return [[program, ...args.slice(1).map(quoteWord)].join(' ')];
}

/** Request that a text describes. */
interface TypedRequest extends Pick<PlanCommand, 'method' | 'data'> {
  readonly target: Target;
  readonly headers: readonly Header[];
}

/** Reads a path, a URL, `grpc:HOST:PORT/PATH`, or a command for curl or grpcurl. */
function readTarget(typed: string): TypedRequest {
  const [, scheme, authority = '', path = ''] = /^(grpcs?):(?:\/\/)?([^/?]*)(.*)$/s.exec(typed) ?? [];
  if (scheme === 'grpc' || scheme === 'grpcs') {
    const { plan, address } = readAuthority(authority, path, defaultPorts[scheme]);
    return { target: targetOf(scheme, address, plan), headers: [] };
  }
  const command = readCommand(typed);
  const { plan, isTls = false, http = { host: 'localhost', port: defaultPorts.http }, grpc, headers } = command;
  const target =
    grpc === undefined
      ? targetOf(isTls ? 'https' : 'http', http, plan)
      : targetOf(isTls ? 'grpcs' : 'grpc', grpc, plan);
  return {
    target,
    headers: headers.map(parseHeader),
    ...optional('method', command.method),
    ...optional('data', command.data),
  };
}

function targetOf(scheme: Scheme, address: ListenAddress, plan: Plan): Target {
  return { scheme, address, plan, path: formatPath(plan) };
}

function parseMethod(value: string): string {
  const problem = methodProblem(value);
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}`);
  return value;
}

function parseHeader(value: string): Header {
  const [, name = '', content = ''] = /^([^:]*):\s*(.*?)\s*$/.exec(value) ?? [];
  const lower = name.toLowerCase();
  // Headers between meshmocks lower the limits of a request, and a body has its type.
  const isAllowed = lower.startsWith('x-meshmock-') || lower === 'content-type';
  const problem = (isAllowed ? undefined : headerNameProblem(lower)) ?? headerValueProblem(lower, content);
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}, as 'NAME: VALUE'`);
  return { name: lower, value: content };
}
