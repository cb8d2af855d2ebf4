import { availableParallelism } from 'node:os';
import { derivedSeed, Random } from '../random.ts';
import { runPool, type Scenario } from './stress-run.ts';
import { WatchedService } from './watched-service.ts';

/** Service under attack, and the meshmock that it calls under any name. */
export interface Target {
  readonly service: WatchedService;
  readonly callee: WatchedService;
}

/** Cases that are thrown at a service, many at once. */
export interface Attack<Case> {
  readonly name: string;
  readonly casesInRound: number;
  readonly atOnce: number;
  /** Maximum growth of the memory in use, in megabytes. */
  readonly maxGrowthMB: number;
  make(random: Random): Case;
  /** Returns the number of requests of a case, if it is not one. */
  requestsIn?(one: Case): number;
  /** Runs a case. Rejects if its outcome is wrong. */
  run(one: Case, target: Target): Promise<void>;
}

/** Maximum time of one request in the services under attack, in milliseconds. */
export const deadlineMs = 1000;

/** Time in which an attacked service may answer after the deadline, in milliseconds. */
export const marginMs = 10_000;

const timeouts = ['--deadline', `${deadlineMs}ms`, '--read-timeout', '3s', '--write-timeout', '3s'];

const bounds = [...timeouts, '--max-calls', '20', '--max-cpu', '20ms', '--max-size', '100KB'];

/** Starts the service under attack. All names lead to its callee, whose own calls are refused. */
async function startTarget(): Promise<Target> {
  const callee = await WatchedService.start(['--name', 'callee', ...bounds, '--connect-to', '::127.0.0.1:1']);
  const { httpPort, grpcPort } = callee;
  const routes = ['--connect-to', `:9090:127.0.0.1:${grpcPort}`, '--connect-to', `::127.0.0.1:${httpPort}`];
  return { callee, service: await WatchedService.start(['--name', 'target', ...bounds, ...routes]) };
}

/** Rounds after which a service has loaded its code and filled its caches. */
const warmUpRounds = 2;

/** Makes a service start all threads that burn CPU time. It keeps them. */
async function startThreads({ httpPort }: WatchedService): Promise<void> {
  const url = `http://127.0.0.1:${httpPort}/~cpu=10ms/x`;
  await Promise.all(Array.from({ length: 2 * availableParallelism() }, async () => (await fetch(url)).text()));
}

/** Returns the number of calls that a service has made. */
async function callsOf(service: WatchedService): Promise<number> {
  const counts = ['http_client_request', 'rpc_client_call'].map((name) =>
    service.metric(`${name}_duration_seconds_count`),
  );
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** Returns the scenario of an attack: no crash, no hang, and descriptors and memory are back where they were. */
export function attackOf<Case>(attack: Attack<Case>): Scenario {
  const { name, casesInRound, atOnce, maxGrowthMB } = attack;
  return {
    name,
    async start() {
      const target = await startTarget();
      const { service, callee } = target;
      let requests = 0;
      const runRound = async (random: Random): Promise<number> => {
        const cases = Array.from({ length: casesInRound }, () => attack.make(random));
        await runPool(cases, atOnce, (one) => attack.run(one, target));
        requests += cases.reduce((sum, one) => sum + (attack.requestsIn?.(one) ?? 1), 0);
        await service.check();
        await callee.check();
        return casesInRound;
      };
      await startThreads(service);
      for (let round = 0; round < warmUpRounds; round++) await runRound(new Random(derivedSeed(round, name)));
      await service.remember();
      return {
        round: runRound,
        async finish() {
          const calls = await callsOf(service);
          // The service keeps a gRPC connection to each name that it has called. They end with the callee.
          await callee[Symbol.asyncDispose]();
          return `${requests} requests, ${calls} calls; ${await service.settled(maxGrowthMB)}`;
        },
        async [Symbol.asyncDispose]() {
          await service[Symbol.asyncDispose]();
          await callee[Symbol.asyncDispose]();
        },
      };
    },
  };
}
