import { setTimeout as sleep } from 'node:timers/promises';
import { choosePorts } from '../../../src/cli/up/ports.ts';
import type { Random } from '../../random.ts';
import { connectAndSend } from '../raw-connection.ts';
import { runPool, type Scenario } from '../stress-run.ts';
import { WatchedService } from '../watched-service.ts';

const deadlineMs = 1000;
const marginMs = 30_000;
const callsInRound = 120;
const atOnce = 12;

/** Ports of a callee, the same after each of its restarts. */
interface Ports {
  readonly http: number;
  readonly grpc: number;
}

/** Answers by status. */
type Statuses = Map<string, number>;

/**
 * The callee of a service is killed, or stopped for a while, at a random moment under load. Each request gets an answer in
 * time, and those after the end of the failure succeed.
 */
export const calleeEnds: Scenario = {
  name: 'callee-ends',
  async start() {
    const free = { flag: '', host: '127.0.0.1', port: 0 };
    const [http = 0, grpc = 0] = await choosePorts([
      { ...free, name: 'http' },
      { ...free, name: 'grpc' },
    ]);
    const ports: Ports = { http, grpc };
    const routes = [`:9090:127.0.0.1:${ports.grpc}`, `::127.0.0.1:${ports.http}`];
    const flags = ['--name', 'caller', '--deadline', `${deadlineMs}ms`];
    const service = await WatchedService.start([...flags, ...routes.flatMap((route) => ['--connect-to', route])]);
    const statuses: Statuses = new Map();
    await service.remember();
    return {
      async round(random) {
        await failOnce(service, ports, random, statuses);
        await service.check();
        return callsInRound;
      },
      async finish() {
        const counts = [...statuses].map(([status, count]) => `${count} × ${status}`);
        return `${counts.join(', ')}; ${await service.settled(40)}`;
      },
      [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
    };
  },
};

async function failOnce(caller: WatchedService, ports: Ports, random: Random, statuses: Statuses): Promise<void> {
  await using callee = await startCallee(ports);
  await expectSuccess(caller);
  const paths = Array.from({ length: callsInRound }, () => random.pick(plans));
  const load = runPool(paths, atOnce, async (path) => count(statuses, await statusOf(caller, path)));
  await sleep(random.below(300));
  if (random.chance(0.5)) {
    callee.child.kill('SIGSTOP');
    await sleep(200 + random.below(1500));
    callee.child.kill('SIGCONT');
    await load;
  } else {
    await callee[Symbol.asyncDispose]();
    await load;
    await using again = await startCallee(ports);
    await again.check();
  }
  if (callee.child.exitCode === null && callee.child.signalCode === null) await expectSuccess(caller);
}

function startCallee({ http, grpc }: Ports): Promise<WatchedService> {
  return WatchedService.start(['--name', 'callee', '--http', `127.0.0.1:${http}`, '--grpc', `127.0.0.1:${grpc}`]);
}

const plans = [
  '/@a/~delay=1ms-50ms/x',
  '/@grpc:a/~delay=1ms-50ms/x',
  '/@a|grpc:b/x',
  '/@a*5/x',
  '/@a;retries=2/~delay=10ms/x',
];

/** Sends a plan, and returns the status of the answer. */
async function statusOf({ httpPort }: WatchedService, path: string): Promise<string> {
  const bytes = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  const { kind, received } = await connectAndSend(httpPort, [{ kind: 'send', bytes }], deadlineMs + marginMs);
  const [, status] = /^HTTP\/1\.1 (200|502|504) /.exec(received.toString()) ?? [];
  if (status === undefined) throw new Error(`${path}: ${kind} after ${received.subarray(0, 500)}`);
  return status;
}

async function expectSuccess(caller: WatchedService): Promise<void> {
  // A channel of gRPC waits before it connects again, and the first call may end on a connection that is gone.
  for (const path of ['/@a/x', '/@grpc:a/x']) {
    const until = performance.now() + marginMs;
    for (;;) {
      const status = await statusOf(caller, path);
      if (status === '200') break;
      if (performance.now() > until) throw new Error(`${path}: still ${status} after the callee has come back`);
      await sleep(50);
    }
  }
}

function count(statuses: Statuses, status: string): void {
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
}
