import { exitCodeOf, failedExitCode, noAnswerExitCode } from '../../error/exit-codes.ts';
import { printable } from '../../render/terminal-text.ts';
import { type FileResult, type Outcome, untestedOf } from './case-result.ts';

/** Verdict about all files of a run. */
export type RunVerdict = 'passed' | 'failed' | 'untried' | 'unreachable';

/** Exit code for each verdict. */
export const exitCodes: Readonly<Record<RunVerdict, number>> = {
  passed: 0,
  failed: failedExitCode,
  untried: exitCodeOf.usage,
  unreachable: noAnswerExitCode,
};

/** Returns the verdict about a run. A run is `unreachable` only if nothing answers any failed case. */
export function verdictOf(results: readonly FileResult[], failUntested: boolean): RunVerdict {
  if (results.some(({ problem }) => problem !== undefined)) return 'failed';
  if (failUntested && results.some((file) => untestedOf(file).length > 0)) return 'failed';
  const kinds = results.flatMap(({ cases }) => cases.map(({ outcome }) => outcome.kind));
  const failures = kinds.filter((kind) => kind === 'failed' || kind === 'unreachable' || kind === 'refused');
  if (failures.length > 0) return failures.every((kind) => kind === 'unreachable') ? 'unreachable' : 'failed';
  return kinds.includes('passed') ? 'passed' : 'untried';
}

/** Number of results of a run, with its word. */
export interface ResultCount {
  readonly text: string;
  /** True if these results make the run fail. */
  readonly isBad: boolean;
}

/** Returns the numbers that every report of a run has: `6 passed`, `1 failed`, `2 untested`. */
export function resultCounts(results: readonly FileResult[], failUntested: boolean): ResultCount[] {
  const outcomes = results.flatMap(({ cases }) => cases.map(({ outcome }) => outcome.kind));
  const count = (...kinds: readonly Outcome['kind'][]): number =>
    outcomes.filter((kind) => kinds.includes(kind)).length;
  const refused = results.filter(({ problem }) => problem !== undefined).length;
  const untested = failUntested ? results.flatMap(untestedOf).length : 0;
  const rows = [
    { number: count('failed', 'unreachable', 'refused'), word: 'failed', isBad: true },
    { number: refused, word: `${refused === 1 ? 'file' : 'files'} refused`, isBad: true },
    { number: untested, word: 'untested', isBad: true },
    { number: count('skipped'), word: 'skipped', isBad: false },
    { number: count('not_run'), word: 'not run', isBad: false },
  ];
  return [{ number: count('passed'), word: 'passed', isBad: false }, ...rows.filter(({ number }) => number > 0)].map(
    ({ number, word, isBad }) => ({ text: `${number} ${word}`, isBad }),
  );
}

/** Returns the first reason why cases were skipped, and the number of other reasons. */
export function skipSummary(results: readonly FileResult[]): string {
  const outcomes = results.flatMap(({ cases }) => cases.map(({ outcome }) => outcome));
  const reasons = new Set(outcomes.flatMap((outcome) => (outcome.kind === 'skipped' ? [outcome.reason] : [])));
  const [first = 'the files have no cases', ...others] = [...reasons].map(printable);
  if (others.length === 0) return first;
  return `${first} (and ${others.length} other ${others.length === 1 ? 'reason' : 'reasons'})`;
}
