import type { Cause } from '../cause.ts';
import type { ProbeCondition, ProbeRequest } from '../probe.ts';
import type { FixedParts, RequestParts } from './condition.ts';
import { satisfies } from './formula.ts';
import type { ParsedRoute, ParsedSide } from './parse-side.ts';

/** A request, and the class that it represents. */
export interface ClassRequest {
  readonly request: ProbeRequest;
  /** All conditions of both sides, each with its truth. */
  readonly conditions: readonly ProbeCondition[];
  /** Routes that the request takes on the two sides; undefined if it takes none, or if it is not known. */
  readonly before: ParsedRoute | undefined;
  readonly after: ParsedRoute | undefined;
  /** Key of both routes: the `routes` of its probes. */
  readonly routes: string;
  /** False if rules of a side refuse the request, as far as it is known. */
  readonly isAllowed: boolean;
  /** True if directives for the callee may precede the path, or need no place in it: the conditions have the same results. */
  readonly takesDirectives: boolean;
  /** True if the request may ask for an answer as text, by its header `accept`: the conditions have the same results. */
  readonly takesTextAnswer: boolean;
  /** Objects that decide about the request and are not the same on both sides. */
  readonly causes: readonly Cause[];
}

/** Rule that only one side has, or that both sides have with different contents. */
export type ChangedRule = ParsedSide['rules'][number] & { readonly side: 'before' | 'after' };

/** Returns the rules that only one side has, or that both sides have with different contents. */
export function changedRules(before: ParsedSide, after: ParsedSide): ChangedRule[] {
  // A rule that another one has moved is the same.
  const key = ({ name, action, formula }: ParsedSide['rules'][number]): string =>
    JSON.stringify([name.replace(/rule\[\d+\]/, ''), action, formula]);
  const keysOf = ({ rules }: ParsedSide): Set<string> => new Set(rules.map(key));
  const [old, recent] = [keysOf(before), keysOf(after)];
  return [
    ...after.rules.filter((rule) => !old.has(key(rule))).map((rule): ChangedRule => ({ ...rule, side: 'after' })),
    ...before.rules.filter((rule) => !recent.has(key(rule))).map((rule): ChangedRule => ({ ...rule, side: 'before' })),
  ];
}

/** Returns the causes of the changed rules that a request satisfies; of all if it satisfies none, and so is refused. */
export function causesOfRules(
  changed: readonly ChangedRule[],
  parts: RequestParts,
  fixed: Readonly<Record<ChangedRule['side'], FixedParts>>,
): Cause[] {
  const satisfied = changed.filter(({ formula, side }) => satisfies(formula, parts, fixed[side]) !== false);
  const deciding = satisfied.length > 0 ? satisfied : changed;
  const causes = deciding.flatMap(({ cause }) => cause ?? []);
  return [...new Map(causes.map((cause) => [JSON.stringify(cause), cause])).values()];
}

/** Returns the causes of two routes that are not the same, the later side's first. */
export function causesOfRoutes(before: ParsedRoute | undefined, after: ParsedRoute | undefined): Cause[] {
  const contents = (one: ParsedRoute | undefined): string => JSON.stringify(one?.route ?? null);
  if (contents(before) === contents(after)) return [];
  return [...(after?.causes ?? []), ...(before?.causes ?? [])];
}
