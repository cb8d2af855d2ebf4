import { appendFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { type FilePosition, parseFilePosition } from '../../error/file-position.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { type Annotation, errorCommand, type GithubStep, githubStep, inRepository } from '../output/github-commands.ts';
import {
  type CaseResult,
  detailLines,
  type FileResult,
  refusedTitle,
  titleInPhase,
  untestedOf,
} from './case-result.ts';
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
      report(errorAnnotations(error), errorSummary(error, step), step);
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
  report([...failures, ...stopped], summaryMarkdown(results, [...failures, ...stopped], step), step);
}

function report(annotations: readonly Annotation[], summary: string, step: GithubStep): void {
  for (const one of annotations) process.stdout.write(`${errorCommand(one, step)}\n`);
  if (step.summaryFile !== undefined) appendFileSync(step.summaryFile, summary);
}

/** Reports whether a case makes the run fail. */
function isFailure({ outcome: { kind } }: CaseResult): boolean {
  return kind === 'failed' || kind === 'unreachable' || kind === 'refused';
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

/** Maximum size of the rows of a summary, and of its details. GitHub drops a summary of more than 1 MiB. */
const maxPartBytes = 480_000;
/** Maximum length of the details of a case. */
const maxDetailLength = 8000;
/** Maximum number of failed cases with details. */
const maxDetails = 50;

/** Returns the summary of a run in Markdown. */
function summaryMarkdown(results: readonly FileResult[], failures: readonly Annotation[], step: GithubStep): string {
  const cases = results.flatMap((file) => file.cases);
  const countOf = (kind: CaseResult['outcome']['kind']): number =>
    cases.filter(({ outcome }) => outcome.kind === kind).length;
  const counts = [
    `${countOf('passed')} passed`,
    ...(failures.length === 0 ? [] : [`${failures.length} failed`]),
    ...(['skipped', 'not_run'] as const).flatMap((kind) =>
      countOf(kind) === 0 ? [] : [`${countOf(kind)} ${kind.replace('_', ' ')}`],
    ),
  ];
  const rows = failures.map(
    ({ position, title, message }) => `| ${cell(title)} | ${linkTo(position, step)} | ${cell(firstLines(message))} |`,
  );
  return [
    `### ${failures.length === 0 ? ':white_check_mark:' : ':x:'} meshmock test: ${counts.join(', ')}`,
    '',
    ...(rows.length === 0 ? [] : ['| failed | place | result |', '|---|---|---|', ...firstOf(rows)]),
    ...firstParts(cases.filter(isFailure).slice(0, maxDetails).map(detailsHtml)),
    '',
  ].join('\n');
}

/** Returns the rows of a table that fit, and how many more there are. */
function firstOf(rows: readonly string[]): string[] {
  const shown = firstParts(rows);
  const left = rows.length - shown.length;
  return [...shown, '', ...(left === 0 ? [] : [`The log has ${left} more.`, ''])];
}

/** Returns the parts at the start that fit into the maximum size. */
function firstParts(parts: readonly string[]): string[] {
  let bytes = 0;
  const end = parts.findIndex((part) => {
    bytes += Buffer.byteLength(part) + 1;
    return bytes > maxPartBytes;
  });
  return parts.slice(0, end === -1 ? undefined : end);
}

/** Returns the lines of a message before the tree of the answer: what was expected and seen, or an error. */
function firstLines(message: string): string {
  const [first = '', second = ''] = message.split('\n');
  return second.startsWith('seen') ? `${first}, ${second}` : first;
}

function detailsHtml(result: CaseResult): string {
  const details = escapeHtml(detailText(result).slice(0, maxDetailLength));
  return [
    `<details><summary>${escapeHtml(titleInPhase(result))}</summary>`,
    '',
    // An empty line would end the block of HTML.
    `<pre>${details.replaceAll('\n\n', '\n&#8203;\n')}</pre>`,
    '',
    '</details>',
    '',
  ].join('\n');
}

/** Returns the summary of a run that found errors in its files. */
function errorSummary(error: MeshmockError, step: GithubStep): string {
  const rows = errorAnnotations(error).map(
    ({ position, message }) => `| ${linkTo(position, step)} | ${cell(message)} |`,
  );
  return ['### :x: meshmock test did not run', '', '| place | error |', '|---|---|', ...firstOf(rows), ''].join('\n');
}

function detailText(result: CaseResult): string {
  return detailLines(result)
    .map((line) => stripVTControlCharacters(line))
    .join('\n');
}

function linkTo(position: FilePosition | undefined, step: GithubStep): string {
  if (position === undefined) return '';
  const file = inRepository(position.file, step);
  const text = escapeHtml(`${file}:${position.line}`);
  const isInside = step.filesUrl !== undefined && !file.startsWith('../');
  return isInside ? `[${text}](${step.filesUrl}/${encodeURI(file)}#L${position.line})` : text;
}

/** Escapes text for a cell of a table. */
function cell(text: string): string {
  return escapeHtml(text.replaceAll(/ +/g, ' ')).replaceAll('|', '&#124;').replaceAll('\n', '<br>');
}

/** Escapes text for HTML, and the characters with a meaning in Markdown. */
function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[*_`[\]\\~]/g, (character) => `&#${character.charCodeAt(0)};`);
}
