import { type Condition, conditionKey, type FixedParts, holds, type RequestParts } from './condition.ts';

/** Conditions with and, or and not. */
export type Formula =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Formula[] }
  | { readonly kind: 'not'; readonly of: Formula }
  | { readonly kind: 'is'; readonly condition: Condition };

/** Formula that every request satisfies. */
export const always: Formula = { kind: 'all', of: [] };

export function is(condition: Condition): Formula {
  return { kind: 'is', condition };
}

/** Returns the conditions of a formula, some maybe more than once. */
export function conditionsOf(formula: Formula): Condition[] {
  switch (formula.kind) {
    case 'all':
    case 'any':
      return formula.of.flatMap(conditionsOf);
    case 'not':
      return conditionsOf(formula.of);
    case 'is':
      return [formula.condition];
  }
}

/** Reports whether a request satisfies a formula; undefined if unknown conditions decide. */
export function satisfies(formula: Formula, parts: RequestParts, fixed: FixedParts): boolean | undefined {
  switch (formula.kind) {
    case 'is':
      return holds(formula.condition, parts, fixed);
    case 'not': {
      const inner = satisfies(formula.of, parts, fixed);
      return inner === undefined ? undefined : !inner;
    }
    case 'all':
    case 'any': {
      const decisive = formula.kind === 'any';
      const values = formula.of.map((one) => satisfies(one, parts, fixed));
      if (values.includes(decisive)) return decisive;
      return values.includes(undefined) ? undefined : !decisive;
    }
  }
}

/** A condition, and whether it must hold. */
export interface Literal {
  readonly condition: Condition;
  readonly isPositive: boolean;
}

/** Number of alternatives of a formula, beyond which they are not listed. */
const mostAlternatives = 200;

/** Returns alternatives of which each satisfies the formula, as lists of literals; not all if there are too many. */
export function alternatives(formula: Formula, isPositive = true): readonly (readonly Literal[])[] {
  switch (formula.kind) {
    case 'is':
      return [[{ condition: formula.condition, isPositive }]];
    case 'not':
      return alternatives(formula.of, !isPositive);
    case 'all':
    case 'any': {
      const parts = formula.of.map((one) => alternatives(one, isPositive));
      if ((formula.kind === 'any') === isPositive) return parts.flat().slice(0, mostAlternatives);
      return parts.reduce<readonly (readonly Literal[])[]>(
        (joined, part) => joined.flatMap((left) => part.map((right) => [...left, ...right])).slice(0, mostAlternatives),
        [[]],
      );
    }
  }
}

/** Returns conditions without repetitions, in order. */
export function distinct(conditions: readonly Condition[]): Condition[] {
  return [...new Map(conditions.map((condition) => [conditionKey(condition), condition])).values()];
}
