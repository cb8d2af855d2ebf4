import { optional } from '../error/optional.ts';
import type { CallMessage, ConditionMessage, DelayMessage, DirectiveMessage, PlanMessage } from './message.ts';
import {
  type Behaviour,
  type Call,
  type Condition,
  type Delay,
  type Directive,
  defaultPorts,
  type Plan,
} from './plan.ts';

/** Converts a plan to its message. A shared continuation appears once. */
export function toMessage(plan: Plan): PlanMessage {
  const directives = plan.directives.length > 0 ? { directives: plan.directives.map(directiveToMessage) } : {};
  if (plan.kind === 'answer') return plan.uri === '' ? directives : { ...directives, uri: plan.uri };
  const stages = plan.stages.map((stage) => ({ calls: stage.map(callToMessage) }));
  return { ...directives, stages, ...optional('then', plan.then && toMessage(plan.then)) };
}

function callToMessage(call: Call): CallMessage {
  return {
    ...(call.scheme === 'http' ? {} : { scheme: call.scheme }),
    host: call.host,
    ...(call.port === defaultPorts[call.scheme] ? {} : { port: call.port }),
    ...(call.times === 1 ? {} : { times: call.times }),
    ...(call.headers.length === 0 ? {} : { headers: [...call.headers] }),
    ...(Object.keys(call.options).length === 0 ? {} : { options: call.options }),
    ...optional('then', call.then && toMessage(call.then)),
  };
}

function directiveToMessage({ conditions, ...directive }: Directive): DirectiveMessage {
  const message = behaviourToMessage(directive);
  return conditions.length === 0 ? message : { ...message, conditions: conditions.map(conditionToMessage) };
}

function behaviourToMessage(behaviour: Behaviour): DirectiveMessage {
  switch (behaviour.kind) {
    case 'delay':
      return { delay: delayToMessage(behaviour.delay) };
    case 'status':
      return { status: behaviour.status };
    case 'grpc-status':
      return { grpcStatus: behaviour.grpcStatus };
    case 'close':
      return { close: true };
    case 'hang':
      return { hang: true };
    case 'size':
      return { sizeBytes: behaviour.bytes };
    case 'body':
      return { body: behaviour.text };
    case 'header':
      return { header: behaviour.header };
    case 'trailer':
      return { trailer: behaviour.header };
    case 'chunks':
    case 'events': {
      const { kind, count, intervalMs } = behaviour;
      return { [kind]: { count, intervalMs } };
    }
    case 'cpu':
      return { cpuMs: behaviour.durationMs };
    case 'memory':
      return { memoryBytes: behaviour.bytes };
  }
}

function delayToMessage(delay: Delay): DelayMessage {
  switch (delay.kind) {
    case 'fixed':
      return { fixedMs: delay.delayMs };
    case 'uniform':
      return { range: { minMs: delay.minMs, maxMs: delay.maxMs } };
    case 'percentiles':
      return { percentiles: { points: [...delay.points] } };
  }
}

function conditionToMessage(condition: Condition): ConditionMessage {
  switch (condition.kind) {
    case 'share':
      return { share: condition.share };
    case 'one-in':
      return { exactShare: { hits: condition.hits, of: condition.of } };
    case 'attempt-below':
      return { attemptBelow: condition.attempt };
    case 'attempt':
      return { attempt: condition.attempt };
    case 'version':
      return { version: condition.version };
    case 'pod':
      return { pod: condition.pod };
    case 'zone':
      return { zone: condition.zone };
  }
}
