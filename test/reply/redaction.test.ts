import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { redactHeaders, redactUri } from '../../src/reply/redaction.ts';

suite('redactUri', () => {
  const long = `${'x-'.repeat(100)}authorization`;
  for (const [uri, shown] of [
    ['/@a[authorization=s3cret]/x', '/@a[authorization=******]/x'],
    [`/@a[${long}=s3cret]/x`, `/@a[${long}=******]/x`],
    ['/@a[%61uthorization=s3cret]/x', '/@a[%61uthorization=******]/x'],
    ['/@a%5Bcookie%3Ds3cret%5D/x', '/@a%5Bcookie%3D******%5D/x'],
    ['/@a[other=open][jwt=s3cret', '/@a[other=open][jwt=******'],
  ] as const) {
    test(`shows ${uri.slice(0, 40)} without its secret`, () => {
      assert.equal(redactUri(uri), shown);
    });
  }

  test('takes time in proportion to the length of a path', () => {
    const startedAt = performance.now();
    for (const part of ['[', '[a', '[%61', '%5b', '[a%']) redactUri(part.repeat(60_000 / part.length));
    assert.ok(performance.now() - startedAt < 2000);
  });
});

test('redactHeaders hides secrets by their names, and shows the headers of CORS', () => {
  const headers = {
    'x-api-key': 'a',
    'my-credentials': 'b',
    'set-cookie': 'c',
    'access-control-allow-credentials': 'true',
    'cookie-policy': 'd',
  };
  assert.deepEqual(redactHeaders(headers), {
    'x-api-key': '[redacted]',
    'my-credentials': '[redacted]',
    'set-cookie': '[redacted]',
    'access-control-allow-credentials': 'true',
    'cookie-policy': 'd',
  });
});

test('redactHeaders copies headers only to hide something, and never changes them', () => {
  const plain = { accept: 'application/json', 'x-request-id': '1' };
  assert.equal(redactHeaders(plain), plain);
  const secret = { accept: 'application/json', cookie: 'a=b' };
  assert.deepEqual(redactHeaders(secret), { accept: 'application/json', cookie: '[redacted]' });
  assert.equal(secret.cookie, 'a=b');
});

test('redactHeaders hides a secret under a name that it has not seen, however many it has seen', () => {
  for (let index = 0; index < 3000; index++)
    assert.deepEqual(redactHeaders({ [`x-${index}-token`]: 'secret' }), { [`x-${index}-token`]: '[redacted]' });
  const long = `x-${'a'.repeat(200)}-password`;
  assert.deepEqual(redactHeaders({ [long]: 'secret' }), { [long]: '[redacted]' });
});
