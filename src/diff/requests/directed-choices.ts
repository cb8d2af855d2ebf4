import { type Choice, mostCombinations } from './combine.ts';
import { conditionKey } from './condition.ts';
import { alternatives, type Formula } from './formula.ts';
import type { Variable } from './variables.ts';

/**
 * Returns, for each alternative of each route and rule, a choice of values that satisfies it, and one that just misses each
 * part of it.
 */
export function directedChoices(formulas: readonly Formula[], variables: readonly Variable[]): Choice[] {
  const wanted = formulas.flatMap((formula) =>
    alternatives(formula).map(
      (literals) => new Map(literals.map(({ condition, isPositive }) => [conditionKey(condition), isPositive])),
    ),
  );
  const nearest = (demand: Demand): Choice => variables.map((variable) => nearestValue(variable, demand));
  const satisfying = wanted.map(nearest);
  const missing = wanted.flatMap((demand) =>
    [...demand].map(([key, isPositive]) => nearest(new Map([...demand, [key, !isPositive]]))),
  );
  const all = distinctChoices([variables.map(() => 0), ...satisfying, ...missing]);
  return all.slice(0, Math.max(mostCombinations, satisfying.length));
}

/** Truth that conditions must have, by their keys. */
type Demand = ReadonlyMap<string, boolean>;

/** Returns the index of the first value that meets the most of a demand. */
function nearestValue({ conditions, values }: Variable, demand: Demand): number {
  const misses = values.map(
    ({ truth }) =>
      conditions.filter((condition, index) => (demand.get(conditionKey(condition)) ?? truth[index]) !== truth[index])
        .length,
  );
  return misses.indexOf(Math.min(...misses));
}

function distinctChoices(choices: readonly Choice[]): Choice[] {
  return [...new Map(choices.map((choice) => [choice.join(), choice])).values()];
}
