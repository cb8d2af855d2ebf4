import assert from 'node:assert/strict';
import net from 'node:net';
import { availableParallelism } from 'node:os';
import { suite, test } from 'node:test';
import {
  type ChannelCredentials,
  type Client,
  credentials,
  status as grpcStatus,
  loadPackageDefinition,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import type { Reply } from '../../src/reply/reply.ts';
import { openGrpcLane } from '../overload/grpc-lane.ts';
import type { AnswerKind, LoadResult } from '../overload/load.ts';
import { observe } from '../overload/measure.ts';
import { percentile, runLoad } from '../overload/run-load.ts';
import { type ServedProgram, startServe } from '../program.ts';
import { callGrpc, sendHttp, startForeignServer, startMesh } from '../running-mesh.ts';

/** Flags of a service that counts as overloaded as soon as requests have come without a pause for 100 ms. */
const impatient = ['--max-queue-time', '1us', '--log-level', 'warn'];
const connections = 400;
const pipelined = 10;
/** Plan that costs the service several times as much as its refusal and its client little, so that the service is slower. */
const longPlan = `/${'~status=200:version=v0/'.repeat(20)}x`;
/** Time after which a service that is flooded must have refused requests, in milliseconds. */
const floodMs = 60_000;
const refusalMessage =
  'the service is overloaded: more requests arrive than it can answer; send fewer at once, run more pods, or raise --max-queue-time (0.001ms)';

/** One answer of HTTP, as it arrived. */
interface RawAnswer {
  readonly head: string;
  readonly body: string;
}

function isRefused({ head }: RawAnswer): boolean {
  return head.startsWith('HTTP/1.1 503');
}

/** Sends requests at once over one connection that is open, and returns the answers. */
function sendAll(socket: net.Socket, paths: readonly string[]): Promise<RawAnswer[]> {
  const request = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\r\n`;
  return new Promise((resolve, reject) => {
    let text = '';
    const answers: RawAnswer[] = [];
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      for (;;) {
        const match = /^(HTTP\/1\.1.*?\r\n)\r\n/s.exec(text);
        const length = Number(/^content-length: (\d+)/im.exec(match?.[1] ?? '')?.[1]);
        const end = (match?.[0].length ?? 0) + length;
        if (match === null || text.length < end) break;
        answers.push({ head: match[1] ?? '', body: text.slice(match[0].length, end) });
        text = text.slice(end);
      }
      if (answers.length < paths.length) return;
      socket.off('data', onData);
      resolve(answers);
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error(`closed after ${answers.length} answers`)));
    socket.write(paths.map(request).join(''));
  });
}

async function openConnections(port: number, count: number): Promise<net.Socket[]> {
  const connecting = Array.from({ length: count }, () => {
    const socket = net.connect(port, '127.0.0.1');
    return new Promise<net.Socket>((resolve, reject) => {
      socket.on('connect', () => resolve(socket)).on('error', reject);
    });
  });
  return Promise.all(connecting);
}

/** Sends calls at once over several connections, and returns the numbers of answers. */
function floodGrpc(port: number, lanes: number, calls: number): Promise<Record<AnswerKind, number>> {
  const counts = { accepted: 0, refused: 0, failed: 0 };
  const load = {
    protocol: 'grpc',
    port,
    path: '/x',
    rate: 0,
    maxInFlight: calls,
    durationMs: 0,
    timeoutMs: 0,
    ignoreMs: 0,
  } as const;
  return new Promise((resolve, reject) => {
    const opened = Array.from({ length: lanes }, () =>
      openGrpcLane(load, {
        onAnswer(kind) {
          counts[kind]++;
          if (counts.accepted + counts.refused + counts.failed < lanes * calls) return;
          for (const lane of opened) lane.close();
          resolve(counts);
        },
        onClosed: (unanswered) => unanswered > 0 && reject(new Error(`${unanswered} calls have no answer`)),
      }),
    );
    for (const lane of opened) for (let call = 0; call < calls; call++) lane.send();
  });
}

async function refusedTotal(service: ServedProgram): Promise<number> {
  const [, metrics] = await service.printed(/ metrics (\S+)\n/);
  const page = await (await fetch(`http://${metrics}/metrics`)).text();
  return Number(/^meshmock_refused_total\{bound="overload"\} (\d+)$/m.exec(page)?.[1]);
}

interface HealthClient extends Client {
  check(request: object, callback: (error: Error | null, answer?: { status: string }) => void): void;
}

/** Returns the status that the health service reports. */
async function grpcHealth(port: number): Promise<string | undefined> {
  const loaded = loadPackageDefinition(loadSync(protoPath, { enums: String })) as unknown as {
    grpc: { health: { v1: { Health: new (target: string, creds: ChannelCredentials) => HealthClient } } };
  };
  const client = new loaded.grpc.health.v1.Health(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) => {
      client.check({}, (error, answer) => (error === null ? resolve(answer?.status) : reject(error)));
    });
  } finally {
    client.close();
  }
}

suite('An overloaded service', () => {
  test('refuses HTTP requests before it reads them, keeps their connections, and answers admin routes', async () => {
    await using service = await startServe('busy', [...impatient, '--metrics', '127.0.0.1:0']);
    const sockets = await openConnections(service.httpPort, connections);
    try {
      const paths = Array.from({ length: pipelined }, (_, index) =>
        index === pipelined - 1 ? '/-/healthy' : longPlan,
      );
      const startedAt = performance.now();
      const answers: RawAnswer[] = [];
      let rounds = 0;
      let isOver = false;
      const flood = async (socket: net.Socket): Promise<void> => {
        while (!isOver) {
          rounds++;
          const round = await sendAll(socket, paths);
          answers.push(...round);
          isOver ||= round.some(isRefused) || performance.now() - startedAt > floodMs;
        }
      };
      await Promise.all(sockets.map(flood));
      const tookMs = performance.now() - startedAt;
      const refused = answers.filter(isRefused);
      assert.ok(refused.length > 0 && refused.length < answers.length, `${refused.length} of ${answers.length}`);
      const [{ head, body }] = refused as [RawAnswer];
      assert.match(head, /^x-meshmock: busy\/v1\r$/m);
      assert.match(head, /^retry-after: 1\r$/m);
      assert.match(head, /^content-type: application\/json; charset=utf-8\r$/m);
      const { service: name, status, grpcStatus: statusName, error } = JSON.parse(body) as Reply;
      assert.deepEqual([name, status, statusName], ['busy', 503, 'RESOURCE_EXHAUSTED']);
      assert.deepEqual(error, { code: 'overloaded', message: refusalMessage });
      const healthy = answers.filter((answer) => answer.body === 'healthy\n');
      assert.equal(healthy.length, rounds);
      assert.equal(await refusedTotal(service), refused.length);
      const again = await sendAll(sockets[0] as net.Socket, ['/x']);
      assert.match(again[0]?.head ?? '', /^HTTP\/1\.1 200 /);
      await service.printed(/"bound":"overload","count":\d+,"msg":"refused requests"/);
      assert.ok(service.stdout.split('refused requests').length - 1 <= 1 + tookMs / 1000, service.stdout);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  test('refuses gRPC calls with RESOURCE_EXHAUSTED and its reply, and answers health checks', async () => {
    await using service = await startServe('busy', impatient);
    let answer = await callGrpc(service.grpcPort, { path: '/x' });
    for (let round = 0; round < 20 && answer.code === 0; round++) {
      // More in each round: a fast machine answers few calls before they have come without a pause for 100 ms.
      const flood = floodGrpc(service.grpcPort, Math.min(40 * (round + 1), 400), 100);
      const health = grpcHealth(service.grpcPort);
      const floodIsOver = flood.then(() => true);
      for (let isOver = false; !isOver && answer.code === 0; ) {
        answer = await callGrpc(service.grpcPort, { path: '/x' });
        isOver = await Promise.race([floodIsOver, Promise.resolve(false)]);
      }
      const counts = await flood;
      assert.equal(counts.failed, 0);
      assert.equal(await health, 'SERVING');
    }
    assert.equal(answer.code, grpcStatus.RESOURCE_EXHAUSTED);
    assert.equal(answer.details, refusalMessage);
    assert.deepEqual(answer.metadata.get('retry-after'), ['1']);
    assert.deepEqual(answer.metadata.get('grpc-retry-pushback-ms'), ['1000']);
    assert.deepEqual(answer.metadata.get('x-meshmock'), ['busy/v1']);
    assert.deepEqual([answer.reply?.status, answer.reply?.error?.code], [503, 'overloaded']);
    assert.equal((await callGrpc(service.grpcPort, { path: '/x' })).code, 0);
  });

  test('answers everything if --max-queue-time is 0', async () => {
    await using service = await startServe('busy', ['--max-queue-time', '0', '--log-level', 'warn']);
    const sockets = await openConnections(service.httpPort, connections);
    const paths = Array.from({ length: pipelined }, () => '/x');
    const answers = (await Promise.all(sockets.map((socket) => sendAll(socket, paths)))).flat();
    for (const socket of sockets) socket.destroy();
    assert.ok(answers.every(({ head }) => head.startsWith('HTTP/1.1 200')));
    assert.equal((await floodGrpc(service.grpcPort, 20, 100)).accepted, 2000);
  });
});

suite('A caller of an overloaded service', () => {
  test('shows the refusal as the answer of the service, and does not repeat the call', async () => {
    const reply = { service: 'busy', version: 'v1', status: 503, error: { code: 'overloaded', message: 'busy' } };
    await using busy = await startForeignServer((_request, response) => {
      const headers = { 'x-meshmock': 'busy/v1', 'content-type': 'application/json', 'retry-after': '1' };
      response.writeHead(503, headers).end(JSON.stringify(reply));
    });
    await using mesh = await startMesh(['a']);
    const { body } = await sendHttp(mesh.httpPort('a'), `/@127.0.0.1:${busy.port};retries=5/x`, {
      headers: { accept: 'application/json' },
    });
    const { status, calls } = JSON.parse(body) as Reply;
    const [call] = calls ?? [];
    assert.deepEqual([status, call?.status, call?.answeredBy, call?.attempts], [502, 503, 'service', undefined]);
    assert.equal(busy.requests.length, 1);
  });

  for (const scheme of ['http', 'grpc'])
    test(`does not repeat what a directive could not get (${scheme})`, async () => {
      await using mesh = await startMesh(['a', 'b'], { maxMemoryBytes: 1_000_000 });
      const path = `/@${scheme}:b;retries=5/~memory=600KB/~delay=500ms/x`;
      const replies = await Promise.all(
        [path, path].map(async (each) => {
          const { body } = await sendHttp(mesh.httpPort('a'), each, { headers: { accept: 'application/json' } });
          return JSON.parse(body) as Reply;
        }),
      );
      const calls = replies.map(({ calls }) => calls?.[0]).sort((x, y) => (x?.status ?? 0) - (y?.status ?? 0));
      assert.deepEqual(
        calls.map((call) => call?.status),
        [200, 503],
      );
      assert.equal(calls[1]?.attempts, undefined);
      if (scheme === 'grpc') assert.equal(calls[1]?.grpcStatus, 'RESOURCE_EXHAUSTED');
    });
});

test('~cpu at several times what the cores can do: most of that is done, the rest is refused at once', async () => {
  await using service = await startServe('busy', ['--log-level', 'warn']);
  const load = {
    protocol: 'http',
    port: service.httpPort,
    path: '/~cpu=40ms/x',
    timeoutMs: 20_000,
    ignoreMs: 0,
  } as const;
  const perSecond = ({ latenciesMs, tookMs }: LoadResult): number => (1000 * latenciesMs.accepted.length) / tookMs;
  const measure = (): Promise<LoadResult> =>
    runLoad({ ...load, rate: 0, maxInFlight: availableParallelism(), durationMs: 2000 });
  // Other programs use the same cores. The load is measured between two times at which they left about as much.
  let able = await measure();
  for (let isSteady = false, tries = 1; !isSteady; tries++) {
    const before = perSecond(able);
    const p90Ms = percentile(able.latenciesMs.accepted, 90);
    const { result, probesMs, failedProbes } = await observe(service.httpPort, service.child.pid ?? 0, () =>
      runLoad({ ...load, rate: 5 * before, maxInFlight: 2000, durationMs: 4000 }),
    );
    const { accepted, refused, failed } = result.latenciesMs;
    assert.deepEqual([failed.length, result.unanswered, result.unsent, failedProbes], [0, 0, 0, 0]);
    able = await measure();
    const after = perSecond(able);
    isSteady = Math.max(before, after) < 1.5 * Math.min(before, after);
    if (!isSteady && tries < 6) continue;
    // Without refusals, nearly all requests would wait for their deadline of 15 s, and probes for as long.
    const goodput = perSecond(result);
    assert.ok(goodput > 0.3 * Math.min(before, after), `${goodput} a second; ${before} before and ${after} after`);
    assert.ok(percentile(accepted, 90) < 10 * p90Ms, `${percentile(accepted, 90)} ms; ${p90Ms} ms before`);
    assert.ok(refused.length > accepted.length / 4, `${refused.length} refused, ${accepted.length} accepted`);
    assert.ok(percentile(refused, 90) < 1000, `${percentile(refused, 90)} ms`);
    assert.ok(percentile(probesMs, 90) < 2000, `${percentile(probesMs, 90)} ms`);
    break;
  }
  const { body, status } = await sendHttp(service.httpPort, '/~cpu=40ms/x', {
    headers: { accept: 'application/json' },
  });
  assert.equal(status, 200, body);
});
