/**
 * Model of a mesh with the policies of `sidecar-policies.yaml`. It converts plans and replies to the same form, so that
 * tests can compare them.
 */

import { optional } from '../../../src/error/optional.ts';
import { countCalls, depthOf } from '../../../src/plan/measure.ts';
import {
  type Call,
  type Directive,
  defaultPorts,
  type Plan,
  type Protocol,
  sharedContinuation,
} from '../../../src/plan/plan.ts';
import type { CallResult, Reply } from '../../../src/reply/reply.ts';
import fc from '../../fast-check.ts';
import { arbitraryPlan } from '../../plan/arbitrary-plan.ts';

/** Policy for a call, which a header of the call selects. */
type Policy = 'none' | 'abort' | 'retry' | 'timeout' | 'v1' | 'v2';

const header = 'x-policy';
/** Number of retries that the policy allows. */
const retries = 2;

const services = ['gateway', 'service1', 'service2', 'service3', 'service4'];

/** Returns a plan that fails at each attempt below a number. */
function failingPlan(below: number): Plan {
  const directive: Directive = {
    kind: 'status',
    status: 503,
    conditions: [{ kind: 'attempt-below', attempt: below }],
  };
  return { kind: 'answer', directives: [directive], uri: '/x' };
}

const slowPlan: Plan = {
  kind: 'answer',
  directives: [{ kind: 'delay', delay: { kind: 'fixed', delayMs: 3000 }, conditions: [] }],
  uri: '/x',
};

const edge = fc
  .tuple(
    fc.constantFrom('http' as const, 'grpc' as const),
    fc.constantFrom(...services),
    fc.oneof(
      { weight: 5, arbitrary: fc.constant<Policy>('none') },
      fc.constantFrom<Policy>('abort', 'retry', 'timeout', 'v1', 'v2'),
    ),
    fc.constantFrom(2, 3, 9),
  )
  .map(([scheme, any, policy, below]): Call => {
    const hosts: Readonly<Record<Policy, string>> = {
      none: any,
      abort: 'service1',
      v1: 'service2',
      v2: 'service2',
      retry: 'service3',
      timeout: 'service4',
    };
    const own = policy === 'retry' ? failingPlan(below) : policy === 'timeout' ? slowPlan : undefined;
    return {
      scheme,
      host: hosts[policy],
      port: defaultPorts[scheme],
      times: 1,
      options: {},
      headers: policy === 'none' ? [] : [{ name: header, value: policy }],
      ...(own === undefined ? {} : { then: own }),
    } as Call;
  });

/** Random plans. A call with the policy `retry` or `timeout` gets a continuation to which the policy applies. */
export const plans = arbitraryPlan(
  { directives: fc.constant([]), call: edge, uri: fc.constantFrom('/', '/x', '/a?b=(c|d)') },
  3,
)
  .map(withOwnContinuations)
  .filter((plan) => plan.kind === 'calls' && countCalls(plan) <= 14 && depthOf(plan) <= 5);

function withOwnContinuations(plan: Plan): Plan {
  if (plan.kind === 'answer') return plan;
  const stages = plan.stages.map((stage) =>
    stage.map((call): Call => {
      switch (policyOf(call)) {
        case 'retry':
          return { ...call, then: failingPlanFor(call.then) };
        case 'timeout':
          return { ...call, then: slowPlan };
        default:
          return call.then === undefined ? call : { ...call, then: withOwnContinuations(call.then) };
      }
    }),
  );
  return { ...plan, stages, then: plan.then === undefined ? undefined : withOwnContinuations(plan.then) };
}

/** Returns a plan whose number of failures depends on the kind of the generated continuation. */
function failingPlanFor(then: Plan | undefined): Plan {
  return then === undefined ? failingPlan(2) : then.kind === 'answer' ? failingPlan(3) : failingPlan(9);
}

function policyOf({ headers }: Call): Policy {
  return (headers.find(({ name }) => name === header)?.value ?? 'none') as Policy;
}

/** Part of one service in a cascade. Replies and plans are converted to parts, which are then compared. */
export interface Part {
  readonly service: string;
  readonly protocol: Protocol;
  readonly status: number;
  /** Number of the proxy's attempt, from 1. */
  readonly attempt: number;
  /** Version of the service, if a policy determines it. */
  readonly version?: string;
  readonly calls: readonly Edge[];
}

export interface Edge {
  readonly target: string;
  readonly stage: number;
  readonly answer: Part | 'fault' | 'timeout';
}

/** Returns the part that a plan must result in. */
export function partOfPlan(service: string, protocol: Protocol, plan: Plan, attempt = 1, version?: string): Part {
  const own = { service, protocol, attempt, ...optional('version', version) };
  if (plan.kind === 'answer') return { ...own, status: statusAt(plan, attempt), calls: [] };
  const calls = plan.stages.flatMap((stage, index) =>
    stage.map(
      (call): Edge => ({ target: `${call.host}:${call.port}`, stage: index, answer: expectedAnswer(call, plan) }),
    ),
  );
  const failures = calls.map(({ answer }) => (typeof answer === 'string' ? answer : answer.status)).filter(isFailure);
  const areTimeouts = failures.every((one) => one === 'timeout' || one === 504);
  return { ...own, status: failures.length === 0 ? 200 : areTimeouts ? 504 : 502, calls };
}

function isFailure(outcome: number | string): boolean {
  return typeof outcome === 'string' || outcome >= 400;
}

function expectedAnswer(call: Call, plan: Extract<Plan, { kind: 'calls' }>): Edge['answer'] {
  const protocol = call.scheme === 'grpc' ? 'grpc' : 'http';
  const then = call.then ?? sharedContinuation(plan);
  const policy = policyOf(call);
  switch (policy) {
    case 'abort':
      return 'fault';
    case 'timeout':
      return 'timeout';
    case 'retry': {
      const attempt = [1, 2, 3].find((one) => statusAt(then, one) === 200) ?? retries + 1;
      return partOfPlan(call.host, protocol, then, attempt);
    }
    case 'v1':
    case 'v2':
      return partOfPlan(call.host, protocol, then, 1, policy);
    case 'none':
      return partOfPlan(call.host, protocol, then);
  }
}

function statusAt(plan: Plan, attempt: number): number {
  if (plan.kind !== 'answer') return 200;
  const fails = plan.directives.some(
    ({ kind, conditions }) =>
      kind === 'status' && conditions.every((one) => one.kind === 'attempt-below' && attempt < one.attempt),
  );
  return fails ? 503 : 200;
}

/** Converts a reply to a part. */
export function partOfReply(reply: Reply, expected?: Part): Part {
  const calls = (reply.calls ?? []).map(
    (call, index): Edge => ({
      target: call.target,
      stage: call.stage ?? 0,
      answer: answerOf(call, expected?.calls[index]?.answer),
    }),
  );
  return {
    service: reply.service,
    protocol: reply.request?.protocol ?? 'http',
    attempt: reply.mesh?.attempt ?? 1,
    ...(expected?.version === undefined ? {} : { version: reply.version ?? '' }),
    status: reply.status,
    calls,
  };
}

function answerOf(call: CallResult, expected: Edge['answer'] | undefined): Edge['answer'] {
  if (call.reply === undefined) return (call.mesh?.refusal?.reason ?? call.error?.code ?? call.answeredBy) as 'fault';
  // Envoy sends its timeout to a gRPC server as the deadline (`grpc-timeout`), so the service may report it first.
  if (expected === 'timeout' && call.scheme === 'grpc' && call.reply.status === 504) return 'timeout';
  return partOfReply(call.reply, typeof expected === 'object' ? expected : undefined);
}

/** Counts how often each service has sent to each other one, including retries. The keys are `FROM TO PROTOCOL`. */
export function sentBy(part: Part, counts = new Map<string, number>()): Map<string, number> {
  for (const { target, answer } of part.calls) {
    const [host = '', port] = target.split(':');
    const key = `${part.service} ${host} ${Number(port) === defaultPorts.grpc ? 'grpc' : 'http'}`;
    const times = answer === 'fault' ? 0 : answer === 'timeout' ? 1 : answer.attempt;
    if (times > 0) counts.set(key, (counts.get(key) ?? 0) + times);
    if (typeof answer === 'object') sentBy(answer, counts);
  }
  return counts;
}

/** Returns the number of calls that were made. */
export function countMade({ calls }: Part): number {
  return calls.reduce((sum, { answer }) => sum + 1 + (typeof answer === 'object' ? countMade(answer) : 0), 0);
}
