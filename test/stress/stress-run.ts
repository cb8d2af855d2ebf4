import { parseArgs } from 'node:util';
import { derivedSeed, Random } from '../random.ts';

/** Part of a suite. It runs in rounds, and each round follows from its own seed. */
export interface Scenario {
  readonly name: string;
  /** Starts what all rounds of the scenario use. */
  start(): Promise<ScenarioRun>;
}

/** Scenario that has started. Disposing it ends what it has started. */
export interface ScenarioRun extends AsyncDisposable {
  /** Runs one round. Returns the number of its cases. Rejects if something is wrong. */
  round(random: Random, signal: AbortSignal): Promise<number>;
  /** Checks the state after the last round. Returns figures for the report. */
  finish(): Promise<string>;
}

/** Arguments of a suite: `MINUTES [--seed N] [--only NAME] [--round N]`. */
interface StressArguments {
  readonly minutes: number;
  readonly seed: number;
  readonly only: string | undefined;
  /** The only round to run. */
  readonly round: number | undefined;
}

function readArguments(args: readonly string[]): StressArguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seed: { type: 'string' }, only: { type: 'string' }, round: { type: 'string' } },
  });
  const minutes = Number(positionals[0] ?? 1);
  const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
  if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error('usage: MINUTES [--seed N] [--only NAME]');
  return { minutes, seed, only: values.only, round: values.round === undefined ? undefined : Number(values.round) };
}

/** Maximum time of a start or a round, in milliseconds. What takes longer hangs. */
const maxPartMs = 120_000;

/**
 * Runs the scenarios of a suite one after another, each for an equal part of the time. It prints the seed, and how to
 * repeat a round that fails. Returns the exit code.
 *
 * @example process.exit(await runStress('fuzz', [httpRequests], process.argv.slice(2)));
 */
export async function runStress(suite: string, all: readonly Scenario[], args: readonly string[]): Promise<number> {
  const { minutes, seed, only, round } = readArguments(args);
  const scenarios = all.filter(({ name }) => only === undefined || name === only);
  if (scenarios.length === 0) throw new Error(`--only is one of ${all.map(({ name }) => name).join(', ')}`);
  process.stdout.write(`test:${suite}: ${minutes} min, seed ${seed}\n`);
  let failures = 0;
  for (const scenario of scenarios) {
    let current = round ?? 0;
    const startedAt = performance.now();
    const untilMs = startedAt + (minutes * 60_000) / scenarios.length;
    let cases = 0;
    try {
      await using run = await inTime(scenario.start());
      do {
        const random = new Random(derivedSeed(seed, `${scenario.name} ${current}`));
        cases += await inTime(run.round(random, AbortSignal.timeout(maxPartMs)));
        current++;
      } while (performance.now() < untilMs && round === undefined);
      const figures = await run.finish();
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      process.stdout.write(`ok    ${scenario.name}: ${cases} cases in ${current} rounds, ${seconds} s; ${figures}\n`);
    } catch (error) {
      failures++;
      const again = `npm run test:${suite} -- ${minutes} --seed ${seed} --only ${scenario.name}`;
      process.stdout.write(
        `FAIL  ${scenario.name}: ${(error as Error).stack}\n      again: ${again} --round ${current}\n`,
      );
    }
  }
  return failures === 0 ? 0 : 1;
}

/** Rejects if a start or a round hangs. */
async function inTime<T>(part: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`it hangs: it takes more than ${maxPartMs} ms`)), maxPartMs);
  return Promise.race([part, promise]).finally(() => clearTimeout(timer));
}

/** Runs actions, at most so many at once. Rejects with the first error after all have ended. */
export async function runPool<T>(
  items: readonly T[],
  atOnce: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const errors: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const item of rest) await action(item).catch((error: unknown) => errors.push(error));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  if (errors.length > 0) throw errors[0];
}
