import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/diff/pieces/json.ts';
import { unresolvedClusters } from '../../src/diff/pieces/unresolved-clusters.ts';

test('clusters by DNS without endpoints are those that a proxy has not found yet', () => {
  const assignment = { load_assignment: { cluster_name: 'partner', endpoints: [{ lb_endpoints: [{}] }] } };
  const clusters = new Map<string, JsonObject>([
    ['partner', { name: 'partner', type: 'STRICT_DNS', ...assignment }],
    ['tracker', { name: 'tracker', type: 'STRICT_DNS', ...assignment }],
    ['reviews', { name: 'reviews', type: 'EDS' }],
  ]);
  const endpoints = new Map<string, JsonObject>([
    ['partner', { cluster_name: 'partner' }],
    ['tracker', { cluster_name: 'tracker', endpoints: [{ lb_endpoints: [{ endpoint: {} }] }] }],
  ]);
  assert.deepEqual(unresolvedClusters({ clusters, endpoints }), ['partner']);
});
