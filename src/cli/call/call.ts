import { setTimeout } from 'node:timers/promises';
import type { Client } from '../../execute/client.ts';
import { facts } from '../../expect/expectation.ts';
import { textFacts } from '../../expect/text-facts.ts';
import { Jaeger } from '../../jaeger/jaeger.ts';
import { headerFields } from '../../plan/plan.ts';
import type { CallResult } from '../../reply/reply.ts';
import { openClient, sendBatch } from '../../send/request-batch.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { beginJunit } from '../output/junit.ts';
import { Progress } from '../output/progress.ts';
import { programVersion } from '../process/program-version.ts';
import { type CallSettings, callSchema, readCallSettings, readCallTls } from './call-options.ts';
import { exitCodes, type FinalBatch, outcomeOf, reportBatch, type TracedBatch } from './call-report.ts';
import { checkTraces } from './call-trace.ts';

const help: HelpText = {
  usage: ['call [OPTIONS] URL', 'call [OPTIONS] -', 'call [OPTIONS] curl …'],
  summary: 'Sends a plan, prints the tree of calls, and checks expectations.',
  about: [
    'URL is a path (sent to localhost:8080), a URL, grpc:HOST:PORT/PATH, ws:HOST:PORT/PATH, a plan as JSON, or a command for curl or grpcurl; - reads it from standard input. Quote it, since the shell reads | and ( itself.',
  ],
  schema: callSchema,
  sections: [
    {
      title: 'An expectation is [not] [SERVICE | CALLER->SERVICE] and one of',
      text: `  FACT = VALUE            of every call, such as status = 200
  FACT VALUE = 10% ± 4%   of a share or a number of calls
  TEXT contains VALUE     also matches /REGEX/, exists, =, !=
  latency p99 < 200ms     also min, mean, p50, p90, p95, max; and first-byte
  calls = 3

FACT is one of ${facts.slice(0, 6).join(', ')},
${facts.slice(6).join(', ')}.
TEXT is one of ${textFacts.slice(0, 8).join(', ')},
${textFacts.slice(8, 15).join(', ')},
${textFacts.slice(15, 20).join(', ')},
${textFacts.slice(20).join(', ')}. A header and a trailer have a NAME after them.`,
    },
  ],
  examples: [
    "meshmock call '/@service1|service2/x' --expect 'service1 status = 200'",
    "meshmock call '/@reviews/x' --repeat 100 --expect 'reviews version v2 = 10%'",
    "meshmock call 'localhost:8080/x' -H 'end-user: jason' -d '{\"a\":1}'",
    'meshmock call https://localhost:8443/x --cacert ca.crt',
    "meshmock call curl -g 'localhost:8080/@a/x' -H 'end-user: jason'",
  ],
  notes: [
    'Exit code: 0; 1 if an expectation does not hold or a trace is incomplete; 2 if the command is wrong; 3 if nothing answers.',
  ],
};

export const callCommand: Command = { help, run: call };

const maxPauseMs = 500;
const minPauseMs = 50;

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
  const client = await openClient(settings.target.scheme, await readCallTls(settings));
  const startedAt = performance.now();
  try {
    const batch = await batchesUntilPassed(settings, client, jaeger, stop.signal);
    reportBatch(settings, batch, performance.now() - startedAt);
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
