import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { formatDirective } from '../../plan/format.ts';
import type { Directive, GrpcStatusName, Header, Pace } from '../../plan/plan.ts';
import { FilledText, longPartBytes } from '../../reply/long-parts.ts';
import { redactUri } from '../../reply/redaction.ts';
import { grpcCodeOf, httpStatusOf } from '../../reply/status.ts';
import type { Budgets } from '../budgets/budgets.ts';
import { abortReason } from '../concurrency/abort-reason.ts';
import type { DeadlineSignal } from '../concurrency/deadline-signal.ts';
import { roundMs } from '../concurrency/round-ms.ts';
import type { Chance } from './chance.ts';
import { allHold, type ConditionFacts } from './conditions.ts';
import type { CpuBurner } from './cpu-burner.ts';
import { drawDelayMs } from './delay.ts';
import type { MemoryHold } from './memory-hold.ts';

/** Effects of the directives of a request on its answer. */
export interface DirectiveEffects {
  /** Applied directives, without conditions. A delay has its real length. */
  readonly applied: readonly string[];
  /** Headers of the answer. */
  readonly headers: readonly Header[];
  /** Functions that free held memory. Call them after the answer is made. */
  readonly releases: readonly (() => void)[];
  readonly status?: number;
  readonly grpcStatus?: GrpcStatusName;
  readonly body?: string | FilledText;
  /** Trailers of the answer. */
  readonly trailers: readonly Header[];
  /** Parts in which the answer is sent; absent for one. */
  readonly paced?: PacedAnswer;
  /** Content type of the body, which clients other than meshmocks then get alone. */
  readonly contentType?: string;
  readonly end: DirectivesEnd;
}

/** Answer that is sent in parts. */
export interface PacedAnswer extends Pace {
  readonly kind: 'chunks' | 'events';
  /** Time at which the answer must be sent, on the clock of `performance.now()`. */
  readonly deadlineAt: number;
}

/** End of the directives of a request. */
export type DirectivesEnd =
  /** The service answers the request. */
  | { readonly kind: 'completed' }
  /** The server must reset the connection, without an answer. */
  | { readonly kind: 'reset' }
  /** The service answers with the error: `deadline_exceeded`, `canceled` or `overloaded`. */
  | { readonly kind: 'failed'; readonly error: MeshmockError };

const completed: DirectivesEnd = { kind: 'completed' };

/** Effects of no directives. */
export const noEffects: DirectiveEffects = { applied: [], headers: [], trailers: [], releases: [], end: completed };

/** Resources of a service that its directives use. */
export interface DirectiveResources {
  readonly chance: Chance;
  readonly burner: CpuBurner;
  readonly memory: MemoryHold;
  readonly budgets: Budgets;
}

/** Deadline of a request, and the signal that ends it. */
type Stop = Pick<DeadlineSignal, 'signal' | 'deadlineAt'>;

/**
 * Applies the directives whose conditions hold, in their order. It stops after a status of 400 or more, a reset or an
 * error. Never rejects: the effects contain the error, and everything that was applied before it.
 *
 * @param stop ends a delay, a hang or CPU work; the reason of its signal is a `CallError`
 */
export async function applyDirectives(
  resources: DirectiveResources,
  directives: readonly Directive[],
  facts: ConditionFacts,
  stop: Stop,
): Promise<DirectiveEffects> {
  const { signal } = stop;
  let effects = noEffects;
  for (const [index, directive] of directives.entries()) {
    // Two directives may have the same text, so the index is part of the key.
    const key = (): string => `${index} ${formatDirective(directive)}`;
    if (!allHold(directive.conditions, key, facts, resources.chance)) continue;
    const drawn = drawDirective(directive, key, resources.chance);
    const applied = [...effects.applied, textOf(drawn)];
    try {
      effects = { ...(await applyDirective(effects, drawn, resources, stop)), applied };
    } catch (error) {
      // A directive that the signal ended was applied. One that was refused was not.
      if (signal.aborted) return { ...effects, applied, end: { kind: 'failed', error: errorOfAbort(signal) } };
      return { ...effects, end: { kind: 'failed', error: failureOf(drawn, error, resources.budgets) } };
    }
    if (effects.end.kind === 'reset' || (effects.status ?? 0) >= 400) break;
  }
  return effects;
}

/** Directive as one request applies it: a delay has its length. */
type DrawnDirective = Exclude<Directive, { kind: 'delay' }> | { readonly kind: 'delay'; readonly delayMs: number };

function drawDirective(directive: Directive, key: () => string, chance: Chance): DrawnDirective {
  if (directive.kind !== 'delay') return directive;
  return { kind: 'delay', delayMs: drawDelayMs(directive.delay, key, chance) };
}

/** Returns the text of a directive, as replies show it. */
function textOf(directive: DrawnDirective): string {
  if (directive.kind === 'delay') return `delay=${roundMs(directive.delayMs)}ms`;
  return redactUri(formatDirective({ ...directive, conditions: [] }));
}

/**
 * Applies one directive, and returns the effects with its own.
 *
 * @throws MeshmockError `overloaded` if the service cannot apply it, and any error if the signal is aborted
 */
async function applyDirective(
  effects: DirectiveEffects,
  directive: DrawnDirective,
  { burner, memory }: DirectiveResources,
  stop: Stop,
): Promise<DirectiveEffects> {
  const { signal } = stop;
  switch (directive.kind) {
    case 'delay':
      // Timers of Node have whole milliseconds, and turn 0 into 1.
      if (directive.delayMs > 0) await setTimeout(Math.ceil(directive.delayMs), undefined, { signal });
      return effects;
    case 'status': {
      const { grpcStatus: _replaced, ...others } = effects;
      return { ...others, status: directive.status };
    }
    case 'grpc-status':
      return { ...effects, ...httpStatusOf(grpcCodeOf(directive.grpcStatus)) };
    case 'close':
      return { ...effects, end: { kind: 'reset' } };
    case 'hang':
      if (!signal.aborted) await once(signal, 'abort');
      throw errorOfAbort(signal);
    case 'size':
      return { ...effects, body: bodyOfSize(directive.bytes) };
    case 'body':
      return { ...effects, body: directive.text };
    case 'header':
      if (directive.header.name === 'content-type') return { ...effects, contentType: directive.header.value };
      return { ...effects, headers: [...effects.headers, directive.header] };
    case 'trailer':
      return { ...effects, trailers: [...effects.trailers, directive.header] };
    case 'chunks':
    case 'events': {
      const { kind, count, intervalMs } = directive;
      return { ...effects, paced: { kind, count, intervalMs, deadlineAt: stop.deadlineAt } };
    }
    case 'cpu':
      await burner.burn(directive.durationMs, stop);
      return effects;
    case 'memory':
      return { ...effects, releases: [...effects.releases, await memory.take(directive.bytes)] };
  }
}

function bodyOfSize(bytes: number): string | FilledText {
  const body = new FilledText(bytes);
  return bytes < longPartBytes ? body.toString() : body;
}

function errorOfAbort(signal: AbortSignal): MeshmockError {
  const { code, message } = abortReason(signal);
  return new MeshmockError(code === 'timeout' ? 'deadline_exceeded' : 'canceled', message);
}

/** Returns the error of a directive that failed, and counts a refusal. `MemoryHold` counts its own. */
function failureOf({ kind }: DrawnDirective, thrown: unknown, { refusals }: Budgets): MeshmockError {
  const error = thrown instanceof MeshmockError ? thrown : new MeshmockError('internal', String(thrown));
  if (kind === 'cpu' && error.code === 'overloaded') refusals.add('cpu');
  return error;
}
