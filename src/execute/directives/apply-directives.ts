import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { formatDirective } from '../../plan/format.ts';
import type { Directive, GrpcStatusName, Header } from '../../plan/plan.ts';
import { redactUri } from '../../reply/redaction.ts';
import type { CallError } from '../../reply/reply.ts';
import { grpcCodeOf, httpStatusOf } from '../../reply/status.ts';
import { roundMs } from '../concurrency/round-ms.ts';
import type { Chance } from './chance.ts';
import { allHold, type Circumstances } from './conditions.ts';
import type { CpuBurner } from './cpu-burner.ts';
import { drawDelayMs } from './delay.ts';
import type { MemoryHold } from './memory-hold.ts';

/** What the directives of a request have made of its answer. */
export interface DirectiveEffects {
  /** What was done, as directives without conditions; a delay as long as it was. */
  readonly done: string[];
  readonly headers: Header[];
  /** Gives back what is held. To be called when the answer is made. */
  readonly releases: (() => void)[];
  status?: number;
  grpcStatus?: GrpcStatusName;
  body?: string;
  /** The connection is to be reset, without an answer. */
  isReset?: true;
}

/** Resources of a service that its directives use. */
export interface DirectiveResources {
  readonly chance: Chance;
  readonly burner: CpuBurner;
  readonly memory: MemoryHold;
}

/**
 * Carries out directives in their order, those whose conditions hold. A status of 400 and more, or a reset, is the last.
 *
 * @param behaved is added to, so that what was done before an error is known
 * @throws MeshmockError `deadline_exceeded` or `canceled` when the signal is aborted, `overloaded`
 */
export async function applyDirectives(
  { chance, burner, memory }: DirectiveResources,
  directives: readonly Directive[],
  circumstances: Circumstances,
  behaved: DirectiveEffects,
  signal: AbortSignal,
): Promise<void> {
  for (const [index, directive] of directives.entries()) {
    // Two that read the same are two.
    const key = (): string => `${index} ${formatDirective(directive)}`;
    if (!allHold(directive.conditions, key, circumstances, chance)) continue;
    try {
      await carryOut(directive, key);
    } catch (error) {
      if (signal.aborted) throw stoppedError(signal);
      behaved.done.pop();
      throw error;
    }
    if (behaved.isReset === true || (behaved.status ?? 0) >= 400) return;
  }

  async function carryOut(directive: Directive, key: () => string): Promise<void> {
    behaved.done.push(redactUri(formatDirective({ ...directive, conditions: [] })));
    switch (directive.kind) {
      case 'delay': {
        const delayMs = drawDelayMs(directive.delay, key, chance);
        behaved.done.splice(-1, 1, `delay=${roundMs(delayMs)}ms`);
        // Node's timers know whole milliseconds, and make one of none.
        if (delayMs > 0) await setTimeout(Math.ceil(delayMs), undefined, { signal });
        return;
      }
      case 'status':
        behaved.status = directive.status;
        delete behaved.grpcStatus;
        return;
      case 'grpc-status':
        Object.assign(behaved, httpStatusOf(grpcCodeOf(directive.grpcStatus)));
        return;
      case 'close':
        behaved.isReset = true;
        return;
      case 'hang':
        if (!signal.aborted) await once(signal, 'abort');
        throw stoppedError(signal);
      case 'size':
        behaved.body = 'x'.repeat(directive.bytes);
        return;
      case 'body':
        behaved.body = directive.text;
        return;
      case 'header':
        behaved.headers.push(directive.header);
        return;
      case 'cpu':
        await burner.burn(directive.durationMs, signal);
        return;
      case 'memory':
        behaved.releases.push(await memory.take(directive.bytes));
        return;
    }
  }
}

function stoppedError(signal: AbortSignal): MeshmockError {
  const { code, message } = signal.reason as CallError;
  return new MeshmockError(code === 'timeout' ? 'deadline_exceeded' : 'canceled', message);
}
