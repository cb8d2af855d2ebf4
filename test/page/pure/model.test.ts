import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExpectation } from '../../../src/expect/parse.ts';
import { callGraph } from '../../../src/page/model/call-graph.ts';
import { allRows, callRows } from '../../../src/page/model/call-rows.ts';
import type { DrawnGraph } from '../../../src/page/model/drawn-graph.ts';
import { groupCallees } from '../../../src/page/model/graph-groups.ts';
import { edgeLines, edgeSentence } from '../../../src/page/model/graph-words.ts';
import { mermaid } from '../../../src/page/model/mermaid.ts';
import { fillLink } from '../../../src/page/model/page-data.ts';
import { planOf, workOf } from '../../../src/page/model/plan-tree.ts';
import { readAnswer } from '../../../src/page/model/run.ts';
import { testCase } from '../../../src/page/model/test-case.ts';
import { placeGraph } from '../../../src/page/view/graph-layout.ts';
import { formatPath } from '../../../src/plan/format.ts';
import { parsePath } from '../../../src/plan/parse.ts';
import { callTo, failedCall, refusedCall, replyOf } from './reply-tree.ts';

const c = replyOf('c', [], { version: 'v2', mesh: { attempt: 2, peerIdentity: 'spiffe://cluster.local/ns/x/sa/a' } });
const tree = replyOf('gateway', [
  callTo(replyOf('a', [callTo(c)])),
  callTo(replyOf('b', [callTo(c), failedCall('d:8080')])),
  refusedCall('c:8080'),
]);

test('A graph has a node for each service, and an edge for all calls between two', () => {
  const { nodes, edges } = callGraph(tree);
  assert.deepEqual(
    nodes.map(({ id, kind }) => `${id} ${kind}`),
    ['gateway entry', 'a service', 'c service', 'b service', 'd unreached'],
  );
  assert.deepEqual(
    edges.map(({ id, tone, rows }) => [id, tone, rows]),
    [
      ['gateway a', 'good', ['0']],
      ['a c', 'good', ['0.0']],
      ['gateway b', 'bad', ['1']],
      ['b c', 'good', ['1.0']],
      ['b d', 'bad', ['1.1']],
      ['gateway c', 'refused', ['2']],
    ],
  );
  assert.deepEqual(nodes[2]?.versions, new Map([['v2', 2]]));
});

test('The label of an edge says the outcome, refusals, attempts and mTLS in words', () => {
  const { edges } = callGraph(tree);
  assert.deepEqual(edges.map(edgeLines), [
    ['http 200'],
    ['http 200', '2 attempts', 'mTLS'],
    ['http 502'],
    ['http 200', '2 attempts', 'mTLS'],
    ['http no answer: connection refused'],
    ['http 403', 'refused by a proxy: rbac_denied'],
  ]);
  const [, , , , failed] = edges;
  assert.ok(failed);
  assert.equal(
    edgeSentence(failed, (id) => id),
    'b calls d once, all failed: http no answer: connection refused',
  );
});

test('A repeated call counts in the graph, and its samples show the calls below it', () => {
  const below = callTo(replyOf('b', [callTo(c)]));
  const summary = {
    count: 10,
    byStatus: { 200: 7, 503: 3 },
    byService: { b: 10 },
    byVersion: { v1: 6, v2: 4 },
    samples: [{ is: ['first' as const], index: 0, call: below }],
  };
  const call = { ...callTo(replyOf('b'), { summary, status: 503 }), reply: undefined };
  const { reply: _none, ...repeated } = call;
  const { nodes, edges } = callGraph(replyOf('gateway', [repeated]));
  assert.deepEqual(edges.map(edgeLines), [
    ['http 200 ×7, 503 ×3'],
    ['http 200', '2 attempts', 'mTLS', 'seen in samples'],
  ]);
  assert.deepEqual(
    nodes.find(({ id }) => id === 'b')?.versions,
    new Map([
      ['v1', 6],
      ['v2', 4],
    ]),
  );
  assert.equal(callRows(replyOf('gateway', [repeated])).children[0]?.outcome, '7 of 10 ok');
});

test('A graph has places for hosts with the names of properties of objects', () => {
  const names = ['front', 'constructor', '__proto__', 'toString', '1'];
  const edges = names.map((to) => ({
    id: `front ${to}`,
    from: 'front',
    to,
    tone: 'good',
    lines: ['200'],
    sentence: '',
  }));
  const nodes = names.map((name) => ({ id: name, name, kind: 'service', lines: [] }));
  const placed = placeGraph({ nodes, edges } as DrawnGraph, 'LR');
  assert.deepEqual(
    placed.nodes.map(({ node, x, y }) => [node.name, x > 0 && y > 0]),
    names.map((name) => [name, true]),
  );
  assert.ok(placed.edges.every(({ points }) => points.length > 1));
});

test('Many similar callees of a service become one node, which can be opened', () => {
  const names = Array.from({ length: 100 }, (_, index) => `leaf${index}`);
  const graph = callGraph(replyOf('gateway', [...names.map((name) => callTo(replyOf(name))), failedCall('x:1')]));
  const grouped = groupCallees(graph);
  assert.deepEqual(
    grouped.nodes.map(({ name }) => name),
    ['gateway', 'x', '100 callees'],
  );
  assert.equal(grouped.edges.at(-1)?.calls, 100);
  assert.equal(groupCallees(graph, () => true).nodes.length, 102);
});

test('Rows have the place of their call, its stage if there are several, and the time of the proxy', () => {
  const proxied = callTo(c, { mesh: { proxy: 'envoy', upstreamMs: 5 } });
  const rows = allRows(callRows(replyOf('gateway', [proxied, refusedCall('c:8080')])));
  assert.deepEqual(
    rows.map(({ id, stage, tone, proxyMs }) => [id, stage, tone, proxyMs]),
    [
      ['', undefined, 'good', undefined],
      ['0', 0, 'good', 3],
      ['1', 1, 'refused', undefined],
    ],
  );
});

test('The work of the builder becomes the plan that it was read from', () => {
  for (const path of [
    '/hello',
    '/@a/@b/@c/x',
    '/@a|b,grpc:c/@d/x?y=1',
    '/@a(/@b/x)|c;timeout=2s(/~status=503:0.5/y)',
    '/~delay=5ms/@a*20[end-user=jason];retries=2/~status=503:attempt<3/x',
  ]) {
    const work = workOf(parsePath(path));
    assert.ok(work);
    assert.equal(formatPath(planOf(work)), formatPath(parsePath(path)));
  }
  assert.equal(workOf(parsePath('/@a|a|a|a/@a|a|a|a/@a|a|a|a/x')), undefined);
});

test('A diagram has the calls and their answers, and no text of others ends a line of it', () => {
  const text = mermaid(callRows(replyOf('gateway', [callTo(replyOf('a\n  p0->>p1: x;'))])));
  assert.equal(text.split('\n').length, 6);
  assert.match(mermaid(callRows(tree)), /and d:8080\n {6}p3->>p4: http\n {6}p4--xp3: refused\n/);
});

test('A case expects what was seen, in the words of expectations', () => {
  const text = testCase('/@a|b,c/"x"', callRows(tree));
  const expectations = [...text.matchAll(/^ {6}- (".*")$/gm)].map(([, json = '']) => JSON.parse(json) as string);
  assert.deepEqual(expectations, [
    'a status = 200',
    'c status = 200|403',
    'c refusal = rbac_denied',
    'b status = 502',
    'd status = refused',
  ]);
  for (const each of expectations) assert.doesNotThrow(() => parseExpectation(each));
});

test('An answer that is not a reply is a text', () => {
  assert.equal(readAnswer(200, JSON.stringify(tree)).kind, 'reply');
  assert.deepEqual(readAnswer(503, 'no healthy upstream'), { kind: 'other', status: 503, text: 'no healthy upstream' });
  assert.equal(readAnswer(200, '{"service":{"x":1},"status":200}').kind, 'other');
});

test('A value in a link cannot change its host or its scheme', () => {
  assert.equal(fillLink('https://x/{traceId}', { traceId: '../a?b=//c' }), 'https://x/..%2Fa%3Fb%3D%2F%2Fc');
});
