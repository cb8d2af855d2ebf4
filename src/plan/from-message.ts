import { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import { FieldReader } from './field-reader.ts';
import * as fields from './fields.ts';
import { behaviourFrom, conditionFrom } from './from-directive-message.ts';
import { behaviourLimitProblem, checkCallCount } from './measure.ts';
import {
  type Call,
  type CallOptions,
  type Directive,
  defaultPlanLimits,
  defaultPorts,
  type Header,
  maxPlanDepth,
  type Plan,
  type PlanLimits,
  type Scheme,
  type Stage,
  schemes,
} from './plan.ts';
import { tcpCallWithPlan, tcpTextExpected } from './tcp-text.ts';

/**
 * Reads a plan from its message: decoded protobuf, or untrusted JSON.
 *
 * @example
 * fromMessage({ stages: [{ calls: [{ host: 'a' }] }], then: { uri: '/x' } }); // the plan of /@a/x
 *
 * @throws MeshmockError `invalid_plan` or `limit_exceeded`, with the path of the field
 */
export function fromMessage(message: unknown, limits: PlanLimits = defaultPlanLimits): Plan {
  const reader = new MessageReader(limits);
  const plan = reader.plan(message, 'plan', 0, false);
  checkCallCount(plan, limits, (call) => ({ field: reader.fields.get(call) ?? 'plan' }));
  const withPlan = tcpCallWithPlan(plan);
  if (withPlan !== undefined) {
    const field = reader.fields.get(withPlan) ?? 'plan';
    throw new MeshmockError('invalid_plan', `${field}: expected ${tcpTextExpected}`, { field });
  }
  return plan;
}

class MessageReader {
  /** Path of each call's field, for errors. */
  readonly fields = new Map<Call, string>();
  private readonly limits: PlanLimits;
  private readonly maxDepth: number;
  private calls = 0;

  constructor(limits: PlanLimits) {
    this.limits = limits;
    this.maxDepth = Math.min(limits.maxDepth, maxPlanDepth);
  }

  /** @param nested whether the plan is in parentheses when it is a path: then the parentheses of a URI must balance */
  plan(message: unknown, field: string, depth: number, nested: boolean): Plan {
    const reader = new FieldReader(message, field, ['directives', 'stages', 'then', 'uri']);
    const directives = reader.list('directives', (item, at) => this.directive(item, at));
    const uri = reader.string('uri') ?? '';
    if (!reader.has('stages')) {
      if (reader.has('then')) throw reader.error('then', '"stages" beside "then": their callees get it');
      return {
        kind: 'answer',
        directives,
        uri: checkUri(uri === '' && directives.length === 0 ? '/' : uri, reader, nested),
      };
    }
    if (uri !== '') throw reader.error('uri', '"then" instead of "uri" beside "stages"');
    if (depth >= this.maxDepth) {
      throw new MeshmockError(
        'limit_exceeded',
        `${field}: the plan is deeper than ${this.maxDepth} calls, which is the limit`,
        { field },
      );
    }
    const stages = reader.list('stages', (item, at) => this.stage(item, at, depth));
    if (stages.length === 0) throw reader.error('stages', 'at least one stage');
    return { kind: 'calls', directives, stages, then: this.then(reader, depth, nested) };
  }

  private then(reader: FieldReader, depth: number, nested: boolean): Plan | undefined {
    return reader.has('then') ? this.plan(reader.value('then'), reader.pathOf('then'), depth + 1, nested) : undefined;
  }

  private stage(message: unknown, field: string, depth: number): Stage {
    const reader = new FieldReader(message, field, ['calls']);
    const calls = reader.list('calls', (item, at) => this.call(item, at, depth));
    if (calls.length === 0) throw reader.error('calls', 'at least one call');
    return calls;
  }

  private call(message: unknown, field: string, depth: number): Call {
    if (++this.calls > this.limits.maxCalls) {
      const problem = `${field}: the plan makes more than ${this.limits.maxCalls} calls, which is the limit`;
      throw new MeshmockError('limit_exceeded', problem, { field });
    }
    const reader = new FieldReader(message, field, ['scheme', 'host', 'port', 'times', 'headers', 'options', 'then']);
    const name = reader.string('scheme') || 'http';
    const scheme = schemes.find((known) => known === name);
    if (scheme === undefined) throw reader.error('scheme', `one of ${schemes.join(', ')}`);
    const call = {
      scheme,
      host: reader.checked('host', reader.string('host') ?? '', fields.hostProblem),
      port: reader.checked('port', reader.number('port') || defaultPorts[scheme], fields.portProblem),
      times: reader.checked('times', reader.number('times') || 1, fields.timesProblem),
      headers: reader.list('headers', (item, at) => callHeaderFrom(item, at, scheme)),
      options: reader.has('options') ? optionsFrom(reader.value('options'), reader.pathOf('options'), scheme) : {},
      then: this.then(reader, depth, true),
    };
    this.fields.set(call, field);
    return call;
  }

  private directive(message: unknown, field: string): Directive {
    const { reader, behaviour } = behaviourFrom(message, field, headerFrom);
    const tooMuch = behaviourLimitProblem(behaviour, this.limits);
    if (tooMuch !== undefined) throw new MeshmockError('limit_exceeded', `${field}: expected ${tooMuch}`, { field });
    return { ...behaviour, conditions: reader.list('conditions', (item, at) => conditionFrom(item, at)) };
  }
}

function headerFrom(
  message: unknown,
  field: string,
  nameProblem = fields.headerNameProblem,
  valueProblem = fields.headerValueProblem,
): Header {
  const reader = new FieldReader(message, field, ['name', 'value']);
  const name = reader.checked('name', (reader.string('name') ?? '').toLowerCase(), nameProblem);
  const value = reader.checked('value', reader.string('value') ?? '', (text) => valueProblem(name, text));
  return { name, value };
}

function callHeaderFrom(message: unknown, field: string, scheme: Scheme): Header {
  return headerFrom(message, field, (name) => fields.headerNameProblem(name) ?? fields.callHeaderProblem(scheme, name));
}

function optionsFrom(message: unknown, field: string, scheme: Scheme): CallOptions {
  const reader = new FieldReader(message, field, ['timeoutMs', 'method', 'retries', 'concurrency', 'http2', 'body']);
  return {
    ...optional('timeoutMs', reader.checked('timeoutMs', reader.number('timeoutMs'), fields.timeoutProblem)),
    ...optional(
      'method',
      reader.checked(
        'method',
        reader.string('method'),
        (method) => fields.methodProblem(method) ?? fields.callMethodProblem(scheme, method),
      ),
    ),
    ...(reader.checked('body', reader.boolean('body') || undefined, (body) => fields.passBodyProblem(scheme, body)) && {
      body: true as const,
    }),
    ...optional('retries', reader.checked('retries', reader.number('retries'), fields.retriesProblem)),
    ...(reader.checked('http2', reader.boolean('http2') || undefined, (http2) =>
      fields.http2Problem(scheme, http2),
    ) && {
      http2: true as const,
    }),
    ...optional('concurrency', reader.checked('concurrency', reader.number('concurrency'), fields.concurrencyProblem)),
  };
}

function checkUri(uri: string, reader: FieldReader, nested: boolean): string {
  if (uri === '') return uri;
  if (!uri.startsWith('/')) throw reader.error('uri', 'a text that begins with "/"');
  if (fields.beginsPlan(uri)) throw reader.error('uri', 'a uri that does not begin like a plan');
  const bad = fields.badUriOffset(uri);
  if (bad >= 0) throw reader.error('uri', `a visible ASCII character at offset ${bad}; encode any other with %`);
  if (nested && !fields.balancesParentheses(uri))
    throw reader.error('uri', 'parentheses that balance: this plan is in parentheses when it is a path');
  return uri;
}
