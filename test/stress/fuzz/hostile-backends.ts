import { once } from 'node:events';
import type net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../random.ts';
import { type RawServer, startRawServer } from '../../raw-server.ts';
import { deadlineMs, marginMs } from '../attack.ts';
import { connectAndSend, takeSteps } from '../raw-connection.ts';
import { runPool, type Scenario } from '../stress-run.ts';
import { WatchedService } from '../watched-service.ts';
import { type HostileAnswer, hostileGrpc, hostileHttp } from './hostile-answers.ts';

const callsInRound = 60;
const atOnce = 12;
/** Maximum bytes of an endless answer. */
const maxEndlessBytes = 20_000_000;

/** Backends that are slow, endless, broken or lie. A mock that calls them must answer in time, with valid JSON. */
export const hostileBackends: Scenario = {
  name: 'hostile-backends',
  async start() {
    let random = new Random(0);
    await using starting = new AsyncDisposableStack();
    const http = starting.use(await startBackend(() => hostileHttp(random)));
    const grpc = starting.use(await startBackend(() => hostileGrpc(random)));
    const routes = [`:9090:127.0.0.1:${grpc.port}`, `::127.0.0.1:${http.port}`];
    const flags = ['--name', 'caller', '--deadline', `${deadlineMs}ms`, '--max-calls', '100'];
    const service = starting.use(
      await WatchedService.start([...flags, ...routes.flatMap((route) => ['--connect-to', route])]),
    );
    const round = async (current: Random): Promise<number> => {
      random = current;
      const paths = Array.from({ length: callsInRound }, () => current.pick(plans));
      await runPool(paths, atOnce, (path) => callOnce(service, path, current.pick(accepts)));
      await service.check();
      return callsInRound;
    };
    await round(new Random(1));
    await service.remember();
    const stack = starting.move();
    const finish = (): Promise<string> => service.settled(40, grpcTargets);
    return { round, finish, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  },
};

/** Number of targets over gRPC in the plans. Each keeps one connection, if its last call did not break it. */
const grpcTargets = 3;

const plans = [
  '/@a/x',
  '/@grpc:a/x',
  '/@a|grpc:b/x',
  '/@a*3/x',
  '/@a;retries=2/x',
  '/@a,b|grpc:c/x',
  '/@grpc:a;timeout=50ms/x',
];
const accepts = ['application/json', 'application/json', 'text/plain', 'text/html'];

async function callOnce({ httpPort }: WatchedService, path: string, accept: string): Promise<void> {
  const request = `GET ${path} HTTP/1.1\r\nHost: a\r\nAccept: ${accept}\r\nConnection: close\r\n\r\n`;
  const steps = [{ kind: 'send', bytes: Buffer.from(request) }] as const;
  const { kind, received } = await connectAndSend(httpPort, steps, deadlineMs + marginMs);
  const answer = received.toString();
  if (kind !== 'closed') throw new Error(`${path}: ${kind} after ${answer.slice(0, 500)}`);
  const [, status, head = '', body = ''] = /^HTTP\/1\.1 (\d+) (.*?)\r\n\r\n(.*)$/s.exec(answer) ?? [];
  if (status === undefined) throw new Error(`${path}: no answer but ${answer.slice(0, 500)}`);
  if (!/content-type: application\/json/i.test(head) || /transfer-encoding/i.test(head)) return;
  try {
    JSON.parse(body);
  } catch (error) {
    throw new Error(`${path}: ${error} in ${body.slice(0, 2000)}`);
  }
}

/** Starts a server that gives each connection another answer, as soon as the first bytes arrive. */
function startBackend(answer: () => HostileAnswer): Promise<RawServer> {
  return startRawServer((socket) => {
    const given = answer();
    socket.once('data', () => void give(socket, given));
  });
}

async function give(socket: net.Socket, { steps, endless }: HostileAnswer): Promise<void> {
  await takeSteps(socket, steps);
  for (let sent = 0; endless !== undefined && !socket.destroyed && sent < maxEndlessBytes; sent += endless.length) {
    if (!socket.write(endless)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
    else if (sent % 100 < endless.length) await sleep(1);
  }
}
