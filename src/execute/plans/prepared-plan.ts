import type { AnswerPlan, CallsPlan, Plan } from '../../plan/plan.ts';
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
