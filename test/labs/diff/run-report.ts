import { parseArgs } from 'node:util';
import { isWrong, judge, type Verdict, verdicts } from './judge.ts';
import type { SnapshotPair } from './pairs.ts';
import type { PairRecord } from './record.ts';

export interface RunOptions {
  /** File of results, by which a run goes on. */
  readonly results: string | undefined;
  /** True to send requests where nothing differs too. */
  readonly all: boolean;
  /** Texts of which a pair has one in its name. */
  readonly texts: readonly string[];
}

/** Parses the arguments of a run: `[--results FILE] [--all] [TEXT…]`. */
export function readRunOptions(given: readonly string[]): RunOptions {
  const { values, positionals } = parseArgs({
    args: [...given],
    options: { results: { type: 'string' }, all: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  return { results: values.results, all: values.all, texts: positionals };
}

/** Pair with its verdict. */
export interface RunResult {
  readonly pair: SnapshotPair;
  readonly record: PairRecord;
  readonly verdict: Verdict;
}

/** Judges the result of a pair and prints it, with the lines of its report. */
export function resultOf({ pair, record }: Pick<RunResult, 'pair' | 'record'>): RunResult {
  const verdict = judge(pair, record);
  const { seconds, requests, lines, notCompared, error, repetition } = record;
  const name = repetition === 1 ? pair.name : `${pair.name} (${repetition})`;
  print(`${verdict.padEnd(11)} ${seconds.toFixed(1).padStart(5)} s  ${String(requests).padStart(4)} requests  ${name}`);
  if (error !== undefined) print(`              ${error}`);
  for (const { severity, kind, edge, requests: of, from, to, cause } of lines)
    print(`              ${severity}, ${kind}: ${edge} ${of}: ${from} → ${to}  ${cause}`);
  if (isWrong(verdict) || verdict === 'listed')
    for (const { subject, reason } of notCompared) print(`              not compared: ${subject}: ${reason}`);
  return { pair, record, verdict };
}

/**
 * Prints the number of verdicts of each lab, and the pairs that are wrong. Returns true if none is.
 *
 * @param count number of all pairs
 */
export function printTable(found: readonly RunResult[], count: number): boolean {
  const used = verdicts.filter((verdict) => found.some((one) => one.verdict === verdict));
  const row = (name: string, some: readonly RunResult[]): void =>
    print(
      `${name.padEnd(28)}${used.map((verdict) => String(some.filter((one) => one.verdict === verdict).length).padStart(12)).join('')}`,
    );
  print(`\n${''.padEnd(28)}${used.map((verdict) => verdict.padStart(12)).join('')}`);
  for (const [group, some] of Map.groupBy(found, ({ pair }) => pair.group)) row(group, some);
  row('all', found);
  const wrong = found.filter(({ verdict }) => isWrong(verdict));
  print(`\n${found.length} of ${count} pairs were compared, ${wrong.length} are reported wrongly`);
  for (const { verdict, pair } of wrong) print(`${verdict}: ${pair.name}`);
  return wrong.length === 0 && found.length === count;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
