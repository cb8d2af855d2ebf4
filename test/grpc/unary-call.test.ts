import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, { constants, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { SystemSource } from '../../src/dial/names/system-source.ts';
import { TargetResolver } from '../../src/dial/target-resolver.ts';
import { allowAllTargets } from '../../src/dial/targets/target-rules.ts';
import { Budgets } from '../../src/execute/budgets/budgets.ts';
import { LimitedAccount } from '../../src/execute/budgets/byte-account.ts';
import { defaultBudgetLimits } from '../../src/execute/budgets/limits.ts';
import type { CallAnswer, Client } from '../../src/execute/client.ts';
import { createGrpcClient } from '../../src/grpc/client.ts';
import { encodeReplyMessage } from '../../src/grpc/codec.ts';
import { watchSentStreams } from '../../src/grpc/streams/sent-streams.ts';
import { grpcMessage } from '../http2-wire.ts';

const message = encodeReplyMessage({ service: 'callee', status: 200 });
const maxAnswerBytes = 1000;
/** Node would add the time of each answer. */
const dated = { date: 'Mon, 30 Nov 2026 00:00:00 GMT' };
const ok = { ...dated, ':status': 200, 'content-type': 'application/grpc' };

function answerWith(stream: ServerHttp2Stream, body: Buffer, trailers: Record<string, string>): void {
  stream.respond(ok, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(body);
}

function resetWith(code: number): (stream: ServerHttp2Stream) => void {
  return (stream) => stream.close(code);
}

/** Answers of a server, by the host that a call names. */
const answers: Record<string, (stream: ServerHttp2Stream) => void> = {
  ok: (stream) => answerWith(stream, grpcMessage(message), { 'grpc-status': '0', 'x-t': 'a' }),
  'in-parts': (stream) => {
    stream.respond(ok, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const body = grpcMessage(message);
    stream.write(body.subarray(0, 3));
    setTimeout(() => stream.end(body.subarray(3)), 20);
  },
  error: (stream) => stream.respond({ ...ok, 'grpc-status': '5', 'grpc-message': 'not%20here' }, { endStream: true }),
  'error-after-message': (stream) =>
    answerWith(stream, grpcMessage(message), { 'grpc-status': '14', 'grpc-message': '%zz', 'x-other': 'kept' }),
  'no-message': (stream) => answerWith(stream, Buffer.alloc(0), { 'grpc-status': '0' }),
  'too-large': (stream) => answerWith(stream, grpcMessage(Buffer.alloc(2000)), { 'grpc-status': '0' }),
  'no-status': (stream) => answerWith(stream, grpcMessage(message), { 'x-t': 'a' }),
  'http-503': (stream) => stream.respond({ ...dated, ':status': 503 }, { endStream: true }),
  'http-404-body': (stream) => {
    stream.respond({ ...dated, ':status': 404 });
    stream.end();
  },
  'http-503-page': (stream) => {
    stream.respond({ ...dated, ':status': 503, 'content-type': 'text/html' });
    stream.end('<html>no healthy upstream</html>');
  },
  page: (stream) => {
    stream.respond({ ...dated, ':status': 200, 'content-type': 'text/html' });
    stream.end('<html>sign in</html>');
  },
  'cut-off': (stream) => answerWith(stream, grpcMessage(message).subarray(0, 9), { 'grpc-status': '0' }),
  'short-prefix': (stream) => answerWith(stream, grpcMessage(message).subarray(0, 3), { 'grpc-status': '0' }),
  encodings: (stream) => {
    stream.respond(
      { ...ok, 'grpc-encoding': 'identity', 'grpc-accept-encoding': 'identity' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(grpcMessage(message));
  },
  'status-99': (stream) => stream.respond({ ...ok, 'grpc-status': '99', 'x-bin': 'AAE,Ag' }, { endStream: true }),
  'status-text': (stream) => stream.respond({ ...ok, 'grpc-status': 'x' }, { endStream: true }),
  'early-hints': (stream) => {
    stream.additionalHeaders({ ':status': 103 });
    answerWith(stream, grpcMessage(message), { 'grpc-status': '0' });
  },
  'goaway-error': (stream) => stream.session?.goaway(constants.NGHTTP2_INTERNAL_ERROR),
  'goaway-calm': (stream) => stream.session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM),
  'goaway-then-ok': (stream) => {
    stream.session?.goaway(0);
    answerWith(stream, grpcMessage(message), { 'grpc-status': '0' });
  },
  'session-destroyed': (stream) => stream.session?.destroy(),
  'reset-after-headers': (stream) => {
    stream.respond(ok);
    stream.write(grpcMessage(message));
    setTimeout(() => stream.close(constants.NGHTTP2_REFUSED_STREAM), 20);
  },
  cancel: resetWith(constants.NGHTTP2_CANCEL),
  'protocol-error': resetWith(constants.NGHTTP2_PROTOCOL_ERROR),
  'internal-error': resetWith(constants.NGHTTP2_INTERNAL_ERROR),
  calm: resetWith(constants.NGHTTP2_ENHANCE_YOUR_CALM),
  'no-error': resetWith(constants.NGHTTP2_NO_ERROR),
  refused: resetWith(constants.NGHTTP2_REFUSED_STREAM),
  dropped: (stream) => stream.session?.socket.destroySoon(),
};

suite('Calls of a client over an open session', () => {
  const server = http2.createServer();
  /** True if grpc-js has made the latest call: it accepts compressed answers. */
  let isOfLibrary = false;
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const kind = String(headers['x-kind']);
    isOfLibrary = headers['grpc-accept-encoding'] !== undefined;
    stream.on('error', () => {});
    stream.resume();
    answers[kind]?.(stream);
  });
  let port = 0;
  const budgets = new Budgets({ ...defaultBudgetLimits, maxAnswerBytes }, 2 ** 30);
  const client = createGrpcClient(new TargetResolver(new SystemSource(), allowAllTargets), {
    budgets,
    maxCallMs: 60_000,
  });
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  after(async () => {
    await client.close();
    server.close();
  });

  function call(
    by: Client,
    kind: string,
    authority: string,
    to = port,
    { signal = AbortSignal.timeout(10_000), account = new LimitedAccount(1_000_000) } = {},
  ): Promise<CallAnswer> {
    const outgoing = {
      scheme: 'grpc' as const,
      authority,
      dial: { host: '127.0.0.1', port: to },
      method: 'POST',
      path: '/x',
      headers: { 'x-kind': kind },
      timeoutMs: 10_000,
      account,
    };
    return by.call(outgoing, signal);
  }

  test('an answer that arrives while its call is canceled takes no bytes of the request', async () => {
    await call(client, 'ok', 'canceled');
    const stop = new AbortController();
    const account = new LimitedAccount(1_000_000);
    const closed = new Promise((resolve) => {
      const stopWatching = watchSentStreams('x-kind', (stream) => {
        stopWatching();
        stream.once('trailers', () => stop.abort({ code: 'canceled', message: 'gone' }));
        stream.once('close', () => setImmediate(resolve));
      });
    });
    const answer = await call(client, 'ok', 'canceled', port, { signal: stop.signal, account });
    assert.deepEqual(answer, { kind: 'failed', error: { code: 'canceled', message: 'gone' } });
    await closed;
    assert.equal(account.hasRoom(1_000_000), true);
  });

  // Each authority has a channel of its own, and its first call opens the session.
  for (const kind of Object.keys(answers))
    test(`the second call of a channel has the result of the first one: ${kind}`, async () => {
      const first = await call(client, kind, `first-${kind}`);
      assert.equal(isOfLibrary, true);
      const opening = await call(client, 'ok', `second-${kind}`);
      assert.equal(opening.kind, 'reply');
      assert.deepEqual(await call(client, kind, `second-${kind}`), first);
      // A call that the callee has not seen is made again by the library.
      assert.equal(isOfLibrary, kind === 'refused');
    });

  test('an error ends a call whose request the callee gives no window', async (t) => {
    const busy = http2.createServer({ settings: { initialWindowSize: 0 } });
    busy.on('stream', (stream: ServerHttp2Stream) => answers.error?.(stream.on('error', () => {}).resume()));
    t.after(() => busy.close());
    busy.listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const { port: busyPort } = busy.address() as AddressInfo;
    const first = await call(client, 'error', 'busy', busyPort);
    assert.equal(first.kind, 'other');
    assert.deepEqual(await call(client, 'error', 'busy', busyPort), first);
  });
});
