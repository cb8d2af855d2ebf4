import { writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { failedExitCode, noAnswerExitCode } from '../../error/exit-codes.ts';
import type { Client } from '../../execute/client.ts';
import type { ExpectationVerdict } from '../../expect/expectation-check.ts';
import { headerFields } from '../../plan/plan.ts';
import { summaryNotes } from '../../render/summary-notes.ts';
import { printable } from '../../render/terminal-text.ts';
import { redactUri } from '../../reply/redaction.ts';
import type { CallResult } from '../../reply/reply.ts';
import { isFailed } from '../../reply/status.ts';
import { openClient, type RequestBatch, sendBatch } from '../../send/request-batch.ts';
import type { TraceVerdict } from '../../trace/compare.ts';
import { helpOf } from '../options/options.ts';
import { answerText } from '../output/answer-text.ts';
import { beginJunit, type JunitCase, junitXml } from '../output/junit.ts';
import { paintOutput } from '../output/paint.ts';
import { Progress } from '../output/progress.ts';
import { programVersion } from '../process/program-version.ts';
import { type CallSettings, callSchema, readCallSettings } from './call-options.ts';
import { checkTraces } from './call-trace.ts';
import { Jaeger } from './jaeger.ts';
import { asExpectation, type TracesVerdict, verdictOfTraces } from './trace-report.ts';

export const callHelp = `meshmock call URL: sends a plan, prints the tree of what happened, checks expectations

URL is a path (sent to localhost:8080), a URL, grpc:HOST:PORT/PATH, or a command for curl or grpcurl.

${helpOf(callSchema)}

An expectation is  [not] [SERVICE | CALLER->SERVICE]  and one of
  status|version|pod|attempt|answered-by|refusal|mtls|peer|sampled  = VALUE           of every call
  status|version|pod|attempt|answered-by|refusal|mtls|peer|sampled  VALUE = 10% ± 4%  of so many calls
  latency min|mean|p50|p90|p95|p99|max < 200ms
  calls = 3

Exit code: 0, 1 when an expectation does not hold or a trace is not whole, 2 when the command is wrong, 3 when nobody answers.`;

const exitCodes = { passed: 0, failed: failedExitCode, unreachable: noAnswerExitCode } as const;

const longestPauseMs = 500;
const leastPauseMs = 50;

/** A round, and what became of its traces, when they are looked at. */
interface TracedRound extends RequestBatch {
  readonly traces?: readonly TraceVerdict[];
}

/** The last round, and how many there were. */
interface Rounds extends TracedRound {
  readonly rounds: number;
}

/**
 * Sends a request, prints what came of it, and sets the exit code.
 *
 * @throws MeshmockError `usage`, or what is wrong with the plan
 */
export async function call(args: readonly string[]): Promise<void> {
  const settings = readCallSettings(args);
  if (settings.junit !== undefined) beginJunit(settings.junit, 'meshmock call');
  const stop = new AbortController();
  const jaeger = settings.trace === undefined ? undefined : new Jaeger(settings.trace);
  // Before anything is sent: what cannot be looked up must not be waited for.
  await jaeger?.check(stop.signal);
  const client = await openClient(settings.target.scheme);
  const startedAt = performance.now();
  try {
    const round = await roundsUntilPassed(settings, client, jaeger, stop.signal);
    report(settings, round, performance.now() - startedAt);
    process.exitCode = exitCodes[outcomeOf(round)];
  } finally {
    stop.abort();
    await client.close();
  }
}

async function roundsUntilPassed(
  settings: CallSettings,
  client: Client,
  jaeger: Jaeger | undefined,
  stop: AbortSignal,
): Promise<Rounds> {
  const { repeat, retryUntil } = settings;
  const endsAt = performance.now() + (retryUntil ?? 0);
  let rounds = 1;
  let answers = 0;
  const waiting = jaeger === undefined ? '' : ', waiting for the trace';
  const progress = new Progress(process.stderr, () => {
    const again = rounds > 1 ? `, round ${rounds}` : '';
    return `meshmock: ${answers} of ${repeat} answers${again}${answers < repeat ? '' : waiting}`;
  });
  try {
    for (;;) {
      answers = 0;
      const round = await tracedRound(settings, client, jaeger, stop, () => answers++);
      const leftMs = endsAt - performance.now();
      if (outcomeOf(round) === 'passed' || leftMs < leastPauseMs) return { ...round, rounds };
      await setTimeout(Math.min(longestPauseMs, leftMs / 2), undefined, { signal: stop });
      rounds++;
    }
  } finally {
    progress.stop();
  }
}

/** Sends the requests of a round; with a Jaeger, waits for their traces. */
async function tracedRound(
  settings: CallSettings,
  client: Client,
  jaeger: Jaeger | undefined,
  stop: AbortSignal,
  onAnswer: () => void,
): Promise<TracedRound> {
  const userAgent = `meshmock/${programVersion()}`;
  const answers: CallResult[] = [];
  const round = await sendBatch(
    settings,
    client,
    userAgent,
    (call) => {
      if (jaeger !== undefined) answers.push(call);
      onAnswer();
    },
    stop,
  );
  if (jaeger === undefined || !round.isAnswered) return round;
  const sent = headerFields(settings.headers);
  return { ...round, traces: await checkTraces(jaeger, answers, sent, settings.traceTimeout, stop) };
}

function outcomeOf({ isAnswered, expectsNoAnswer, verdicts, traces = [] }: TracedRound): keyof typeof exitCodes {
  const passed = verdicts.every(({ passed: holds }) => holds) && traces.every(({ findings }) => findings.length === 0);
  if (!isAnswered && !(passed && expectsNoAnswer)) return 'unreachable';
  return passed ? 'passed' : 'failed';
}

function report(settings: CallSettings, round: Rounds, durationMs: number): void {
  const { target, json, junit } = settings;
  const { call, summary, verdicts, traces } = round;
  const ofTraces = traces && verdictOfTraces(traces, settings.trace?.href.replace(/\/$/, '') ?? '');
  const problem = call.error === undefined ? undefined : `${call.target} does not answer: ${call.error.message}`;
  const isUnreachable = outcomeOf(round) === 'unreachable';
  if (junit !== undefined) {
    const suite = `meshmock call ${call.target}${redactUri(target.path)}`;
    const all = ofTraces === undefined ? verdicts : [...verdicts, asExpectation(ofTraces)];
    const cases = all.length === 0 ? [anAnswer] : all;
    const unreachable = isUnreachable ? problem : undefined;
    writeFileSync(
      junit,
      junitXml([{ name: suite, cases: cases.map((each) => junitCase(each, durationMs / cases.length, unreachable)) }]),
    );
  }
  if (json) {
    const passed = outcomeOf(round) === 'passed';
    const result = { call, summary, expectations: verdicts, traces, passed };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
  } else {
    process.stdout.write(textOf(round, ofTraces, durationMs));
  }
  if (problem !== undefined) process.stderr.write(`meshmock: ${problem}\n`);
}

/** Without an expectation there is still one: that somebody answers. */
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
  { call, summary, verdicts, rounds }: Rounds,
  traces: TracesVerdict | undefined,
  durationMs: number,
): string {
  const title = summary === undefined ? '' : `${isFailed(call) ? 'The first that failed' : 'The first'}:\n`;
  const parts = [
    summary === undefined ? '' : `${summary.count} requests: ${summaryNotes(summary).join(' · ')}\n`,
    // That there was no answer is said on standard error.
    call.error === undefined ? title + answerText(call) : '',
    verdicts.map(verdictLines).join('') +
      (traces === undefined ? '' : verdictLines(traces) + traces.problems.map(problemLine).join('')),
  ];
  const after = rounds === 1 ? '' : `after ${rounds} rounds, ${(durationMs / 1000).toFixed(1)} s\n`;
  return parts.filter((part) => part !== '').join('\n') + after;
}

function verdictLines({ expectation, passed, seen }: ExpectationVerdict): string {
  const word = passed ? paintOutput('good', 'pass') : paintOutput('bad', 'FAIL');
  return `${word}  ${printable(expectation)}\n      seen: ${printable(seen)}\n`;
}

function problemLine(problem: string): string {
  return `      ${printable(problem)}\n`;
}
