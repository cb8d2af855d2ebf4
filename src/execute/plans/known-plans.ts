import { parsePath } from '../../plan/parse.ts';
import type { AnswerPlan, CallsPlan, Plan, PlanLimits } from '../../plan/plan.ts';
import { type CallsOfPlan, callsOfPlan } from './calls-of-plan.ts';

/** Plan of a request, with its calls as a service makes them. */
export type PreparedPlan =
  | { readonly plan: AnswerPlan; readonly calls: undefined }
  | { readonly plan: CallsPlan; readonly calls: CallsOfPlan };

/** Derives from a plan what its requests have in common. */
export function preparedPlan(plan: Plan): PreparedPlan {
  return plan.kind === 'calls' ? { plan, calls: callsOfPlan(plan) } : { plan, calls: undefined };
}

/** Memory of a plan for each character that structures it, in bytes: `/~delay=1ms` is four objects. */
const memoryOfStructure = 250;

/** 1 at the code of each character that structures a plan. */
const structural = new Uint8Array(128);
for (const character of '/~@|,:;*[(=%') structural[character.charCodeAt(0)] = 1;

/** Returns an upper bound of the memory that the plan of a path takes, in bytes. */
export function memoryOfPath(path: string): number {
  let structures = 0;
  for (let index = 0; index < path.length; index++) structures += structural[path.charCodeAt(index)] ?? 0;
  return structures * memoryOfStructure;
}

interface KnownPlan {
  readonly prepared: PreparedPlan;
  /** Limits within which the path was parsed. A plan is also within all higher ones. */
  readonly maxCalls: number;
  readonly maxDepth: number;
  readonly bytes: number;
}

/** Length of the longest path that is kept. For longer ones, the search would cost more than it saves on average. */
const longestPath = 4096;
/** Memory that known plans may take, in bytes. */
const maxBytes = 2_000_000;
/**
 * Memory of a character, at most, in bytes. A path over gRPC or a WebSocket may have a body that is not in ASCII: a character
 * takes two bytes in the path, two in the plan, and nine in the path of a callee, where it is encoded (`%E8%AA%9E`).
 */
const bytesPerCharacter = 13;
/** Memory of an entry besides the structure of its plan, in bytes. */
const entryBytes = 500;

/**
 * Plans of the paths that a service got. Most services get few paths, many times, and parse each of them once. When the plans
 * take too much memory, all of them are forgotten.
 *
 * @example
 * const plans = new KnownPlans();
 * plans.read('/@a/x', limits) === plans.read('/@a/x', limits); // true
 */
export class KnownPlans {
  private readonly plans = new Map<string, KnownPlan>();
  private bytes = 0;

  /**
   * Returns the plan of a path.
   *
   * @param limits limits of the request. Between the requests of a service, only those of calls and depth differ.
   * @throws MeshmockError as `parsePath`
   */
  read(path: string, limits: PlanLimits): PreparedPlan {
    if (path.length > longestPath) return preparedPlan(parsePath(path, limits));
    const known = this.plans.get(path);
    const { maxCalls, maxDepth } = limits;
    if (known !== undefined && known.maxCalls <= maxCalls && known.maxDepth <= maxDepth) return known.prepared;
    const prepared = preparedPlan(parsePath(path, limits));
    // Plans without calls are parsed fast, and their paths differ more.
    if (prepared.calls !== undefined) this.keep(path, { prepared, maxCalls, maxDepth, bytes: bytesOf(path) });
    return prepared;
  }

  private keep(path: string, plan: KnownPlan): void {
    if (plan.bytes > maxBytes) return;
    this.bytes += plan.bytes - (this.plans.get(path)?.bytes ?? 0);
    if (this.bytes > maxBytes) {
      this.plans.clear();
      this.bytes = plan.bytes;
    }
    this.plans.set(path, plan);
  }
}

/** Returns an upper bound of the memory of a plan with its calls, of its path, and of the paths that it passes on. */
function bytesOf(path: string): number {
  return entryBytes + bytesPerCharacter * path.length + 2 * memoryOfPath(path);
}
