import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EdgeParts } from '../../src/diff/pieces/edge-parts.ts';
import { unseenFields } from '../../src/diff/probes/unseen-fields.ts';

/** Returns the settings that are listed for two configurations of a caller and a callee. */
function listed(before: object, after: object): string[] {
  return unseenFields(before as EdgeParts, after as EdgeParts).map(({ subject }) => subject);
}

function sender(parts: object): object {
  const none = { listeners: [], virtualHosts: [], routeConfigs: [], clusters: [], secrets: [], runtime: [] };
  return { sender: { ...none, ...parts }, receivers: [], program: '' };
}

function receiver(parts: object): object {
  const none = { pod: { workload: 'cart-v1' }, port: 80, chains: [], listener: {}, clusters: [], named: [] };
  return { sender: undefined, receivers: [{ ...none, ...parts }], program: '' };
}

function chain(config: object, tls: object = {}, match: object = { destination_port: 80 }): object {
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: config }];
  return { filter_chain_match: match, filters, transport_socket: { typed_config: { common_tls_context: tls } } };
}

test('a setting that requests are not known to show is listed, whatever it is', () => {
  const limited = receiver({ chains: [chain({ max_request_headers_kb: 1 })] });
  assert.deepEqual(listed(receiver({ chains: [chain({})] }), limited), ['max_request_headers_kb of connections']);
  assert.deepEqual(listed(limited, limited), []);
  const filters = receiver({ chains: [chain({ http_filters: [{ name: 'a' }], stat_prefix: 'b' })] });
  assert.deepEqual(listed(receiver({ chains: [chain({})] }), filters), [], 'filters are listed apart');
  const pool = (limit: number): object => receiver({ clusters: [{ name: 'inbound|80||', circuit_breakers: limit }] });
  assert.deepEqual(listed(pool(1), pool(2)), ["circuit_breakers of the callee's sidecar"]);
  const listener = (field: object): object => sender({ listeners: [{ name: '0.0.0.0_80', ...field }] });
  assert.deepEqual(listed(listener({}), listener({ connection_balance_config: {} })), [
    'connection_balance_config of a listener',
  ]);
  const route = (action: object, host: object = {}): object =>
    sender({ virtualHosts: [{ ...host, routes: [{ match: { prefix: '/' }, route: { cluster: 'a', ...action } }] }] });
  assert.deepEqual(listed(route({}), route({ timeout: '1s', prefix_rewrite: '/' })), [], 'requests show them');
  assert.deepEqual(listed(route({}), route({ early_data_policy: {} })), ['early_data_policy of a route']);
  assert.deepEqual(listed(route({}), route({}, { per_request_buffer_limit_bytes: 1 })), [
    'per_request_buffer_limit_bytes of the host',
  ]);
});

test('a part that only one side has is not listed, because requests show it', () => {
  const plain = chain({ max_request_headers_kb: 1 }, {}, { transport_protocol: 'raw_buffer' });
  assert.deepEqual(listed(receiver({ chains: [plain] }), receiver({ chains: [] })), []);
});

test('versions of TLS and other certificates of the same name are listed', () => {
  const versions = (least: string): object =>
    receiver({ chains: [chain({}, { tls_params: { tls_minimum_protocol_version: least } })] });
  assert.deepEqual(listed(versions('TLSv1_2'), versions('TLSv1_3')), ['parameters of TLS']);
  assert.deepEqual(listed(receiver({ chains: [{ ...chain({}), transport_socket: null }] }), versions('TLSv1_3')), []);
  const certificate = (bytes: string): object =>
    sender({
      secrets: [{ name: 'kubernetes://shop', tls_certificate: { certificate_chain: { inline_bytes: bytes } } }],
    });
  assert.deepEqual(listed(certificate('a'), certificate('b')), ['certificate kubernetes://shop']);
  assert.deepEqual(listed(certificate('a'), certificate('a')), []);
});
