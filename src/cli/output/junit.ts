import { closeSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import type { FilePosition } from '../../error/file-position.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';

/** Test case as a CI server shows it. */
export interface JunitCase {
  readonly name: string;
  readonly durationMs: number;
  /** Position of the case in its file, if it is in one. */
  readonly position?: FilePosition;
  readonly outcome:
    | { readonly kind: 'passed'; readonly output: string }
    | { readonly kind: 'failure' | 'error'; readonly message: string; readonly details?: string }
    | { readonly kind: 'skipped'; readonly message: string };
}

export interface JunitSuite {
  readonly name: string;
  readonly cases: readonly JunitCase[];
  /** Text about the suite as a whole; none if empty. */
  readonly output?: string;
}

/**
 * Prepares the JUnit file before the run. So an unwritable file is reported at once, and a run without a result leaves no
 * result of an earlier run.
 *
 * @param command command that writes the file at its end
 * @throws MeshmockError `usage` if the file cannot be written
 */
export function beginJunit(file: string, command: string): void {
  try {
    const opened = openSync(file, 'a');
    const isFile = fstatSync(opened).isFile();
    closeSync(opened);
    // A reader of a pipe gets only the result.
    if (isFile) writeFileSync(file, junitXml([endedSuite(command, 'see what it said on standard error')]));
  } catch (error) {
    throw new MeshmockError('usage', `--junit: ${(error as Error).message}`);
  }
}

/** Returns the suite of a run that stopped early. */
export function endedSuite(command: string, message: string): JunitSuite {
  const outcome = { kind: 'error', message: `${command} stopped early: ${message}` } as const;
  return { name: command, cases: [{ name: 'a run to its end', durationMs: 0, outcome }] };
}

/** Formats suites as JUnit XML, in the form that CI servers read (testmoapp/junitxml). */
export function junitXml(suites: readonly JunitSuite[]): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${countsOf(suites.flatMap(({ cases }) => cases))}>`,
    ...suites.flatMap(({ name, cases, output = '' }) => [
      `  <testsuite name="${escapeXml(name)}" ${countsOf(cases)}>`,
      ...cases.map((one) => caseXml(one, name)),
      ...(output === '' ? [] : [`    <system-out>${escapeXml(output)}</system-out>`]),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

function countsOf(cases: readonly JunitCase[]): string {
  const count = (wanted: JunitCase['outcome']['kind']): number =>
    cases.filter(({ outcome }) => outcome.kind === wanted).length;
  const skipped = count('skipped');
  return [
    `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}"`,
    ...(skipped === 0 ? [] : [`skipped="${skipped}"`]),
    `time="${seconds(cases.reduce((sum, { durationMs }) => sum + durationMs, 0))}"`,
  ].join(' ');
}

/** CI servers identify a case by both names, since two suites may have cases with the same name. */
function caseXml({ name, durationMs, position, outcome }: JunitCase, suite: string): string {
  const place = position === undefined ? '' : ` file="${escapeXml(position.file)}" line="${position.line}"`;
  const open = `    <testcase classname="${escapeXml(suite)}" name="${escapeXml(name)}" time="${seconds(durationMs)}"${place}>`;
  return `${open}\n      ${outcomeXml(outcome)}\n    </testcase>`;
}

function outcomeXml(outcome: JunitCase['outcome']): string {
  switch (outcome.kind) {
    case 'passed':
      return `<system-out>${escapeXml(outcome.output)}</system-out>`;
    case 'skipped':
      return `<skipped message="${escapeXml(outcome.message)}"/>`;
    case 'failure':
    case 'error': {
      const open = `<${outcome.kind} message="${escapeXml(outcome.message)}"`;
      return outcome.details === undefined ? `${open}/>` : `${open}>${escapeXml(outcome.details)}</${outcome.kind}>`;
    }
  }
}

function seconds(durationMs: number): string {
  return (durationMs / 1000).toFixed(3);
}

/** Escapes text for XML. It drops characters that XML 1.0 cannot hold (section 2.2). */
function escapeXml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;');
}
