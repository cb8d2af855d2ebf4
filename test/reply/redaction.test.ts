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
