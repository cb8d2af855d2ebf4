/** Policies and routes by the method of a gRPC call, between mocks that have never seen its proto file. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { CallResult, Reply } from '../../src/reply/reply.ts';
import { type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

const shop = {
  name: 'grpc-methods.yaml',
  text: readFileSync(path.join(import.meta.dirname, 'grpc-methods.yaml'), 'utf8'),
};

/** Policies as an application has them that calls over gRPC: each service lists its callers and their methods. */
const policies = {
  name: 'policies.yaml',
  text: `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nothing-else}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: storefront}
spec: {selector: {matchLabels: {app: storefront}}, rules: [{to: [{operation: {ports: ["8080"]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: payer}
spec:
  selector: {matchLabels: {app: payer}}
  rules:
    - to: [{operation: {ports: ["8080"]}}]
    - from: [{source: {principals: [cluster.local/ns/default/sa/storefront]}}]
      to: [{operation: {paths: [/shop.Till/Pay], methods: [POST], ports: ["5050"]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: basket}
spec:
  selector: {matchLabels: {app: basket}}
  rules:
    - from: [{source: {principals: [cluster.local/ns/default/sa/storefront]}}]
      to: [{operation: {paths: [/shop.Basket/Add, /shop.Basket/Get, /shop.Basket/Clear], methods: [POST], ports: ["7070"]}}]
    - from: [{source: {principals: [cluster.local/ns/default/sa/payer]}}]
      to: [{operation: {paths: [/shop.Basket/Get], methods: [POST], ports: ["7070"]}}]
`,
};

const route = {
  name: 'route.yaml',
  text: `apiVersion: v1
kind: Service
metadata: {name: basket-v2}
spec: {selector: {app: basket, version: v2}, ports: [{name: grpc, port: 7070}]}
---
apiVersion: v1
kind: Service
metadata: {name: basket-v1}
spec: {selector: {app: basket, version: v1}, ports: [{name: grpc, port: 7070}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: basket}
spec:
  parentRefs: [{group: "", kind: Service, name: basket}]
  rules:
    - matches: [{method: {service: shop.Basket, method: Add}}]
      backendRefs: [{name: basket-v2, port: 7070}]
    - backendRefs: [{name: basket-v1, port: 7070}]
`,
};

suite('A local mesh with gRPC services', { timeout: 400_000 }, () => {
  let mesh: LocalMeshFixture;
  before(async () => {
    mesh = await startLocalMesh([shop]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  /** Returns the call that a service makes for a path. */
  async function callFrom(service: string, target: string): Promise<CallResult> {
    const response = await fetch(`http://${mesh.http(service)}${target}`);
    const { calls = [] } = (await response.json()) as Reply;
    const [call] = calls;
    assert.ok(call !== undefined);
    return call;
  }

  const seen = ({ answeredBy, grpcStatus, mesh: evidence }: CallResult): string =>
    [answeredBy, grpcStatus, evidence?.refusal?.reason].filter(Boolean).join(' ');

  test('a call of a method arrives through the sidecars, with its identity', async () => {
    const { answeredBy, reply } = await callFrom('storefront', '/@grpc:basket:7070/shop.Basket/Get');
    assert.equal(answeredBy, 'service');
    assert.equal(reply?.request?.method, 'shop.Basket/Get');
    assert.equal(reply?.mesh?.peerIdentity, 'spiffe://cluster.local/ns/default/sa/storefront');
  });

  test('policies by method allow the methods that they name, and deny the others', async () => {
    const { warnings } = await mesh.apply(policies);
    assert.deepEqual(
      warnings.filter((line) => line.includes('gRPC')),
      [],
    );
    try {
      for (const [service, target, expected] of [
        ['storefront', '/@grpc:basket:7070/shop.Basket/Get', 'service OK'],
        ['storefront', '/@grpc:basket:7070/shop.Basket/Add', 'service OK'],
        ['storefront', '/@grpc:basket:7070/shop.Basket/Drop', 'proxy PERMISSION_DENIED rbac_denied'],
        ['storefront', '/@grpc:basket:7070/x', 'proxy PERMISSION_DENIED rbac_denied'],
        ['storefront', '/@grpc:payer:5050/shop.Till/Pay', 'service OK'],
        ['payer', '/@grpc:basket:7070/shop.Basket/Get', 'service OK'],
        ['payer', '/@grpc:basket:7070/shop.Basket/Add', 'proxy PERMISSION_DENIED rbac_denied'],
        ['payer', '/@grpc:payer:5050/shop.Till/Pay', 'proxy PERMISSION_DENIED rbac_denied'],
      ] as const)
        assert.equal(seen(await callFrom(service, target)), expected, `${service} ${target}`);
    } finally {
      await mesh.delete(policies);
    }
  });

  test('a GRPCRoute by method chooses the version', async () => {
    await mesh.apply(route);
    try {
      const { summary: added } = await callFrom('storefront', '/@grpc:basket:7070*20/shop.Basket/Add');
      assert.deepEqual(added?.byVersion, { v2: 20 });
      const { summary: got } = await callFrom('storefront', '/@grpc:basket:7070*20/shop.Basket/Get');
      assert.deepEqual(got?.byVersion, { v1: 20 });
    } finally {
      await mesh.delete(route);
    }
  });

  test('a failed call of a method is retried by the sidecar, and directives reach the mock', async () => {
    const call = await callFrom('storefront', '/@grpc:basket:7070/~grpc-status=UNAVAILABLE:attempt<3/shop.Basket/Get');
    assert.equal(seen(call), 'service OK');
    assert.equal(call.reply?.mesh?.attempt, 3);
  });
});
