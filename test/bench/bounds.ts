/** Bounds of the CPU time of rows, relative to the first row of their scenario. */
export const maxCpuRatios: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  // About one and a half times the usual ratios, since other programs on a machine change caches and clocks.
  hop: {
    'meshmock, spans off': 2.2,
    'meshmock, metrics on': 2.4,
    'meshmock, spans exported': 3,
    'meshmock, 1 % of the traces': 2.4,
  },
  'grpc-hop': { 'meshmock, spans off': 1.5, 'meshmock, spans exported': 2 },
};

/** Row that a benchmark has measured. */
interface MeasuredRow {
  readonly name: string;
  readonly cpuUs: number;
}

/**
 * Returns the rows of a scenario that cost more CPU time than their bounds allow, as lines of text.
 *
 * @throws Error if a row with a bound was not measured
 */
export function overBounds(scenario: string, rows: readonly MeasuredRow[]): string[] {
  const [reference] = rows;
  return Object.entries(maxCpuRatios[scenario] ?? {}).flatMap(([name, bound]) => {
    const row = rows.find((one) => one.name === name);
    if (row === undefined || reference === undefined) throw new Error(`${scenario} has no row "${name}"`);
    const ratio = row.cpuUs / reference.cpuUs;
    if (ratio <= bound) return [];
    return [`${name}: ${ratio.toFixed(2)} times the CPU time of ${reference.name}; the bound is ${bound}`];
  });
}
