import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { EdgeParts } from '../../src/diff/pieces/edge-parts.ts';
import { unseenConnections } from '../../src/diff/probes/unseen-connections.ts';

const tls = { name: 'envoy.transport_sockets.tls', typed_config: { sni: 'db' } };

function parts(cluster: object, chain: object, identity = 'spiffe://cluster.local/ns/default/sa/web'): EdgeParts {
  const sender = { clusters: [{ name: 'outbound|5432||db', ...cluster }] };
  return {
    sender,
    receivers: [{ chains: [chain] }],
    gateways: [],
    identity,
    key: '',
    receiverKey: '',
  } as unknown as EdgeParts;
}

const plain = { filter_chain_match: { transport_protocol: 'raw_buffer' } };
const strict = { filter_chain_match: { transport_protocol: 'tls' }, transport_socket: tls };

it('mutual TLS and an identity that change over TCP are not compared, since no reply shows them', () => {
  const subjects = (before: EdgeParts, after: EdgeParts, protocol: 'tcp' | 'http' = 'tcp'): string[] =>
    unseenConnections(before, after, protocol).map(({ subject }) => subject);
  const usual = parts({ transport_socket: tls }, plain);
  assert.deepEqual(subjects(usual, parts({ transport_socket: tls }, plain)), []);
  assert.deepEqual(subjects(usual, parts({}, plain)), ['mutual TLS']);
  assert.deepEqual(subjects(usual, parts({ transport_socket: tls }, strict)), ['mutual TLS']);
  assert.deepEqual(subjects(usual, parts({ transport_socket: tls }, plain, 'other')), ['identity of the caller']);
  // Over HTTP, the callee's reply has both.
  assert.deepEqual(subjects(usual, parts({}, strict), 'http'), []);
});
