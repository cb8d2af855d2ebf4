import { appendFileSync, existsSync } from 'node:fs';
import { type FilePosition, parseFilePosition } from '../../error/file-position.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { type Annotation, annotationCommand, type GithubStep, githubStep } from '../output/github-commands.ts';
import { type FileResult, refusedTitle, titleInPhase, untestedOf } from './case-result.ts';
import { detailText, errorSummary, isFailure, runSummary } from './github-summary.ts';
import { skipSummary, verdictOf } from './run-verdict.ts';
import type { TestSettings } from './test-options.ts';

type GithubSettings = Pick<TestSettings, 'github' | 'failUntested'>;

/**
 * Reads files, and reports their errors to GitHub if the settings say so.
 *
 * @throws MeshmockError of the action
 */
export function reportingErrors<T>({ github }: Pick<GithubSettings, 'github'>, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (github && error instanceof MeshmockError) {
      const step = githubStep(process.env);
      const errors = errorAnnotations(error);
      report({ errors, warnings: [] }, errorSummary(errors, step), step);
    }
    throw error;
  }
}

/**
 * Annotates the failures of a run, and adds its summary to that of the step.
 *
 * @param endReason why the run ended early; undefined if it did not
 */
export function reportRun(
  results: readonly FileResult[],
  { failUntested }: Pick<GithubSettings, 'failUntested'>,
  endReason: string | undefined,
): void {
  const step = githubStep(process.env);
  const failures = failureAnnotations(results, failUntested);
  const isUntried = failures.length === 0 && verdictOf(results, failUntested) === 'untried';
  const problem = endReason ?? (isUntried ? `no case was tried: ${skipSummary(results)}` : undefined);
  const stopped = problem === undefined ? [] : [{ position: undefined, title: 'meshmock test', message: problem }];
  const errors = [...failures, ...stopped];
  const notes = noteAnnotations(results);
  const warnings = notes.filter(({ position }) => position !== undefined);
  report({ errors, warnings }, runSummary(results, { failures: errors, notes, failUntested }, step), step);
}

interface Annotations {
  readonly errors: readonly Annotation[];
  readonly warnings: readonly Annotation[];
}

function report({ errors, warnings }: Annotations, summary: string, step: GithubStep): void {
  const commands = [
    ...errors.map((one) => annotationCommand('error', one, step)),
    ...warnings.map((one) => annotationCommand('warning', one, step)),
  ];
  for (const command of commands) process.stdout.write(`${command}\n`);
  if (step.summaryFile !== undefined) appendFileSync(step.summaryFile, summary);
}

/** Returns an annotation for each failure: cases, refused manifests and, if they count, untested parts. */
function failureAnnotations(results: readonly FileResult[], failUntested: boolean): Annotation[] {
  return results.flatMap((file) => [
    ...file.cases.filter(isFailure).map((result) => ({
      position: parseFilePosition(result.testCase.where),
      title: titleInPhase(result),
      message: detailText(result),
    })),
    ...problemAnnotations(file.problem, refusedTitle, { file: file.name, line: 1, column: 1 }),
    ...(failUntested ? untestedOf(file) : []).map(({ object, part, where }) => ({
      position: parseFilePosition(where),
      title: 'untested',
      message: `no case covers ${object}: ${part}`,
    })),
  ]);
}

/** Returns an annotation for each note of a run. Files with the same manifests have the same notes. */
function noteAnnotations(results: readonly FileResult[]): Annotation[] {
  const notes = new Set(results.flatMap((file) => file.notes));
  return [...notes].map((note) => {
    const place = parseFilePosition(note);
    // The output of kustomize has lines too, but GitHub cannot show them.
    const position = place !== undefined && existsSync(place.file) ? place : undefined;
    const prefix = position === undefined ? '' : `${position.file}:${position.line}:${position.column}: `;
    return { position, title: 'note', message: note.slice(prefix.length) };
  });
}

/** Returns an annotation for each error of files that are not valid. */
function errorAnnotations(error: MeshmockError): Annotation[] {
  return [error, ...error.others].flatMap(({ message }) => problemAnnotations(message, 'meshmock test', undefined));
}

/** Returns an annotation for each line of a problem that begins with a place. The lines after it belong to it. */
function problemAnnotations(
  problem: string | undefined,
  title: string,
  elsewhere: FilePosition | undefined,
): Annotation[] {
  const found: Annotation[] = [];
  for (const line of problem === undefined ? [] : problem.split('\n')) {
    const position = parseFilePosition(line);
    const last = found.at(-1);
    if (position === undefined && last !== undefined)
      found.splice(-1, 1, { ...last, message: `${last.message}\n${line}` });
    else found.push({ position: position ?? elsewhere, title, message: line });
  }
  return found;
}
