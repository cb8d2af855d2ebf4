/** Tests of the network of a node. They change the network namespace of their process: `network.test.ts` runs them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { nodeAddress } from '../../../src/istio/network/addresses.ts';
import { ServiceRules } from '../../../src/istio/network/apply-service-rules.ts';
import { ClusterRecords } from '../../../src/istio/network/cluster-records.ts';
import { startDnsServer } from '../../../src/istio/network/dns-server.ts';
import { createNodeNetwork } from '../../../src/istio/network/node-network.ts';
import { createPodNetwork, removePodNetwork } from '../../../src/istio/network/pod-network.ts';
import type { Service } from '../../../src/istio/resources/objects.ts';
import { serviceOf, sliceOf } from './objects.ts';
import { connectFromNode, never, type TestAnswer, TestPod } from './pods.ts';

const addresses = { a: '10.77.1.2', b: '10.77.1.3', caller: '10.77.1.4' };
const both = [{ addresses: [addresses.a] }, { addresses: [addresses.b] }];
const web: Service = {
  ...serviceOf('web', '10.96.0.10', {
    externalIPs: ['203.0.113.7'],
    ports: [
      { name: 'http', port: 80, nodePort: 30_080, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  }),
  status: { loadBalancer: { ingress: [{ ip: '10.77.240.1' }] } },
};
const services = [
  web,
  serviceOf('empty', '10.96.0.11'),
  serviceOf('sticky', '10.96.0.12', { sessionAffinity: 'ClientIP' }),
  serviceOf('self', '10.96.0.13'),
];
const slices = [
  sliceOf('web', both),
  sliceOf('empty', []),
  sliceOf('sticky', both),
  sliceOf('self', [{ addresses: [addresses.a] }]),
];

const names = new ClusterRecords({
  services: [...services, serviceOf('db', 'None')],
  slices: [...slices, sliceOf('db', [{ addresses: [addresses.b], hostname: 'db-0' }])],
  namespaces: ['default'],
  externalHosts: new Map([['*.example.com', [addresses.a]]]),
});
const ended = new AbortController();

let pods: { a: TestPod; b: TestPod; caller: TestPod };

before(async () => {
  await createNodeNetwork(never);
  await startDnsServer({ records: () => names }, ended.signal);
  const [a, b, caller] = await Promise.all([
    TestPod.start('a', addresses.a),
    TestPod.start('b', addresses.b),
    TestPod.start('caller', addresses.caller),
  ]);
  pods = { a, b, caller };
  await new ServiceRules().update(services, slices, never);
});

after(async () => {
  ended.abort();
  await Promise.all(Object.values(pods ?? {}).map((pod) => pod[Symbol.asyncDispose]()));
});

function assertAll(answers: readonly TestAnswer[], expected: string): void {
  assert.deepEqual([...new Set(answers.map(({ answer }) => answer))], [expected]);
}

/** Asserts that all connections failed so, and at once: half of them at least, because the machine may be busy. */
function assertFailed(answers: readonly TestAnswer[], expected: string): void {
  assertAll(answers, expected);
  const median = answers.map(({ durationMs }) => durationMs).sort((x, y) => x - y)[Math.floor(answers.length / 2)];
  assert.ok((median ?? 0) < 50, `${median} ms`);
}

function assertShared(answers: readonly TestAnswer[], caller: string): void {
  const counts = Map.groupBy(answers, ({ answer }) => answer);
  assert.deepEqual([...counts.keys()].sort(), [`a ${caller}`, `b ${caller}`]);
  for (const [answer, all] of counts) assert.ok(all.length > answers.length / 5, `${answer}: ${all.length}`);
}

describe('a pod', () => {
  it('reaches another pod, which sees the address of the caller', async () => {
    assertAll(await pods.caller.connect(addresses.a, 8080), `a ${addresses.caller}`);
    assertAll(await pods.caller.connect(addresses.a, 5353, 1, 'udp'), `a ${addresses.caller}`);
  });

  it('reaches both endpoints of a Service, which see the address of the caller', async () => {
    assertShared(await pods.caller.connect('10.96.0.10', 80, 60), addresses.caller);
    assertShared(await pods.caller.connect('10.96.0.10', 53, 60, 'udp'), addresses.caller);
  });

  it('reaches a Service by the addresses of its load balancer, by external addresses and by the port of the node', async () => {
    assertShared(await pods.caller.connect('10.77.240.1', 80, 60), addresses.caller);
    assertShared(await pods.caller.connect('203.0.113.7', 80, 60), addresses.caller);
    assertShared(await pods.caller.connect(nodeAddress, 30_080, 60), addresses.caller);
  });

  it('finds Services, their endpoints and hosts outside the cluster by name', async () => {
    assertShared(await pods.caller.connect('web', 80, 60), addresses.caller);
    assertShared(await pods.caller.connect('web.default', 80, 60), addresses.caller);
    assertAll(await pods.caller.connect('db', 8080), `b ${addresses.caller}`);
    assertAll(await pods.caller.connect('db-0.db.default.svc.cluster.local', 8080), `b ${addresses.caller}`);
    assertAll(await pods.caller.connect('www.example.com', 8080), `a ${addresses.caller}`);
    assertAll(await pods.caller.connect('nothing', 80, 10), 'ENOTFOUND');
  });

  it('reaches itself through its Service', async () => {
    assertAll(await pods.a.connect('10.96.0.13', 80, 10), `a ${nodeAddress}`);
    assertAll(await pods.a.connect('10.96.0.13', 53, 10, 'udp'), `a ${nodeAddress}`);
  });

  it('stays with one endpoint of a Service with session affinity', async () => {
    const answers = await pods.caller.connect('10.96.0.12', 80, 40);
    assert.equal(new Set(answers.map(({ answer }) => answer)).size, 1);
  });

  it('is refused at once by a Service without endpoints', async () => {
    assertFailed(await pods.caller.connect('10.96.0.11', 80, 30), 'ECONNREFUSED');
    assertFailed(await pods.caller.connect('10.96.0.11', 53, 30, 'udp'), 'ECONNREFUSED');
  });

  it('is refused at once by an address or a port of no Service', async () => {
    assertFailed(await pods.caller.connect('10.96.9.9', 80, 30), 'ECONNREFUSED');
    assertFailed(await pods.caller.connect('10.96.0.10', 81, 30), 'ECONNREFUSED');
  });

  it('finds addresses outside the mesh, and addresses that no pod has, unreachable at once', async () => {
    assertFailed(await pods.caller.connect('192.0.2.1', 80, 30), 'ENETUNREACH');
    assertFailed(await pods.caller.connect('10.77.9.9', 80, 30), 'ENETUNREACH');
  });
});

describe('the node', () => {
  it('reaches pods and Services', async () => {
    assertAll(await connectFromNode(addresses.a, 8080), `a ${nodeAddress}`);
    assertShared(await connectFromNode('10.96.0.10', 80, 60), nodeAddress);
    assertShared(await connectFromNode('10.77.240.1', 80, 60), nodeAddress);
  });

  it('fails at once for Services without endpoints and for addresses that nothing has', async () => {
    assertFailed(await connectFromNode('10.96.0.11', 80, 30), 'ECONNREFUSED');
    assertFailed(await connectFromNode('10.96.9.9', 80, 30), 'ECONNREFUSED');
    assertFailed(await connectFromNode('192.0.2.1', 80, 30), 'ENETUNREACH');
    assertFailed(await connectFromNode('10.77.9.9', 80, 30), 'ENETUNREACH');
  });
});

it('rules follow the endpoints of a Service', async () => {
  const rules = new ServiceRules();
  await rules.update(services, [sliceOf('empty', [{ addresses: [addresses.b] }])], never);
  assertAll(await pods.caller.connect('10.96.0.11', 80, 10), `b ${addresses.caller}`);
  assertAll(await pods.caller.connect('10.96.0.10', 80, 10), 'ECONNREFUSED');
  await rules.update(services, slices, never);
  assertShared(await pods.caller.connect('10.96.0.10', 80, 60), addresses.caller);
});

it('the networks of 20 pods are created and removed at the same time', async () => {
  const networks = Array.from({ length: 20 }, (_, index) => ({
    name: `many-${index}`,
    link: `many${index}`,
    address: `10.77.2.${index + 1}`,
  }));
  await Promise.all(networks.map((network) => createPodNetwork(network, never)));
  assertAll(await pods.caller.connect('10.77.2.20', 80, 10), 'ECONNREFUSED');
  await Promise.all(networks.map((network) => removePodNetwork(network, never)));
  assertAll(await pods.caller.connect('10.77.2.20', 80, 10), 'ENETUNREACH');
});
