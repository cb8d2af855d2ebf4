import { exitCodeOf, failedExitCode, noAnswerExitCode } from '../../error/exit-codes.ts';
import { printable } from '../../render/terminal-text.ts';
import { type FileResult, untestedOf } from './case-result.ts';

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

/** Returns the first reason why cases were skipped, and the number of other reasons. */
export function skipSummary(results: readonly FileResult[]): string {
  const outcomes = results.flatMap(({ cases }) => cases.map(({ outcome }) => outcome));
  const reasons = new Set(outcomes.flatMap((outcome) => (outcome.kind === 'skipped' ? [outcome.reason] : [])));
  const [first = 'the files have no cases', ...others] = [...reasons].map(printable);
  if (others.length === 0) return first;
  return `${first} (and ${others.length} other ${others.length === 1 ? 'reason' : 'reasons'})`;
}
