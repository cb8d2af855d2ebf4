/**
 * Overloads a service, and checks what its clients see. `npm run test:overload -- SECONDS SCENARIO FLAG…` runs it: the
 * length of each overload, 60 if not given, a part of the names of scenarios, and flags of the service. Shorter ones are
 * for machines that other programs use too: they have wider limits, and do not measure the first second, in which the
 * service finds out that it is overloaded.
 *
 * The capacity is the rate that clients reach who send each request after the answer to the one before: 32 of them for
 * plain requests, and one for each core for `~cpu`. The latencies of these clients are the unloaded ones. Then requests
 * arrive at twice and four times that rate, whether answers arrive or not.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServedProgram, startServe } from '../program.ts';
import type { Load, LoadResult } from './load.ts';
import { type Observed, observe } from './measure.ts';
import { percentile, runLoad } from './run-load.ts';

const [secondsText = '60', part = '', ...flags] = process.argv.slice(2);
const seconds = Number(secondsText);
const wholeSeconds = 60;
const isWhole = seconds >= wholeSeconds;
const margin = isWhole ? 1 : 4;
const warmUpMs = 3000;
const ignoreMs = isWhole ? 0 : 1000;
const unloadedMs = Math.min(10_000, Math.max(3000, 200 * seconds));
const settleMs = 1000;
const timeoutMs = 16_000;

interface Scenario {
  readonly name: string;
  readonly protocol: Load['protocol'];
  readonly path: string;
  /** Number of clients that the service can take. */
  readonly clients: number;
  /** Number of requests in flight beyond which no more are sent during an overload. */
  readonly maxInFlight: number;
}

/** Plan that costs the service several times as much as its refusal, and its client little. */
const longPlan = `/${'~status=503:version=v0/'.repeat(100)}x`;

const scenarios: readonly Scenario[] = (['http', 'grpc'] as const).flatMap((protocol) => [
  { name: `plain ${protocol}`, protocol, path: '/x', clients: 32, maxInFlight: 200 },
  { name: `long plan ${protocol}`, protocol, path: longPlan, clients: 32, maxInFlight: 200 },
  { name: `~cpu ${protocol}`, protocol, path: '/~cpu=40ms/x', clients: availableParallelism(), maxInFlight: 1000 },
]);

/** Limits of what clients may see, relative to the unloaded service where it says so. */
const limits = { acceptedRatio: 2, refusedMs: 10, probeMs: 100, memoryRatio: 1.25, afterRatio: 2 } as const;

let isFailed = false;

function check(name: string, value: number, limit: number): string {
  const holds = value <= limit * margin;
  if (!holds) isFailed = true;
  return `${name} ${value.toFixed(1)}${holds ? '' : ` (over ${(limit * margin).toFixed(1)})`}`;
}

interface Accepted {
  /** Accepted requests per second. */
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

function accepted({ counts, latenciesMs, tookMs }: LoadResult): Accepted {
  const [p50 = 0, p99 = 0] = [50, 99].map((percent) => percentile(latenciesMs.accepted, percent));
  return { rate: (1000 * counts.accepted) / tookMs, p50, p99 };
}

async function runScenario(service: ServedProgram, scenario: Scenario): Promise<void> {
  const { protocol, path, clients, maxInFlight } = scenario;
  const port = protocol === 'http' ? service.httpPort : service.grpcPort;
  const load = (rate: number, inFlight: number, durationMs: number): Promise<LoadResult> =>
    runLoad({ protocol, port, path, rate, maxInFlight: inFlight, durationMs, timeoutMs, ignoreMs });
  await load(0, clients, warmUpMs);
  const unloaded = accepted(await load(0, clients, unloadedMs));
  print(
    `${scenario.name}: capacity ${unloaded.rate.toFixed(0)}/s, p50 ${unloaded.p50.toFixed(1)} p99 ${unloaded.p99.toFixed(1)} ms`,
  );
  for (const times of [2, 4]) {
    const rate = times * unloaded.rate;
    const overload = await observe(service.httpPort, service.child.pid ?? 0, () =>
      load(rate, maxInFlight, 1000 * seconds),
    );
    await sleep(settleMs);
    const after = await load(0, clients, 2000);
    report(times, unloaded, overload, after);
  }
}

function report(
  times: number,
  unloaded: Accepted,
  { result, probesMs, failedProbes, memoryBytes }: Observed & { result: LoadResult },
  after: LoadResult,
): void {
  const { counts, latenciesMs, unsent, unanswered, tookMs } = result;
  const answers = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const { rate, p50, p99 } = accepted(result);
  const early = percentile(
    memoryBytes.slice(0, memoryBytes.length / 5).sort((a, b) => a - b),
    100,
  );
  const late = percentile(
    memoryBytes.slice(-memoryBytes.length / 5).sort((a, b) => a - b),
    100,
  );
  print(
    `  ${times}x: ${((1000 * answers) / tookMs).toFixed(0)}/s answered, ${unsent} not sent, goodput ${((100 * rate) / unloaded.rate).toFixed(0)} %`,
    `    ms: accepted p50 ${p50.toFixed(1)}, ${[
      check('accepted p99', p99, limits.acceptedRatio * unloaded.p99),
      check('refused p99', percentile(latenciesMs.refused, 99) || 0, limits.refusedMs),
      check('probe p99', percentile(probesMs, 99), limits.probeMs),
      check('accepted p99 after 1 s', accepted(after).p99, limits.afterRatio * unloaded.p99),
    ].join(', ')}`,
    `    ${[
      check('memory ratio', late / early, limits.memoryRatio),
      check('failed', counts.failed, 0),
      check('unanswered', unanswered, 0),
      check('failed probes', failedProbes, 0),
      check('refused after 1 s', after.counts.refused, 0),
    ].join(', ')}, memory ${(late / 1e6).toFixed(0)} MB`,
  );
}

function print(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

let running: ServedProgram | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    running?.child.kill('SIGKILL');
    process.exit(1);
  });
print(`overloads of ${seconds} s, ${availableParallelism()} cores, Node ${process.version}`);
for (const scenario of scenarios.filter(({ name }) => name.includes(part))) {
  await using service = await startServe('overloaded', ['--log-level', 'warn', ...flags]);
  running = service;
  await runScenario(service, scenario);
}
process.exitCode = isFailed ? 1 : 0;
