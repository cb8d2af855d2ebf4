import { MeshmockError } from '../../error/meshmock-error.ts';
import { parseConnectTo } from '../../execute/connect-to.ts';
import { parseExpectation } from '../../expect/parse.ts';
import type { ListenAddress } from '../../plan/address.ts';
import { headerNameProblem, headerValueProblem } from '../../plan/fields.ts';
import { formatPath } from '../../plan/format.ts';
import { defaultPorts, type Header, type Plan, type Scheme } from '../../plan/plan.ts';
import { readAuthority, readCommand } from '../../send/plan-forms.ts';
import type { BatchSettings, Target } from '../../send/request-batch.ts';
import { durationMs, text, wholeNumber } from '../options/option-values.ts';
import { parseOptions, type Values } from '../options/options.ts';
import { jaegerUrl } from './jaeger.ts';

export const callSchema = {
  expect: {
    parse: parseExpectation,
    value: 'EXPECTATION',
    help: "what must hold of the answers, such as 'reviews status = 200'",
    repeatable: true,
  },
  repeat: { parse: wholeNumber(1, 1_000_000), default: '1', value: 'N', help: 'send the request N times' },
  concurrency: { parse: wholeNumber(1, 1000), default: '1', value: 'N', help: 'so many of them at once' },
  header: { parse: parseHeader, value: "'NAME: VALUE'", help: 'send this header', repeatable: true },
  retryUntil: {
    parse: durationMs,
    value: 'DURATION',
    help: 'do it all again until every expectation holds; after so long no round is begun any more',
  },
  timeout: { parse: durationMs, default: '20s', value: 'DURATION', help: 'longest time to wait for one answer' },
  trace: {
    parse: jaegerUrl,
    value: 'URL-OF-JAEGER',
    help: 'wait for the trace there, and hold it against the answer: what is missing, doubled, of a wrong parent or status',
  },
  traceTimeout: {
    parse: durationMs,
    default: '10s',
    value: 'DURATION',
    help: 'how long to wait for what is missing in the trace',
  },
  json: { isSwitch: true, help: 'print JSON: the call with its reply, the summary, the expectations, the traces' },
  junit: { parse: text, value: 'FILE', help: 'write the expectations as JUnit XML too' },
  connectTo: {
    parse: parseConnectTo,
    value: 'HOST:PORT:ADDR:PORT',
    help: 'dial another address and keep the host name, as with curl',
    repeatable: true,
  },
} as const;

export interface CallSettings
  extends Omit<Values<typeof callSchema>, 'header' | 'expect' | 'timeout' | keyof BatchSettings>,
    BatchSettings {}

/** Replies are kept until their traces have come. */
const mostTraces = 1000;

/** @throws MeshmockError `usage`, or what is wrong with the plan */
export function readCallSettings(args: readonly string[]): CallSettings {
  const { values, positionals } = parseOptions(callSchema, args, {});
  const [url, more] = positionals;
  if (url === undefined || more !== undefined)
    throw new MeshmockError('usage', 'expected one URL (quote it: the shell reads | and ( itself)');
  const { target, headers } = readTarget(url);
  if (target.address.host === '') throw new MeshmockError('usage', `"${url}" names no host: such as localhost${url}`);
  if (values.trace !== undefined && values.repeat > mostTraces)
    throw new MeshmockError(
      'usage',
      `--trace looks at the trace of each answer: --repeat may be ${mostTraces} at most`,
    );
  const { expect, timeout, header, ...rest } = values;
  return { ...rest, target, headers: [...headers, ...header], expectations: expect, timeoutMs: timeout };
}

/** Reads a path, a URL, `grpc:HOST:PORT/PATH`, or a command for curl or grpcurl. */
function readTarget(text: string): { target: Target; headers: readonly Header[] } {
  const [, scheme, authority = '', path = ''] = /^(grpcs?):(?:\/\/)?([^/?]*)(.*)$/s.exec(text) ?? [];
  if (scheme === 'grpc' || scheme === 'grpcs') {
    const { plan, address } = readAuthority(authority, path, defaultPorts[scheme]);
    return { target: targetOf(scheme, address, plan), headers: [] };
  }
  const {
    plan,
    isTls = false,
    http = { host: 'localhost', port: defaultPorts.http },
    grpc,
    headers,
  } = readCommand(text);
  const target =
    grpc === undefined
      ? targetOf(isTls ? 'https' : 'http', http, plan)
      : targetOf(isTls ? 'grpcs' : 'grpc', grpc, plan);
  return { target, headers: headers.map(parseHeader) };
}

function targetOf(scheme: Scheme, address: ListenAddress, plan: Plan): Target {
  return { scheme, address, plan, path: formatPath(plan) };
}

function parseHeader(text: string): Header {
  const [, name = '', value = ''] = /^([^:]*):\s*(.*?)\s*$/.exec(text) ?? [];
  const lower = name.toLowerCase();
  // What travels between meshmocks may be sent too: it lowers the limits of a request.
  const problem =
    (lower.startsWith('x-meshmock-') ? undefined : headerNameProblem(lower)) ?? headerValueProblem(lower, value);
  if (problem !== undefined) throw new MeshmockError('usage', `"${text}": expected ${problem}, as 'NAME: VALUE'`);
  return { name: lower, value };
}
