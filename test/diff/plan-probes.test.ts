import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EdgeParts } from '../../src/diff/pieces/edge-parts.ts';
import type { Edge } from '../../src/diff/pieces/edges.ts';
import { changedEdgesOf } from '../../src/diff/probes/changed-edges.ts';
import { type ProbePlan, planProbes } from '../../src/diff/probes/plan-probes.ts';
import { SecretMarks } from '../../src/diff/secret-values.ts';
import { destination, probe, workload } from './make.ts';

function parts(routes: readonly object[], key: string): EdgeParts {
  const virtualHosts = [{ name: 'reviews:9080', domains: ['reviews.default.svc.cluster.local'], routes }];
  const empty = {
    listeners: [],
    routeConfigs: [],
    clusters: [],
    endpoints: [],
    secrets: [],
    extensions: [],
    runtime: [],
  };
  return {
    sender: { ...empty, virtualHosts, addresses: [] },
    receivers: [],
    gateways: [],
    gatewayPods: [],
    identity: 'spiffe://a',
    program: '',
    key,
    senderKey: key,
    receiverKey: 'equal',
  } as unknown as EdgeParts;
}

function plan(before: readonly object[], after: readonly object[]): ProbePlan {
  const caller = workload('productpage');
  const edge: Edge = {
    caller,
    speaksFor: [caller],
    destination: destination('reviews'),
    protocol: 'http',
    calleePort: 9080,
    before: parts(before, 'a'),
    after: parts(after, 'b'),
  };
  return planProbes([edge], [caller], { canSignFor: () => true, isLive: false, secrets: new SecretMarks() });
}

test('a request for an answer as text stays in its class, or its headers are not compared', () => {
  const route = (headers: readonly object[], rest: object): object => ({
    match: { prefix: '/', headers },
    route: { cluster: 'reviews' },
    ...rest,
  });
  const removing = { response_headers_to_remove: ['x-debug'] };
  const textSent = ({ probes }: ProbePlan): boolean[] =>
    probes
      .filter(({ mode }) => mode.kind === 'answer_headers')
      .map(({ request }) => request.headers.some(({ name, value }) => name === 'accept' && value === 'text/plain'));
  const free = plan([route([], {})], [route([], removing)]);
  assert.deepEqual(textSent(free), [true]);
  assert.deepEqual(free.notCompared, []);
  const json = [{ name: 'accept', string_match: { exact: 'application/json' } }];
  const bound = plan([route(json, {}), route([], {})], [route(json, removing), route([], {})]);
  assert.deepEqual(textSent(bound), []);
  assert.match(bound.notCompared[0]?.reason ?? '', /^the header accept, .* is a condition of the requests$/);
});

test('edges with another configuration are those with a difference and the others, each caller counted once', () => {
  const [web, cart] = [workload('web'), workload('cart')];
  const edge = (port: number, speaksFor: Edge['speaksFor'], key: string): Edge => ({
    caller: web,
    speaksFor,
    destination: destination('reviews', port),
    protocol: 'http',
    calleePort: port,
    before: parts([], 'a'),
    after: parts([], key),
  });
  const edges = [edge(80, [web, cart], 'b'), edge(81, [web], 'b'), edge(82, [web, workload('db')], 'a')];
  const sent = probe({ caller: web, destination: destination('reviews', 80) });
  const difference = { kind: 'status', severity: 'answer', probe: sent, from: '', to: '', causes: [] } as const;
  assert.deepEqual(changedEdgesOf(edges, [difference], [web, cart, workload('db')]), [
    { edge: 'web → reviews', count: 1, differs: true },
    { edge: 'cart → reviews', count: 1, differs: false },
  ]);
});
