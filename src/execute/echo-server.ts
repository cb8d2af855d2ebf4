import { MeshmockError } from '../error/meshmock-error.ts';
import { answerHeaderNameProblem, headerValueProblem, statusProblem } from '../plan/fields.ts';
import type { AnswerPlan, Directive, Header } from '../plan/plan.ts';
import type { Chance } from './directives/chance.ts';
import type { IncomingRequest } from './incoming.ts';

/**
 * Echo servers of test suites, which answer with the request: the Gateway API's `echo-basic`, and Istio's `echo`, which the
 * Gateway API publishes as `echo-advanced`.
 */
export const echoForms = ['echo-basic', 'istio-echo'] as const;

export type EchoForm = (typeof echoForms)[number];

/** Maximum number of requests whose attempts are counted. */
const maxCounted = 10_000;

/** Role of a service that imitates an echo server: its answers, and what a request can ask of it. */
export class EchoServer {
  readonly kind = 'echo';
  readonly form: EchoForm;
  /** Failed attempts of the requests to `/retry/`, by their `uuid`. */
  private readonly failures = new Map<string, number>();

  constructor(form: EchoForm) {
    this.form = form;
  }

  /**
   * Returns the plan of a request: a local answer, with the directives that its path, query and headers ask for. No path is
   * read as a plan.
   *
   * @throws MeshmockError `bad_request` for a wrong delay, status or header
   */
  planOf({ protocol, plan, headers }: IncomingRequest, chance: Chance): AnswerPlan {
    if (protocol === 'grpc' || plan.kind !== 'path') return { kind: 'answer', directives: [], uri: '/' };
    const uri = plan.path;
    const directives = this.form === 'echo-basic' ? this.basicDirectives(uri, headers) : istioDirectives(uri, chance);
    return { kind: 'answer', directives, uri };
  }

  /** Returns the directives of `echo-basic` (kubernetes-sigs/gateway-api, conformance/echo-basic/echo-basic.go). */
  private basicDirectives(uri: string, headers: IncomingRequest['headers']): Directive[] {
    const { path, query } = split(uri);
    if (path === '/health') return [body('OK')];
    // The status is the whole rest of the request target.
    if (path.startsWith('/status/')) return [body(''), status(/^\/status\/(\d{3})$/.exec(uri)?.[1] ?? '400')];
    const failure = path.startsWith('/retry/') ? this.retryFailure(query) : undefined;
    if (failure !== undefined) return failure;
    const set = headers['x-echo-set-header'];
    return [...delay(query.get('delay')), ...(set === undefined ? [] : headerDirectives(set))];
  }

  /** Returns the directives of a failing attempt at `/retry/`, or undefined once the request has failed often enough. */
  private retryFailure(query: URLSearchParams): Directive[] | undefined {
    const uuid = query.get('uuid') ?? '';
    if (uuid === '') return [body('uuid is required'), status('400')];
    const succeedAfter = Number(query.get('succeedAfter') ?? Number.NaN);
    if (!Number.isInteger(succeedAfter)) return [body('succeedAfter is required'), status('400')];
    const failed = this.failures.get(uuid) ?? 0;
    if (failed >= succeedAfter) return undefined;
    this.failures.set(uuid, failed + 1);
    const [first = uuid] = this.failures.keys();
    if (this.failures.size > maxCounted) this.failures.delete(first);
    const code = query.get('responseCode') ?? '';
    const end: Directive[] = /^\d+$/.test(code) ? [body(''), status(code)] : [{ kind: 'close', conditions: [] }];
    return [...delay(query.get('delayRetry')), ...end];
  }
}

/** Returns the directives of Istio's echo (istio/istio, pkg/test/echo/server/endpoint/http.go). */
function istioDirectives(uri: string, chance: Chance): Directive[] {
  const { query } = split(uri);
  const codes = query.get('codes') ?? '';
  const headers = query.get('headers') ?? '';
  return [
    ...delay(query.get('delay')),
    ...(headers === '' ? [] : headerDirectives(headers)),
    ...(codes === '' ? [] : [drawStatus(codes, chance)]),
  ];
}

/** Draws a status from a list such as `500:90,200:10`, where each status may have a weight. */
function drawStatus(codes: string, chance: Chance): Directive {
  const entries = codes.split(',').map((entry) => {
    const [, code, weight = '1'] = /^(\d{3})(?::(\d{1,9}))?$/.exec(entry) ?? [];
    if (code === undefined) throw new MeshmockError('bad_request', `codes: "${entry}" is not CODE or CODE:WEIGHT`);
    return { code, weight: Number(weight) };
  });
  const total = entries.reduce((sum, { weight }) => sum + weight, 0);
  let left = chance.uniform(`codes ${codes}`) * total;
  const drawn = entries.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  return status(drawn?.code ?? entries.at(-1)?.code ?? '200');
}

function split(uri: string): { readonly path: string; readonly query: URLSearchParams } {
  const [path = '', ...rest] = uri.split('?');
  return { path: path.replaceAll('//', '/'), query: new URLSearchParams(rest.join('?')) };
}

function body(text: string): Directive {
  return { kind: 'body', text, conditions: [] };
}

function status(code: string): Directive {
  const problem = statusProblem(Number(code));
  if (problem !== undefined) throw new MeshmockError('bad_request', `status ${code}: expected ${problem}`);
  return { kind: 'status', status: Number(code), conditions: [] };
}

/** Units of Go's durations, in milliseconds. */
const goUnitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Returns the directives of a delay in Go's form, such as `1.5s` or `1m30s`. */
function delay(text: string | null): Directive[] {
  if (text === null || text === '') return [];
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
  const isWhole = parts.reduce((length, [part]) => length + part.length, 0) === text.length;
  if (!isWhole && text !== '0')
    throw new MeshmockError('bad_request', `"${text}" is not a delay such as 1.5s or 100ms`);
  const delayMs = parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (goUnitsMs[unit] ?? 0), 0);
  return [{ kind: 'delay', delay: { kind: 'fixed', delayMs }, conditions: [] }];
}

/** Returns the directives of a list `name:value,name:value`. Values of a repeated name are joined by a comma. */
function headerDirectives(list: string): Directive[] {
  const headers = new Map<string, string>();
  for (const entry of list.split(',')) {
    const [, name = '', value = ''] = /^\s*([^:]*):(.*)$/s.exec(entry) ?? [];
    if (name === '') continue;
    const header: Header = { name: name.toLowerCase(), value: value.trim() };
    const problem = answerHeaderNameProblem(header.name) ?? headerValueProblem(header.name, header.value);
    if (problem !== undefined) throw new MeshmockError('bad_request', `header "${entry}": expected ${problem}`);
    const before = headers.get(header.name);
    headers.set(header.name, before === undefined ? header.value : `${before},${header.value}`);
  }
  return [...headers].map(([name, value]) => ({ kind: 'header', header: { name, value }, conditions: [] }));
}
