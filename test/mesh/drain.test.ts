import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { Agent, buildConnector, request } from 'undici';
import { decodeReplyMessage, encodeRequest } from '../../src/grpc/codec.ts';
import { callMethod } from '../../src/reply/reply.ts';
import { type ServedProgram, startServe } from '../program.ts';

const path = '/x';
const lanes = 12;

/** Callers who keep their connections and pause between calls, by Node's own agent, undici and gRPC. */
interface Callers extends AsyncDisposable {
  /** New connections go to the other service from now on, as by a Service whose endpoint has gone. */
  moveOn(): void;
  /** Ends them; how many calls each kind made, and what came in the place of answers. */
  end(): Promise<{ calls: Record<string, number>; lost: string[] }>;
}

function startCallers(old: ServedProgram, other: ServedProgram, longestPauseMs: number): Callers {
  let port = old.httpPort;
  const agent = new http.Agent({ keepAlive: true });
  agent.createConnection = () => net.connect(port, '127.0.0.1');
  const connect = buildConnector({});
  const pool = new Agent({
    connect: (options, callback) => connect({ ...options, hostname: '127.0.0.1', port: String(port) }, callback),
  });
  const channels = Array.from({ length: lanes }, () => {
    const target = `ipv4:127.0.0.1:${old.grpcPort},127.0.0.1:${other.grpcPort}`;
    return new Client(target, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  });
  const kinds: Record<string, (lane: number) => Promise<unknown>> = {
    agent: () => callByAgent(agent),
    undici: async () => (await request(`http://service${path}`, { dispatcher: pool })).body.dump(),
    grpc: (lane) => callByGrpc(channels[lane]),
  };
  const ended = new AbortController();
  const calls: Record<string, number> = {};
  const lost: string[] = [];
  const running = Object.entries(kinds).flatMap(([kind, call]) =>
    Array.from({ length: lanes }, async (_, lane) => {
      while (!ended.signal.aborted) {
        calls[kind] = (calls[kind] ?? 0) + 1;
        await call(lane).catch((error: unknown) => lost.push(`${kind}: ${error}`));
        await sleep(Math.random() * longestPauseMs);
      }
    }),
  );
  const end = async () => {
    ended.abort();
    await Promise.all(running);
    return { calls, lost };
  };
  return {
    moveOn() {
      port = other.httpPort;
    },
    end,
    async [Symbol.asyncDispose]() {
      await end();
      agent.destroy();
      await pool.destroy();
      for (const channel of channels) channel.close();
    },
  };
}

function callByAgent(agent: http.Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = http.get({ host: 'service', port: 80, path, agent }, (response) => {
      response.on('error', reject).on('end', resolve).resume();
    });
    sent.on('error', reject);
  });
}

function callByGrpc(channel: Client | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    channel?.makeUnaryRequest(
      `/${callMethod}`,
      encodeRequest,
      decodeReplyMessage,
      { path },
      new Metadata(),
      { deadline: Date.now() + 10_000 },
      (error: ServiceError | null) => (error === null ? resolve() : reject(error)),
    );
  });
}

async function stopUnderLoad(drain: string, longestPauseMs: number) {
  await using old = await startServe('old', ['--drain', drain, '--log-level', 'silent']);
  await using other = await startServe('other', ['--log-level', 'silent']);
  await using callers = startCallers(old, other, longestPauseMs);
  await sleep(500);
  callers.moveOn();
  old.child.kill('SIGTERM');
  assert.equal(await old.exited(), 0);
  await sleep(200);
  return callers.end();
}

suite('a service that is stopped under load', { timeout: 300_000 }, () => {
  test('loses no call on a connection kept open, over HTTP or gRPC, when it drains for longer than callers pause', async (t) => {
    for (let round = 0; round < 3; round++) {
      const { calls, lost } = await stopUnderLoad('2s', 150);
      t.diagnostic(JSON.stringify(calls));
      assert.deepEqual(lost, []);
      for (const kind of ['agent', 'undici', 'grpc']) assert.ok((calls[kind] ?? 0) > 2 * lanes, kind);
    }
  });

  test('loses some over HTTP when it does not: so the test above can fail', async (t) => {
    const lost: string[] = [];
    for (let round = 0; round < 30 && lost.length === 0; round++) lost.push(...(await stopUnderLoad('1ms', 2)).lost);
    t.diagnostic(lost.join('\n'));
    assert.ok(lost.length > 0);
    for (const each of lost) assert.match(each, /^(?:agent|undici): /);
  });
});
