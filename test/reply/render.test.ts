import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderText } from '../../src/render/reply-text.ts';
import { encodeReply, readReply } from '../../src/reply/json.ts';
import { pruneReply } from '../../src/reply/prune.ts';
import { RawReply, type Reply } from '../../src/reply/reply.ts';

const leaf: Reply = { service: 'leaf', version: 'v2', pod: 'leaf-1', status: 200, body: 'hello', durationMs: 2 };

const tree: Reply<RawReply> = {
  service: 'gateway',
  version: 'v1',
  request: { protocol: 'http', method: 'GET', uri: '/@leaf,gone|web/x', headers: { a: 'b' } },
  status: 502,
  durationMs: 24,
  traceId: '0af7651916cd43dd8448eb211c80319c',
  calls: [
    {
      target: 'leaf:9090',
      scheme: 'grpc',
      stage: 0,
      status: 200,
      grpcStatus: 'OK',
      startMs: 0,
      durationMs: 12,
      answeredBy: 'service',
      mesh: { proxy: 'envoy', upstreamMs: 3 },
      reply: new RawReply(
        JSON.stringify({
          ...leaf,
          mesh: { attempt: 2, peerIdentity: 'spiffe://c/ns/a/sa/gateway', ownIdentity: 'spiffe://c/ns/a/sa/leaf' },
        }),
      ),
    },
    {
      target: 'gone:8080',
      scheme: 'http',
      stage: 1,
      startMs: 12,
      durationMs: 6,
      answeredBy: 'nobody',
      error: { code: 'refused', message: 'connect ECONNREFUSED 127.0.0.1:1' },
    },
    {
      target: 'web:80',
      scheme: 'http',
      stage: 1,
      status: 404,
      startMs: 12,
      durationMs: 12,
      answeredBy: 'foreign',
      body: '<h1>Not here</h1>\n…',
    },
  ],
};

test('the text is a tree of who, status, time and a bar of it; an error stands on its line', () => {
  assert.equal(
    renderText(readReply(tree)),
    `GET /@leaf,gone|web/x
gateway v1           502      24.0 ms  ████████████████████████
├─ leaf v2 (leaf-1)  200      12.0 ms  ████████████············  grpc · attempt 2 · mTLS gateway→leaf · proxy 9.0 ms
├─ gone:8080         refused   6.0 ms  ············██████······  connect ECONNREFUSED 127.0.0.1:1
└─ web:80            404      12.0 ms  ············████████████  foreign · <h1>Not here</h1>

trace 0af7651916cd43dd8448eb211c80319c
`,
  );
});

test('a child that came as JSON stands in the answer as it came', () => {
  const raw = '{"service":"leaf", "status":200,"unknown":[1]}';
  const reply: Reply<RawReply> = {
    service: 'a',
    status: 200,
    calls: [{ target: 'leaf:8080', scheme: 'http', answeredBy: 'service', reply: new RawReply(raw) }],
  };
  const encoded = encodeReply(reply);
  assert.ok(encoded.includes(raw));
  assert.deepEqual(JSON.parse(encoded), JSON.parse(JSON.stringify(readReply(reply))));
});

test('what is signed and is no reply is shown as a body, and spoils nothing', () => {
  for (const body of [
    '{"broken',
    '5',
    'null',
    '{"calls":5}',
    '{"service":"a","status":200,"calls":[5]}',
    '{"service":"a","status":200,"calls":[{}]}',
  ]) {
    const reply = readReply({
      service: 'a',
      status: 200,
      calls: [{ target: 'b:1', scheme: 'http', answeredBy: 'service', reply: new RawReply(body) }],
    });
    assert.deepEqual(reply.calls?.[0], { target: 'b:1', scheme: 'http', answeredBy: 'service', body });
  }
});

test('what others wrote does not steer the terminal', () => {
  const call = { target: 'b:1', scheme: 'http', answeredBy: 'foreign', body: 'a\u001b[2Jb' } as const;
  const text = renderText({ service: 'a', status: 200, calls: [call] });
  assert.ok(text.includes('a�[2Jb'));
});

test('pruning takes away headers, then what went well, then levels from below, and says how many calls that were', () => {
  const whole = readReply(tree);
  const good: Reply = {
    service: 'good',
    status: 200,
    calls: [{ target: 'x:1', scheme: 'http', status: 200, answeredBy: 'service', reply: leaf }],
  };
  const deep: Reply = {
    ...whole,
    calls: [
      { target: 'bad:1', scheme: 'http', status: 502, answeredBy: 'service', reply: whole },
      { target: 'good:1', scheme: 'http', status: 200, answeredBy: 'service', reply: good },
    ],
  };
  const size = (reply: Reply): number => JSON.stringify(reply).length;
  assert.equal(
    pruneReply(deep, () => true),
    deep,
  );
  const slim = pruneReply(deep, (reply) => size(reply) < size(deep));
  assert.equal(slim.request?.headers, undefined);
  assert.equal(slim.calls?.[0]?.reply?.calls?.length, 3);
  assert.equal(slim.calls?.[1]?.reply?.calls?.length, 1);
  const failures = pruneReply(deep, (reply) => size(reply) < size(slim));
  assert.equal(failures.calls?.[0]?.reply?.calls?.[1]?.error?.code, 'refused');
  assert.equal(failures.calls?.[1]?.reply?.prunedCalls, 1);
  const oneLevel = pruneReply(deep, (reply) => size(reply) < 700);
  assert.equal(oneLevel.calls?.[0]?.reply?.prunedCalls, 3);
  const root = pruneReply(deep, (reply) => size(reply) < 300);
  assert.equal(root.prunedCalls, 6);
  assert.equal(pruneReply(deep, () => false).service, 'gateway');
});

test('a reply of a newer version, with fields that are not known, is a reply', () => {
  const json = '{"service":"a","status":200,"newer":{"x":1},"mesh":{"newer":[1]},"calls":[]}';
  const call = { target: 'a:1', scheme: 'http', answeredBy: 'service', reply: new RawReply(json) } as const;
  assert.deepEqual(readReply({ service: 'b', status: 200, calls: [call] }).calls?.[0]?.reply, JSON.parse(json));
});
