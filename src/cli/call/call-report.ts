import { writeFileSync } from 'node:fs';
import { failedExitCode, noAnswerExitCode } from '../../error/exit-codes.ts';
import type { ExpectationVerdict } from '../../expect/expectation-check.ts';
import { summaryNotes } from '../../render/summary-notes.ts';
import { joinNotes, printable, wrapNotes, wrapWords } from '../../render/terminal-text.ts';
import { redactUri } from '../../reply/redaction.ts';
import type { Summary } from '../../reply/reply.ts';
import { isFailed } from '../../reply/status.ts';
import type { RequestBatch } from '../../send/request-batch.ts';
import type { TraceVerdict } from '../../trace/compare.ts';
import { answerText } from '../output/answer-text.ts';
import { type JunitCase, junitXml } from '../output/junit.ts';
import { paintOutput } from '../output/paint.ts';
import { terminalWidth } from '../output/terminal-width.ts';
import type { CallSettings } from './call-options.ts';
import { asExpectation, type TracesVerdict, verdictOfTraces } from './trace-report.ts';

/** Exit code of each outcome. */
export const exitCodes = { passed: 0, failed: failedExitCode, unreachable: noAnswerExitCode } as const;

/** Batch of requests, with the verdicts on their traces if they were checked. */
export interface TracedBatch extends RequestBatch {
  readonly traces?: readonly TraceVerdict[];
}

/** Last batch, and how many batches were sent. */
export interface FinalBatch extends TracedBatch {
  readonly batches: number;
}

/** Returns the outcome of a batch: whether it was answered, and whether all expectations hold. */
export function outcomeOf({ isAnswered, expectsNoAnswer, verdicts, traces = [] }: TracedBatch): keyof typeof exitCodes {
  const passed = verdicts.every(({ passed: holds }) => holds) && traces.every(({ findings }) => findings.length === 0);
  if (!isAnswered && !(passed && expectsNoAnswer)) return 'unreachable';
  return passed ? 'passed' : 'failed';
}

/**
 * Prints the result of a batch, and writes the JUnit file. Standard error reports a missing answer.
 *
 * @param durationMs time of all batches, in milliseconds
 */
export function reportBatch(settings: CallSettings, batch: FinalBatch, durationMs: number): void {
  const { target, json, junit } = settings;
  const { call, summary, verdicts, traces } = batch;
  const traceVerdict = traces && verdictOfTraces(traces, settings.trace?.href.replace(/\/$/, '') ?? '');
  const problem = call.error === undefined ? undefined : `${call.target} does not answer: ${call.error.message}`;
  const isUnreachable = outcomeOf(batch) === 'unreachable';
  if (junit !== undefined) {
    const suite = `meshmock call ${call.target}${redactUri(target.path)}`;
    const all = traceVerdict === undefined ? verdicts : [...verdicts, asExpectation(traceVerdict)];
    const cases = all.length === 0 ? [anAnswer] : all;
    const unreachable = isUnreachable ? problem : undefined;
    writeFileSync(
      junit,
      junitXml([{ name: suite, cases: cases.map((each) => junitCase(each, durationMs / cases.length, unreachable)) }]),
    );
  }
  if (json) {
    const passed = outcomeOf(batch) === 'passed';
    const result = { call, summary, expectations: verdicts, traces, passed };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
  } else {
    process.stdout.write(textOf(batch, traceVerdict, durationMs));
  }
  if (problem !== undefined) process.stderr.write(`meshmock: ${problem}\n`);
}

/** Expectation of a call without any: that it is answered. */
const anAnswer: ExpectationVerdict = { expectation: 'an answer', passed: true, seen: 'an answer' };

function junitCase(
  { expectation, passed, seen }: ExpectationVerdict,
  durationMs: number,
  problem: string | undefined,
): JunitCase {
  const common = { name: expectation, durationMs };
  if (problem !== undefined) return { ...common, outcome: { kind: 'error', message: problem } };
  if (passed) return { ...common, outcome: { kind: 'passed', output: seen } };
  return { ...common, outcome: { kind: 'failure', message: `seen: ${seen}` } };
}

function textOf(
  { call, summary, verdicts, batches }: FinalBatch,
  traces: TracesVerdict | undefined,
  durationMs: number,
): string {
  const title = summary === undefined ? '' : `${isFailed(call) ? 'The first failed request' : 'The first request'}:\n`;
  const parts = [
    summary === undefined ? '' : summaryLines(summary),
    // Standard error reports a missing answer.
    call.error === undefined ? title + answerText(call) : '',
    verdicts.map(verdictLines).join('') +
      (traces === undefined ? '' : verdictLines(traces) + traces.problems.map(problemLine).join('')),
  ];
  const after = batches === 1 ? '' : `after ${batches} batches, ${(durationMs / 1000).toFixed(1)} s\n`;
  return parts.filter((part) => part !== '').join('\n') + after;
}

/** Returns the summary, broken between its notes where the terminal ends. */
function summaryLines(summary: Summary): string {
  const [first = '', ...others] = summaryNotes(summary);
  const notes = [`${summary.count} requests: ${first}`, ...others];
  const width = terminalWidth();
  const lines = width === undefined ? [joinNotes(notes)] : wrapNotes(notes, Math.max(20, width - 2));
  return `${lines.join('\n  ')}\n`;
}

function verdictLines({ expectation, passed, seen }: ExpectationVerdict): string {
  const word = passed ? 'pass' : 'FAIL';
  // Painted after the line is broken: escape sequences fill no cells.
  const line = fitted(`${word}  ${printable(expectation)}`, '      ').slice(word.length);
  return `${paintOutput(passed ? 'good' : 'bad', word)}${line}${fitted(`      seen: ${printable(seen)}`, ' '.repeat(12))}`;
}

function problemLine(problem: string): string {
  return fitted(`      ${printable(problem)}`, ' '.repeat(8));
}

/** Breaks a line where the terminal ends; later lines begin with an indent. */
function fitted(line: string, indent: string): string {
  const width = terminalWidth();
  if (width === undefined) return `${line}\n`;
  const [, start = '', rest = ''] = /^(\s*)(.*)$/s.exec(line) ?? [];
  const lines = wrapWords(rest, Math.max(20, width - indent.length));
  return lines.map((part, index) => `${index === 0 ? start : indent}${part}\n`).join('');
}
