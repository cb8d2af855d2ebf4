import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failedWorkloads, pendingRollout, type RolloutObjects } from '../../../src/istio/local-mesh/rollout.ts';
import type { EndpointSlice, KubeObject, Pod, Service, Workload } from '../../../src/istio/resources/objects.ts';

const nothing: RolloutObjects = { workloads: [], pods: [], services: [], accounts: [], slices: [], gateways: [] };

function workload(kind: string, status: object, replicas = 2): Workload {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'a', namespace: 'shop', generation: 2 },
    spec: { replicas, selector: { matchLabels: {} }, template: { spec: { containers: [] } } },
    status,
  };
}

describe('a rollout waits for', () => {
  const done = { observedGeneration: 2, replicas: 2, readyReplicas: 2, updatedReplicas: 2 };
  const isPending = (kind: string, status: object, replicas?: number): boolean =>
    pendingRollout({ ...nothing, workloads: [workload(kind, status, replicas)] }).length > 0;

  it('a Deployment until its controller has seen it, all pods are new and ready, and old ones are gone', () => {
    assert.equal(isPending('Deployment', done), false);
    for (const status of [
      {},
      { ...done, observedGeneration: 1 },
      { ...done, replicas: 3 },
      { ...done, readyReplicas: 1 },
      { ...done, updatedReplicas: 1 },
    ])
      assert.equal(isPending('Deployment', status), true, JSON.stringify(status));
    assert.equal(isPending('Deployment', { observedGeneration: 2 }, 0), false);
  });

  it('a ReplicaSet and a DaemonSet by the fields of their own status', () => {
    assert.equal(isPending('ReplicaSet', { observedGeneration: 2, replicas: 2, readyReplicas: 2 }), false);
    const daemons = { observedGeneration: 2, desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberReady: 1 };
    assert.equal(isPending('DaemonSet', daemons), false);
    assert.equal(isPending('DaemonSet', { ...daemons, numberReady: 0 }), true);
  });

  const service = (spec: object): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'a', namespace: 'shop' },
    spec: { selector: { app: 'a' }, ...spec },
  });
  const pod = (podIP: string, ready: string, metadata = {}): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: podIP, namespace: 'shop', labels: { app: 'a' }, ...metadata },
    spec: { containers: [] },
    status: { podIP, conditions: [{ type: 'Ready', status: ready }] },
  });
  const slice = (...addresses: string[]): EndpointSlice => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'a-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'a' } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  });
  const waits = (pods: Pod[], slices: EndpointSlice[], spec = {}): boolean =>
    pendingRollout({ ...nothing, services: [service(spec)], pods, slices }).length > 0;

  it('a Service until its endpoints are its ready pods, without those that are being deleted', () => {
    const going = pod('10.0.0.2', 'True', { deletionTimestamp: '2026-01-01T00:00:00Z' });
    assert.equal(waits([pod('10.0.0.1', 'True'), going], [slice('10.0.0.1')]), false);
    assert.equal(waits([pod('10.0.0.1', 'True')], [slice()]), true);
    assert.equal(waits([pod('10.0.0.1', 'False')], [slice('10.0.0.1')]), true);
    assert.equal(waits([], [slice('10.0.0.1')], { selector: undefined }), false);
    assert.equal(waits([], [slice('10.0.0.1')], { type: 'ExternalName' }), false);
  });

  const gateway = (status: object, spec = {}): KubeObject => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'front', namespace: 'shop', generation: 1, uid: 'now' },
    spec: { gatewayClassName: 'istio', ...spec },
    status,
  });
  const accepted = (status: string) => ({ conditions: [{ type: 'Accepted', status, observedGeneration: 1 }] });
  const isAwaited = (one: KubeObject, workloads: Workload[] = []): boolean =>
    pendingRollout({ ...nothing, gateways: [one], workloads }).some((line) => line.includes('not deployed'));

  it('a Gateway until istiod has judged it, and has deployed it', () => {
    const deployment = workload('Deployment', done);
    deployment.metadata.ownerReferences = [{ kind: 'Gateway', name: 'front', uid: 'now' }];
    const former = workload('Deployment', done);
    former.metadata.ownerReferences = [{ kind: 'Gateway', name: 'front', uid: 'former' }];
    assert.equal(isAwaited(gateway({})), true);
    assert.equal(isAwaited(gateway(accepted('True'))), true);
    assert.equal(isAwaited(gateway(accepted('True')), [deployment]), false);
    assert.equal(isAwaited(gateway(accepted('True')), [former]), true);
    assert.equal(isAwaited(gateway(accepted('False'))), false);
    assert.equal(isAwaited(gateway(accepted('True'), { addresses: [{ value: 'own' }] })), false);
    assert.equal(isAwaited(gateway({}, { gatewayClassName: 'other' })), false);
  });

  it('the removal of what istiod made for a Gateway that is gone', () => {
    const ownerReferences = [{ kind: 'Gateway', name: 'front', uid: 'now' }];
    const account: KubeObject = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'front-istio', namespace: 'shop', ownerReferences },
    };
    const lines = (gateways: KubeObject[]): string[] => pendingRollout({ ...nothing, accounts: [account], gateways });
    assert.deepEqual(lines([]), ['serviceaccount/front-istio is not removed with its Gateway']);
    assert.deepEqual(lines([gateway({}, { gatewayClassName: 'other' })]), []);
  });
});

describe('a workload whose pods cannot be made', () => {
  it('is reported with the reason of its controller', () => {
    const failed = (message: string) =>
      failedWorkloads([workload('Deployment', { conditions: [{ type: 'ReplicaFailure', status: 'True', message }] })]);
    assert.deepEqual(failed('exceeded quota'), ['deployment.apps/a: its pods are not made: exceeded quota']);
    const violation = 'violates PodSecurity "baseline": non-default capabilities (container "istio-init")';
    assert.deepEqual(failed(violation), [
      `deployment.apps/a: its pods are not made: ${violation}. An installation with Istio's CNI plugin needs no istio-init: see --istio-values`,
    ]);
    assert.deepEqual(failed('error looking up service account shop/x: serviceaccount "x" not found'), []);
    assert.deepEqual(failedWorkloads([workload('Deployment', {})]), []);
  });
});
