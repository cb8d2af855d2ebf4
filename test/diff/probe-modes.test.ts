import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { EdgeParts } from '../../src/diff/pieces/edge-parts.ts';
import type { ProbeMode } from '../../src/diff/probe.ts';
import { modesFor } from '../../src/diff/probes/probe-modes.ts';

const versions = ['v1', 'v2', 'v3'];

/** Returns an edge to a Service with three versions, between which chance decides. */
function parts(key: string): EdgeParts {
  const addresses = versions.map((_, index) => `10.0.0.${index + 1}`);
  const endpoints = addresses.map((address) => ({ endpoint: { address: { socket_address: { address } } } }));
  return {
    sender: { clusters: [], endpoints: [{ cluster_name: 'reviews', endpoints: [{ lb_endpoints: endpoints }] }] },
    receivers: addresses.map((address, index) => ({
      pod: { namespace: 'shop', workload: `reviews-${versions[index]}`, address },
    })),
    key,
    receiverKey: 'equal',
  } as unknown as EdgeParts;
}

function modes(before: object, after: object, afterKey = 'b'): readonly ProbeMode[] {
  const caller = { kind: 'outside' } as const;
  const [old, changed] = [
    { route: before, parts: parts('a') },
    { route: after, parts: parts(afterKey) },
  ];
  return modesFor(old as never, changed as never, { protocol: 'http', caller }).modes;
}

const toAll = { route: { cluster: 'reviews' } };

it('each version gets requests if anything differs, since one request each may reach two versions', () => {
  const [mode] = modes(toAll, { route: { cluster: 'reviews', prefix_rewrite: '/inner' } });
  assert.equal(mode?.kind, 'shares');
  assert.equal(modes(toAll, toAll)[0]?.kind, 'shares', 'a subset may differ');
  assert.deepEqual(modes(toAll, toAll, 'a'), [{ kind: 'plain', byChance: 'destination' }], 'with --all');
});

it('a route that delays its requests gets one of them', () => {
  const delay = { fixed_delay: '7s', percentage: { numerator: 100 } };
  const faulty = { ...toAll, typed_per_filter_config: { 'envoy.filters.http.fault': { delay } } };
  assert.deepEqual(
    modes(toAll, faulty).map(({ kind }) => kind),
    ['plain', 'delayed'],
  );
});
