import type { VariableValue } from './variables.ts';

/** Choice of one value for each variable, as indexes. */
export type Choice = readonly number[];

/** Number of requests to an edge, up to which every combination of values is made. */
export const mostCombinations = 300;

/** Returns all combinations of values, with the defaults first. */
export function allChoices(sizes: readonly number[]): Choice[] {
  return sizes.reduce<Choice[]>(
    (choices, size) => choices.flatMap((choice) => Array.from({ length: size }, (_, index) => [...choice, index])),
    [[]],
  );
}

/** Returns the number of combinations of values. */
export function countChoices(sizes: readonly number[]): number {
  return sizes.reduce((product, size) => product * size, 1);
}

/**
 * Returns choices in which each pair of values of two variables occurs, besides the choices that exist.
 *
 * @example
 * pairwiseChoices([2, 2, 2], []).length; // 4
 */
export function pairwiseChoices(sizes: readonly number[], existing: readonly Choice[]): Choice[] {
  const open = openPairs(sizes);
  for (const choice of existing) closePairs(open, choice);
  const choices: Choice[] = [];
  while (open.size > 0) {
    const [first] = open;
    const choice = extend(sizes, open, first === undefined ? [] : parsePair(first));
    closePairs(open, choice);
    choices.push(choice);
  }
  return choices;
}

interface Picked {
  readonly variable: number;
  readonly value: number;
}

function pairKey(a: Picked, b: Picked): string {
  return `${a.variable}.${a.value}.${b.variable}.${b.value}`;
}

function parsePair(key: string): Picked[] {
  const [variable = 0, value = 0, otherVariable = 0, otherValue = 0] = key.split('.').map(Number);
  return [
    { variable, value },
    { variable: otherVariable, value: otherValue },
  ];
}

function openPairs(sizes: readonly number[]): Set<string> {
  const open = new Set<string>();
  for (const [variable, size] of sizes.entries())
    for (const [other, otherSize] of sizes.entries()) {
      if (other <= variable) continue;
      for (let value = 0; value < size; value++)
        for (let otherValue = 0; otherValue < otherSize; otherValue++)
          open.add(pairKey({ variable, value }, { variable: other, value: otherValue }));
    }
  return open;
}

function pickedOf(choice: Choice): Picked[] {
  return choice.map((value, variable) => ({ variable, value }));
}

function closePairs(open: Set<string>, choice: Choice): void {
  const picked = pickedOf(choice);
  for (const [index, first] of picked.entries())
    for (const second of picked.slice(index + 1)) open.delete(pairKey(first, second));
}

/** Returns a choice with two given values, and for the other variables those values that close the most pairs. */
function extend(sizes: readonly number[], open: ReadonlySet<string>, given: readonly Picked[]): Choice {
  const picked = new Map(given.map(({ variable, value }) => [variable, value]));
  for (const [variable, size] of sizes.entries()) {
    if (picked.has(variable)) continue;
    const closedBy = (value: number): number =>
      [...picked].filter(([other, otherValue]) => {
        const pair = [
          { variable, value },
          { variable: other, value: otherValue },
        ].toSorted((a, b) => a.variable - b.variable);
        const [first, second] = pair;
        return first !== undefined && second !== undefined && open.has(pairKey(first, second));
      }).length;
    const values = Array.from({ length: size }, (_, value) => ({ value, closed: closedBy(value) }));
    picked.set(variable, values.reduce((best, one) => (one.closed > best.closed ? one : best)).value);
  }
  return sizes.map((_, variable) => picked.get(variable) ?? 0);
}

/** Returns the values of a choice. */
export function valuesOf(
  choice: Choice,
  variables: readonly { readonly values: readonly VariableValue[] }[],
): VariableValue[] {
  return choice.flatMap((value, variable) => variables[variable]?.values[value] ?? []);
}
