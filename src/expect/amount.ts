import type { Amount } from './expectation.ts';
import { isInOrder } from './facts.ts';

/** Returns whether every number in a range satisfies an amount, or undefined if only some do. */
export function holdsWithin(least: number, most: number, amount: Amount): boolean | undefined {
  const holds = satisfies(least, amount);
  const isBetween = least < amount.value && amount.value < most;
  return satisfies(most, amount) !== holds || satisfies(isBetween ? amount.value : least, amount) !== holds
    ? undefined
    : holds;
}

/** Tolerance for rounding errors of percentages. */
const epsilon = 1e-9;

/** Reports whether a number satisfies an amount. */
export function satisfies(seen: number, { comparison, value, tolerance }: Amount): boolean {
  switch (comparison) {
    case '=':
      return Math.abs(seen - value) <= tolerance + epsilon;
    case '!=':
      return Math.abs(seen - value) > tolerance + epsilon;
    default:
      return isInOrder(seen, comparison, value);
  }
}
