import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EdgeParts } from '../../src/diff/pieces/edge-parts.ts';
import type { Edge } from '../../src/diff/pieces/edges.ts';
import { type ProbePlan, planProbes } from '../../src/diff/probes/plan-probes.ts';
import { destination, workload } from './make.ts';

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
  return planProbes([edge], [caller], { canSignFor: () => true, isLive: false });
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
