import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { decodeReplyMessage, encodeRequest } from '../../src/grpc/codec.ts';
import { callMethod } from '../../src/reply/reply.ts';
import { type ServedProgram, startProgram, startServe } from '../program.ts';
import { callGrpc, sendHttp } from '../running-mesh.ts';

const waiting = 50;

/** Opens a connection, sends a request, closes this side of the connection, and returns all that the service sends. */
async function sendRaw(port: number): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.end('GET /x HTTP/1.1\r\nHost: a\r\n\r\n');
  return text(socket);
}

/** Calls over gRPC on a new connection, and returns the text of the error, or else `ok`. */
async function callNew(port: number): Promise<string> {
  const { code, details } = await callGrpc(port, { path: '/x' });
  return code === 0 ? 'ok' : `${code} ${details}`;
}

/** Stops the process of a service, so that the kernel accepts connections and the service does not. */
async function pause({ child }: ServedProgram, whilePaused: () => Promise<void>): Promise<void> {
  child.kill('SIGSTOP');
  try {
    await whilePaused();
  } finally {
    child.kill('SIGCONT');
  }
}

/** Opens connections, and waits until the kernel has accepted them. */
async function connectAll(port: number): Promise<net.Socket[]> {
  const sockets = Array.from({ length: waiting }, () => net.connect(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

suite('A service that stops', { timeout: 60_000 }, () => {
  test('serves new connections of both protocols for the time of its drain', async () => {
    await using service = await startServe('a', ['--drain', '12s']);
    const kept = net.connect(service.httpPort, '127.0.0.1');
    await once(kept, 'connect');
    const channel = new Client(`127.0.0.1:${service.grpcPort}`, credentials.createInsecure());
    const hanging = new Promise<string>((resolve) => {
      channel.makeUnaryRequest(
        `/${callMethod}`,
        encodeRequest,
        decodeReplyMessage,
        { path: '/~delay=1500ms/x' },
        new Metadata(),
        (error) => resolve(error === null ? 'ok' : error.details),
      );
    });
    await callNew(service.grpcPort);
    service.child.kill('SIGTERM');
    while ((await sendHttp(service.httpPort, '/-/ready')).status !== 503);
    assert.equal((await sendHttp(service.httpPort, '/x')).status, 200);
    assert.equal(await callNew(service.grpcPort), 'ok');
    assert.equal(await healthOf(service.grpcPort), 'NOT_SERVING');
    assert.equal(await hanging, 'ok');
    channel.close();
    kept.destroy();
    assert.equal(await service.exited(), 0);
  });

  test('asks the clients of kept gRPC connections at once to leave', async () => {
    await using service = await startServe('a', ['--drain', '10s']);
    const session = http2.connect(`http://127.0.0.1:${service.grpcPort}`);
    await once(session, 'remoteSettings');
    service.child.kill('SIGTERM');
    const [code] = await once(session, 'goaway');
    assert.equal(code, http2.constants.NGHTTP2_NO_ERROR);
    session.close();
    assert.equal(await service.exited(), 0);
  });

  test('answers the connections that wait to be accepted when it stops listening', async () => {
    await using service = await startServe('a', ['--drain', '1ms', '--deadline', '60s', '--log-level', 'silent']);
    const answers: Promise<string>[] = [];
    await pause(service, async () => {
      for (const socket of await connectAll(service.httpPort)) {
        socket.end('GET /x HTTP/1.1\r\nHost: a\r\n\r\n');
        answers.push(text(socket));
      }
      service.child.kill('SIGTERM');
    });
    for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal(await service.exited(), 0);
  });

  test('answers gRPC calls of connections that wait to be accepted when it stops listening', async () => {
    await using service = await startServe('a', ['--drain', '1ms', '--deadline', '60s', '--log-level', 'silent']);
    const outcomes: Promise<string>[] = [];
    await pause(service, async () => {
      const sockets = await connectAll(service.grpcPort);
      outcomes.push(...sockets.map((socket) => callOver(socket)));
      service.child.kill('SIGTERM');
    });
    assert.deepEqual(new Set(await Promise.all(outcomes)), new Set(['0']));
    assert.equal(await service.exited(), 0);
  });

  test('waits for the first request of a connection that it has just accepted', async () => {
    await using service = await startServe('a', ['--drain', '1ms', '--deadline', '60s', '--log-level', 'silent']);
    const socket = net.connect(service.httpPort, '127.0.0.1');
    await once(socket, 'connect');
    service.child.kill('SIGTERM');
    // Longer than the drain, and shorter than the time that new connections get.
    await sleep(200);
    socket.end('GET /x HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await text(socket), /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal(await service.exited(), 0);
  });

  test('answers a client that has closed its side, at each of several addresses', async () => {
    const http = ['--http', '127.0.0.1:0', '--http', '127.0.0.1:0'];
    await using service = startProgram(['serve', ...http, '--grpc', '127.0.0.1:0']);
    const [, first, second] = await service.printed(/http \S+:(\d+), \S+:(\d+) grpc/);
    for (const port of [first, second]) assert.match(await sendRaw(Number(port)), /^HTTP\/1\.1 200 OK\r\n/);
  });
});

/** Calls over gRPC on a connection that is open, and returns the status. */
async function callOver(socket: net.Socket): Promise<string> {
  const session = http2.connect('http://service', { createConnection: () => socket });
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${callMethod}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(framed(encodeRequest({ path: '/x' })));
    stream.resume();
    const [trailers] = await once(stream, 'trailers');
    return String(trailers['grpc-status']);
  } finally {
    session.close();
  }
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

async function healthOf(port: number): Promise<string> {
  const channel = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  const states: Readonly<Record<number, string>> = { 1: 'SERVING', 2: 'NOT_SERVING' };
  try {
    return await new Promise((resolve, reject) => {
      channel.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        () => Buffer.alloc(0),
        // The message has one field, whose value is the last byte.
        (bytes) => states[bytes.at(-1) ?? 0] ?? 'unknown',
        {},
        (error, state) => (error === null ? resolve(state ?? '') : reject(error)),
      );
    });
  } finally {
    channel.close();
  }
}
