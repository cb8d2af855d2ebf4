/** Maximum product of the lengths of two texts that are compared line by line. */
const mostCompared = 1_000_000;

/**
 * Returns the lines of both texts in order, with `- ` before lines that are gone, `+ ` before new ones, and two spaces
 * before others.
 *
 * @example lineDifferences(['a', 'b'], ['a', 'c']) // ['  a', '- b', '+ c']
 */
export function lineDifferences(before: readonly string[], after: readonly string[]): string[] {
  // Long texts would need too much memory.
  if (before.length * after.length > mostCompared)
    return [...before.map((line) => `- ${line}`), ...after.map((line) => `+ ${line}`)];
  const common = commonLengths(before, after);
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, recent] = [before[i], after[j]];
    if (old !== undefined && old === recent) {
      lines.push(`  ${old}`);
      i++;
      j++;
    } else if (recent === undefined || (old !== undefined && common(i + 1, j) >= common(i, j + 1))) {
      lines.push(`- ${old}`);
      i++;
    } else {
      lines.push(`+ ${recent}`);
      j++;
    }
  }
  return lines;
}

/** Returns a function that gives the length of the longest common part of the rests of two texts. */
function commonLengths(before: readonly string[], after: readonly string[]): (i: number, j: number) => number {
  const rows = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
  const lengthAt = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--) {
      const isSame = before[i] === after[j];
      const length = isSame ? lengthAt(i + 1, j + 1) + 1 : Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1));
      (rows[i] as Uint32Array)[j] = length;
    }
  return lengthAt;
}
