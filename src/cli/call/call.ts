import { writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { failedExitCode, noAnswerExitCode } from '../../error/exit-codes.ts';
import type { Client } from '../../execute/client.ts';
import { facts } from '../../expect/expectation.ts';
import type { ExpectationVerdict } from '../../expect/expectation-check.ts';
import { headerFields } from '../../plan/plan.ts';
import { summaryNotes } from '../../render/summary-notes.ts';
import { printable, wrapWords } from '../../render/terminal-text.ts';
import { redactUri } from '../../reply/redaction.ts';
import type { CallResult } from '../../reply/reply.ts';
import { isFailed } from '../../reply/status.ts';
import { openClient, type RequestBatch, sendBatch } from '../../send/request-batch.ts';
import type { TraceVerdict } from '../../trace/compare.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { answerText } from '../output/answer-text.ts';
import { beginJunit, type JunitCase, junitXml } from '../output/junit.ts';
import { paintOutput } from '../output/paint.ts';
import { Progress } from '../output/progress.ts';
import { terminalWidth } from '../output/terminal-width.ts';
import { programVersion } from '../process/program-version.ts';
import { type CallSettings, callSchema, readCallSettings } from './call-options.ts';
import { checkTraces } from './call-trace.ts';
import { Jaeger } from './jaeger.ts';
import { asExpectation, type TracesVerdict, verdictOfTraces } from './trace-report.ts';

const help: HelpText = {
  usage: ['call [OPTIONS] URL', 'call [OPTIONS] -', 'call curl …'],
  summary: 'Sends a plan, prints the tree of calls, and checks expectations.',
  about: [
    'URL is a path (sent to localhost:8080), a URL, grpc:HOST:PORT/PATH, or a command for curl or grpcurl; - reads it from standard input. Quote it, since the shell reads | and ( itself.',
  ],
  schema: callSchema,
  sections: [
    {
      title: 'An expectation is [not] [SERVICE | CALLER->SERVICE] and one of',
      text: `  FACT = VALUE            of every call, such as status = 200
  FACT VALUE = 10% ± 4%   of a share or a number of calls
  latency p99 < 200ms     also min, mean, p50, p90, p95, max
  calls = 3

FACT is one of ${facts.slice(0, 6).join(', ')},
${facts.slice(6).join(', ')}.`,
    },
  ],
  examples: [
    "meshmock call '/@service1|service2/x' --expect 'service1 status = 200'",
    "meshmock call '/@reviews/x' --repeat 100 --expect 'reviews version v2 = 10%'",
    "meshmock call 'localhost:8080/x' -H 'end-user: jason' -d '{\"a\":1}'",
    "meshmock call curl -g 'localhost:8080/@a/x' -H 'end-user: jason'",
  ],
  notes: [
    'Exit code: 0; 1 if an expectation does not hold or a trace is incomplete; 2 if the command is wrong; 3 if nothing answers.',
  ],
};

export const callCommand: Command = { help, run: call };

const exitCodes = { passed: 0, failed: failedExitCode, unreachable: noAnswerExitCode } as const;

const maxPauseMs = 500;
const minPauseMs = 50;

/** Batch of requests, with the verdicts on their traces if they were checked. */
interface TracedBatch extends RequestBatch {
  readonly traces?: readonly TraceVerdict[];
}

/** Last batch, and how many batches were sent. */
interface FinalBatch extends TracedBatch {
  readonly batches: number;
}

/**
 * Sends a plan, prints the result, and sets the exit code.
 *
 * @throws MeshmockError `usage`, or the error of the plan with its place
 */
export async function call(args: readonly string[]): Promise<void> {
  const settings = readCallSettings(args);
  if (settings.junit !== undefined) beginJunit(settings.junit, 'meshmock call');
  const stop = new AbortController();
  const jaeger = settings.trace === undefined ? undefined : new Jaeger(settings.trace);
  // Before anything is sent, so that no trace is waited for that cannot be read.
  await jaeger?.check(stop.signal);
  const client = await openClient(settings.target.scheme);
  const startedAt = performance.now();
  try {
    const batch = await batchesUntilPassed(settings, client, jaeger, stop.signal);
    report(settings, batch, performance.now() - startedAt);
    process.exitCode = exitCodes[outcomeOf(batch)];
  } finally {
    stop.abort();
    await client.close();
  }
}

async function batchesUntilPassed(
  settings: CallSettings,
  client: Client,
  jaeger: Jaeger | undefined,
  stop: AbortSignal,
): Promise<FinalBatch> {
  const { repeat, retryUntil } = settings;
  const endsAt = performance.now() + (retryUntil ?? 0);
  let batches = 1;
  let answers = 0;
  const waiting = jaeger === undefined ? '' : ', waiting for the trace';
  const progress = new Progress(process.stderr, () => {
    const again = batches > 1 ? `, batch ${batches}` : '';
    return `meshmock: ${answers} of ${repeat} answers${again}${answers < repeat ? '' : waiting}`;
  });
  try {
    for (;;) {
      answers = 0;
      const batch = await tracedBatch(settings, client, jaeger, stop, () => answers++);
      const leftMs = endsAt - performance.now();
      if (outcomeOf(batch) === 'passed' || leftMs < minPauseMs) return { ...batch, batches };
      await setTimeout(Math.min(maxPauseMs, leftMs / 2), undefined, { signal: stop });
      batches++;
    }
  } finally {
    progress.stop();
  }
}

/** Sends the requests of a batch; with a Jaeger, waits for their traces. */
async function tracedBatch(
  settings: CallSettings,
  client: Client,
  jaeger: Jaeger | undefined,
  stop: AbortSignal,
  onAnswer: () => void,
): Promise<TracedBatch> {
  const userAgent = `meshmock/${programVersion()}`;
  const answers: CallResult[] = [];
  const batch = await sendBatch(
    settings,
    client,
    userAgent,
    (call) => {
      if (jaeger !== undefined) answers.push(call);
      onAnswer();
    },
    stop,
  );
  if (jaeger === undefined || !batch.isAnswered) return batch;
  const sent = headerFields(settings.headers);
  return { ...batch, traces: await checkTraces(jaeger, answers, sent, settings.traceTimeout, stop) };
}

function outcomeOf({ isAnswered, expectsNoAnswer, verdicts, traces = [] }: TracedBatch): keyof typeof exitCodes {
  const passed = verdicts.every(({ passed: holds }) => holds) && traces.every(({ findings }) => findings.length === 0);
  if (!isAnswered && !(passed && expectsNoAnswer)) return 'unreachable';
  return passed ? 'passed' : 'failed';
}

function report(settings: CallSettings, batch: FinalBatch, durationMs: number): void {
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
    summary === undefined ? '' : fitted(`${summary.count} requests: ${summaryNotes(summary).join(' · ')}`, '  '),
    // Standard error reports a missing answer.
    call.error === undefined ? title + answerText(call) : '',
    verdicts.map(verdictLines).join('') +
      (traces === undefined ? '' : verdictLines(traces) + traces.problems.map(problemLine).join('')),
  ];
  const after = batches === 1 ? '' : `after ${batches} batches, ${(durationMs / 1000).toFixed(1)} s\n`;
  return parts.filter((part) => part !== '').join('\n') + after;
}

function verdictLines({ expectation, passed, seen }: ExpectationVerdict): string {
  const word = passed ? paintOutput('good', 'pass') : paintOutput('bad', 'FAIL');
  return `${word}  ${printable(expectation)}\n${fitted(`      seen: ${printable(seen)}`, ' '.repeat(12))}`;
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
