import { stripVTControlCharacters } from 'node:util';
import type { FilePosition } from '../../error/file-position.ts';
import { type Annotation, type GithubStep, inRepository } from '../output/github-commands.ts';
import { type CaseResult, detailLines, type FileResult, titleInPhase } from './case-result.ts';
import { resultCounts } from './run-verdict.ts';

/** Maximum size of each table of a summary, and of its details. GitHub drops a summary of more than 1 MiB. */
const maxPartBytes = 320_000;
/** Maximum length of the details of a case. */
const maxDetailLength = 8000;
/** Maximum number of failed cases with details. */
const maxDetails = 50;

/** Messages of a run, as the tables of its summary have them. */
export interface RunMessages {
  readonly failures: readonly Annotation[];
  readonly notes: readonly Annotation[];
  /** True if an untested part of the manifests is a failure. */
  readonly failUntested: boolean;
}

/** Reports whether a case makes the run fail. */
export function isFailure({ outcome: { kind } }: CaseResult): boolean {
  return kind === 'failed' || kind === 'unreachable' || kind === 'refused';
}

/** Returns the summary of a run in Markdown. */
export function runSummary(
  results: readonly FileResult[],
  { failures, notes, failUntested }: RunMessages,
  step: GithubStep,
): string {
  const cases = results.flatMap((file) => file.cases);
  const counts = resultCounts(results, failUntested).map(({ text }) => text);
  const rows = failures.map(
    ({ position, title, message }) => `| ${cell(title)} | ${linkTo(position, step)} | ${cell(firstLines(message))} |`,
  );
  const noteRows = notes.map(({ position, message }) => `| ${cell(message)} | ${linkTo(position, step)} |`);
  return [
    `### ${failures.length === 0 ? ':white_check_mark:' : ':x:'} meshmock test: ${counts.join(', ')}`,
    '',
    ...(rows.length === 0 ? [] : ['| failed | place | result |', '|---|---|---|', ...firstOf(rows)]),
    ...(noteRows.length === 0 ? [] : ['| note | place |', '|---|---|', ...firstOf(noteRows)]),
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
export function errorSummary(errors: readonly Annotation[], step: GithubStep): string {
  const rows = errors.map(({ position, message }) => `| ${linkTo(position, step)} | ${cell(message)} |`);
  return ['### :x: meshmock test did not run', '', '| place | error |', '|---|---|', ...firstOf(rows), ''].join('\n');
}

/** Returns the lines of a report below the title of a case, without colors. */
export function detailText(result: CaseResult): string {
  return detailLines(result)
    .map((line) => stripVTControlCharacters(line))
    .join('\n');
}

function linkTo(position: FilePosition | undefined, step: GithubStep): string {
  if (position === undefined) return '';
  const file = inRepository(position.file, step);
  const text = escapeHtml(`${file}:${position.line}`);
  const isInside = step.filesUrl !== undefined && !file.startsWith('../');
  return isInside ? `[${text}](${step.filesUrl}/${urlPath(file)}#L${position.line})` : text;
}

/** Returns a path for a URL in a link of Markdown, which a parenthesis would end. */
function urlPath(file: string): string {
  return encodeURI(file).replaceAll(/[#?()]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
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
