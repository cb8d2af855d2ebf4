import assert from 'node:assert/strict';
import { test } from 'node:test';
import { balanceLoads } from '../../../src/istio/cluster/load-balancer.ts';
import type { KubeClient } from '../../../src/istio/kube-api/kube-client.ts';
import type { Service } from '../../../src/istio/resources/objects.ts';

const service = (name: string, clusterIP: string, spec: object = {}, ip?: string): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { type: 'LoadBalancer', clusterIP, ports: [{ port: 80 }], ...spec },
  ...(ip === undefined ? {} : { status: { loadBalancer: { ingress: [{ ip }] } } }),
});

test('each Service of type LoadBalancer without an address gets its own', () => {
  const services = [
    service('one', '10.96.0.10'),
    service('two', '10.96.3.7'),
    service('kept', '10.96.0.11', {}, '192.0.2.1'),
    service('other-class', '10.96.0.12', { loadBalancerClass: 'example.com/other' }),
    service('plain', '10.96.0.13', { type: 'ClusterIP' }),
  ];
  const written: [name: string, body: object][] = [];
  const patch = async ({ metadata }: Service, body: object): Promise<void> => {
    written.push([metadata.name, body]);
  };
  const client = { patch } as unknown as Pick<KubeClient, 'patch'>;
  balanceLoads({ services, onChange: () => {} }, client, new AbortController().signal);
  assert.deepEqual(written, [
    ['one', { status: { loadBalancer: { ingress: [{ ip: '10.97.0.10' }] } } }],
    ['two', { status: { loadBalancer: { ingress: [{ ip: '10.97.3.7' }] } } }],
  ]);
});
