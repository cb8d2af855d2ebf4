import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callRows } from '../../../src/page/model/call-rows.ts';
import { compareRuns } from '../../../src/page/model/compare-runs.ts';
import { examples } from '../../../src/page/model/examples.ts';
import { KnownServices } from '../../../src/page/model/known-services.ts';
import { keptRuns, LiveRecord, seriesWords } from '../../../src/page/model/live-series.ts';
import { type Run, readPage } from '../../../src/page/model/run.ts';
import { planPage } from '../../../src/page/server/plan-page.ts';
import { parsePath } from '../../../src/plan/parse.ts';
import type { Reply } from '../../../src/reply/reply.ts';
import { callTo, failedCall, refusedCall, replyOf } from './reply-tree.ts';

const runOf = (number: number, reply: Reply): Run => ({
  id: `test ${number}`,
  number,
  path: '/x',
  at: '12:00:00',
  result: { kind: 'reply', reply },
});

test('The reply is read out of a page, and other pages are texts', () => {
  const reply = replyOf('a', [callTo(replyOf('b'))]);
  const data = { reply, services: [], grpcPort: 1, links: {} };
  const { html } = planPage(data, [], undefined);
  assert.deepEqual(readPage(200, html), { kind: 'reply', reply });
  assert.deepEqual(readPage(200, JSON.stringify(reply)), { kind: 'reply', reply });
  // A callee chooses the text of its body.
  const evil = { ...reply, body: '</script><script id="page-data">{"reply":{}}</script>' };
  assert.deepEqual(readPage(200, planPage({ ...data, reply: evil }, [], undefined).html), {
    kind: 'reply',
    reply: evil,
  });
  assert.deepEqual(readPage(503, '<p id="page-data">{}</p>'), {
    kind: 'other',
    status: 503,
    text: '<p id="page-data">{}</p>',
  });
});

test('A comparison says what differs between two runs, call by call', () => {
  const before = replyOf('gateway', [callTo(replyOf('a')), callTo(replyOf('c')), failedCall('gone:1')]);
  const after = replyOf('gateway', [
    callTo(replyOf('a', [], { version: 'v2', durationMs: 500 }), { durationMs: 500 }),
    refusedCall('c:8080'),
  ]);
  assert.deepEqual(
    compareRuns(runOf(1, before), runOf(2, after)).map(({ name, differences, timing }) => [name, differences, timing]),
    [
      ['the answer', ['answer 502 → 200'], undefined],
      ['a:8080', ['version v1 → v2'], 'slower'],
      ['c:8080', ['answer 200 → 403', 'version v1 → none', 'refusal none → rbac_denied'], undefined],
      ['gone:1', ['only in the first run'], undefined],
    ],
  );
});

test('Shares of repeated calls differ only if they do so clearly', () => {
  const repeated = (v1: number): Reply => {
    const summary = { count: 100, byStatus: { 200: 100 }, byVersion: { v1, v2: 100 - v1 } };
    const { reply: _none, ...call } = callTo(replyOf('a'), { summary });
    return replyOf('gateway', [call]);
  };
  const differences = (v1: number): readonly string[] =>
    compareRuns(runOf(1, repeated(91)), runOf(2, repeated(v1))).flatMap((call) => call.differences);
  assert.deepEqual(differences(88), []);
  assert.deepEqual(differences(50), ['version v1 90 %, v2 10 % → v1 50 %, v2 50 %']);
});

test('A run without a reply is compared by its answer', () => {
  const refused: Run = {
    ...runOf(2, replyOf('x')),
    result: { kind: 'other', status: 503, text: 'no healthy upstream' },
  };
  assert.deepEqual(compareRuns(runOf(1, replyOf('gateway')), refused)[0]?.differences, [
    'answer 200 → 503',
    'version v1 → none',
  ]);
});

test('Live mode follows each call over the last runs, and says in words what it saw', () => {
  const record = new LiveRecord();
  record.add(undefined);
  for (let index = 0; index < keptRuns + 5; index++) {
    const isOdd = index % 2 === 1;
    record.add(callRows(replyOf('gateway', [isOdd ? failedCall('a:8080') : callTo(replyOf('a'))])));
  }
  assert.deepEqual(
    record.series.map((series) => [series.name, series.points.length, seriesWords(series)]),
    [
      ['gateway', keptRuns, '502 ×30, 200 ×30 · v1 ×60 · up to 10.0 ms'],
      ['gateway → a', keptRuns, 'refused ×30, 200 ×30 · v1 ×30 · up to 8.0 ms'],
    ],
  );
});

test('Examples are plans, with services that are known', () => {
  const known = new KnownServices(['grpc:basket', 'web']);
  known.learn(replyOf('gateway', [callTo(replyOf('reviews')), failedCall('gone:1')]));
  assert.deepEqual(known.without('gateway'), ['basket', 'web', 'reviews']);
  for (const services of [[], ['a'], known.all]) for (const { path } of examples(services)) assert.ok(parsePath(path));
});
