import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeReply, readReply } from '../../src/reply/json.ts';
import { RawReply, type Reply } from '../../src/reply/reply.ts';

test('A child that arrives as JSON is inserted into the answer unchanged', () => {
  const raw = '{"service":"leaf", "status":200,"unknown":[1]}';
  const reply: Reply<RawReply> = {
    service: 'a',
    status: 200,
    calls: [{ target: 'leaf:8080', scheme: 'http', answeredBy: 'service', reply: new RawReply(raw) }],
  };
  const encoded = encodeReply(reply);
  assert.ok(typeof encoded === 'string');
  assert.ok(encoded.includes(raw));
  assert.deepEqual(JSON.parse(encoded), JSON.parse(JSON.stringify(readReply(reply))));
});

test('A signed answer that is not a reply becomes a body, and the rest stays valid', () => {
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

test('A reply with unknown fields, from a newer version, is a reply', () => {
  const json = '{"service":"a","status":200,"newer":{"x":1},"mesh":{"newer":[1]},"calls":[]}';
  const call = { target: 'a:1', scheme: 'http', answeredBy: 'service', reply: new RawReply(json) } as const;
  assert.deepEqual(readReply({ service: 'b', status: 200, calls: [call] }).calls?.[0]?.reply, JSON.parse(json));
});
