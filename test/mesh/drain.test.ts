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

/** Clients that keep their connections and pause between calls: Node's agent, undici and gRPC. */
interface Clients extends AsyncDisposable {
  /** Sends new connections to the other service, as a Service does after its endpoint is removed. */
  switchService(): void;
  /** Stops the clients. Returns the number of calls of each client, and the errors. */
  end(): Promise<{ calls: Record<string, number>; lost: string[] }>;
}

function startClients(old: ServedProgram, other: ServedProgram, longestPauseMs: number): Clients {
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
    switchService() {
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
  await using clients = startClients(old, other, longestPauseMs);
  await sleep(500);
  clients.switchService();
  old.child.kill('SIGTERM');
  assert.equal(await old.exited(), 0);
  await sleep(200);
  return clients.end();
}

suite('A service that is stopped under load', { timeout: 300_000 }, () => {
  test('A drain that is longer than the pauses of clients loses no call, over HTTP or gRPC', async (t) => {
    for (let round = 0; round < 3; round++) {
      const { calls, lost } = await stopUnderLoad('8s', 150);
      t.diagnostic(JSON.stringify(calls));
      assert.deepEqual(lost, []);
      for (const kind of ['agent', 'undici', 'grpc']) assert.ok((calls[kind] ?? 0) > 2 * lanes, kind);
    }
  });

  test('A drain that is too short loses calls over HTTP, so the test above can fail', async (t) => {
    const lost: string[] = [];
    for (let round = 0; round < 100 && lost.length === 0; round++) lost.push(...(await stopUnderLoad('1ms', 2)).lost);
    t.diagnostic(lost.join('\n'));
    assert.ok(lost.length > 0);
    for (const each of lost) assert.match(each, /^(?:agent|undici): /);
  });
});
