import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { formatDirective } from '../../plan/format.ts';
import type { Directive, GrpcStatusName, Header } from '../../plan/plan.ts';
import { redactUri } from '../../reply/redaction.ts';
import { grpcCodeOf, httpStatusOf } from '../../reply/status.ts';
import { abortReason } from '../concurrency/abort-reason.ts';
import { roundMs } from '../concurrency/round-ms.ts';
import type { Chance } from './chance.ts';
import { allHold, type ConditionFacts } from './conditions.ts';
import type { CpuBurner } from './cpu-burner.ts';
import { drawDelayMs } from './delay.ts';
import type { MemoryHold } from './memory-hold.ts';

/** Effects of the directives of a request on its answer. */
export interface DirectiveEffects {
  /** Applied directives, without conditions; a delay with its real length. */
  readonly applied: readonly string[];
  /** Headers of the answer. */
  readonly headers: readonly Header[];
  /** Functions that free held memory. Call them when the answer is made. */
  readonly releases: readonly (() => void)[];
  readonly status?: number;
  readonly grpcStatus?: GrpcStatusName;
  readonly body?: string;
  /** Whether the connection must be reset, without an answer. */
  readonly isReset?: true;
  /** Error that ended the directives: `deadline_exceeded`, `canceled` or `overloaded`. */
  readonly error?: MeshmockError;
}

/** Effects of no directives. */
export const noEffects: DirectiveEffects = { applied: [], headers: [], releases: [] };

/** Resources of a service that its directives use. */
export interface DirectiveResources {
  readonly chance: Chance;
  readonly burner: CpuBurner;
  readonly memory: MemoryHold;
}

/**
 * Applies the directives whose conditions hold, in their order. A status of 400 or more, a reset or an error is the
 * last of them. Never rejects: an error is one of the effects, beside what was applied before it.
 *
 * @param signal ends delays, and CPU work in progress
 */
export async function applyDirectives(
  resources: DirectiveResources,
  directives: readonly Directive[],
  facts: ConditionFacts,
  signal: AbortSignal,
): Promise<DirectiveEffects> {
  const effects: GrowingEffects = { applied: [], headers: [], releases: [] };
  for (const [index, directive] of directives.entries()) {
    // The index tells apart two directives with the same text.
    const key = (): string => `${index} ${formatDirective(directive)}`;
    if (!allHold(directive.conditions, key, facts, resources.chance)) continue;
    const appliedBefore = effects.applied.length;
    try {
      await applyDirective(effects, directive, key, resources, signal);
    } catch (error) {
      // A directive that time cut off was applied; one that was refused was not.
      if (!signal.aborted) effects.applied.length = appliedBefore;
      return { ...effects, error: signal.aborted ? errorOfAbort(signal) : asMeshmockError(error) };
    }
    if (effects.isReset === true || (effects.status ?? 0) >= 400) break;
  }
  return effects;
}

/** Effects while directives are being applied. */
interface GrowingEffects {
  readonly applied: string[];
  readonly headers: Header[];
  readonly releases: (() => void)[];
  status?: number;
  grpcStatus?: GrpcStatusName;
  body?: string;
  isReset?: true;
}

async function applyDirective(
  effects: GrowingEffects,
  directive: Directive,
  key: () => string,
  { chance, burner, memory }: DirectiveResources,
  signal: AbortSignal,
): Promise<void> {
  effects.applied.push(redactUri(formatDirective({ ...directive, conditions: [] })));
  switch (directive.kind) {
    case 'delay': {
      const delayMs = drawDelayMs(directive.delay, key, chance);
      effects.applied.splice(-1, 1, `delay=${roundMs(delayMs)}ms`);
      // Timers of Node have whole milliseconds, and turn 0 into 1.
      if (delayMs > 0) await setTimeout(Math.ceil(delayMs), undefined, { signal });
      return;
    }
    case 'status':
      effects.status = directive.status;
      delete effects.grpcStatus;
      return;
    case 'grpc-status':
      Object.assign(effects, httpStatusOf(grpcCodeOf(directive.grpcStatus)));
      return;
    case 'close':
      effects.isReset = true;
      return;
    case 'hang':
      if (!signal.aborted) await once(signal, 'abort');
      throw errorOfAbort(signal);
    case 'size':
      effects.body = 'x'.repeat(directive.bytes);
      return;
    case 'body':
      effects.body = directive.text;
      return;
    case 'header':
      effects.headers.push(directive.header);
      return;
    case 'cpu':
      await burner.burn(directive.durationMs, signal);
      return;
    case 'memory':
      effects.releases.push(await memory.take(directive.bytes));
      return;
  }
}

function errorOfAbort(signal: AbortSignal): MeshmockError {
  const { code, message } = abortReason(signal);
  return new MeshmockError(code === 'timeout' ? 'deadline_exceeded' : 'canceled', message);
}

function asMeshmockError(error: unknown): MeshmockError {
  return error instanceof MeshmockError ? error : new MeshmockError('internal', String(error));
}
