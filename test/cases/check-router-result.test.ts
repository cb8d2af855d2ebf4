import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRouterResult } from '../../src/cases/asserted-routes/check-router-result.ts';
import type { HeaderMatch, RouterResult } from '../../src/cases/router-result.ts';
import type { CallResult } from '../../src/reply/reply.ts';

const call: CallResult = {
  target: 'a:80',
  scheme: 'http',
  answeredBy: 'service',
  status: 200,
  durationMs: 1,
  headers: { 'x-b': '2' },
  reply: {
    service: 'a',
    status: 200,
    request: { protocol: 'http', method: 'GET', uri: '/x', headers: { 'x-a': '1' } },
  },
};

/** Returns results for headers that must be present. */
function resultsFor(requestHeader: string, responseHeader: string): [text: string, holds: boolean][] {
  const present = (name: string): HeaderMatch => ({
    name,
    condition: 'present',
    holds: (value) => value !== null,
  });
  const result: RouterResult = {
    cluster: undefined,
    host: undefined,
    path: undefined,
    redirect: undefined,
    requestHeaders: [present(requestHeader)],
    responseHeaders: [present(responseHeader)],
    notShown: [],
  };
  const evidence = { path: '/x', calls: [call], headerAnswer: call, clusters: new Map(), delays: 0 };
  return checkRouterResult(result, evidence).map((one) =>
    one.kind === 'seen' ? [one.seen, one.holds] : [one.reason, false],
  );
}

test('a header of a request or of an answer is found by its name', () => {
  assert.deepEqual(resultsFor('x-a', 'x-b'), [
    ['received 1', true],
    ['response header x-b: 2', true],
  ]);
});

test('the name of a property that every object inherits is not a header', () => {
  for (const name of ['constructor', '__proto__'])
    assert.deepEqual(resultsFor(name, name), [
      ['received (none)', false],
      [`response header ${name}: (none)`, false],
    ]);
});
