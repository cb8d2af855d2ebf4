import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startControlPlane } from '../../src/istio/control-plane/control-plane.ts';
import { KubeClient } from '../../src/istio/kube-api/kube-client.ts';
import { nodeAddress, nodeResolverAddress } from '../../src/istio/network/addresses.ts';
import { writeExternalHosts } from '../../src/istio/network/external-hosts.ts';
import { createNodeNetwork } from '../../src/istio/network/node-network.ts';
import { externalHostsServed, servicesApplied } from '../../src/istio/network/node-services.ts';
import { createPodNetwork, removePodNetwork } from '../../src/istio/network/pod-network.ts';
import { namespacesFolder } from '../../src/istio/process/program.ts';
import type { EndpointSlice } from '../../src/istio/resources/objects.ts';
import { toolsInNamespaces } from './kube-api/in-namespaces.ts';
import { serviceOf, sliceOf } from './network/objects.ts';
import { connectFromNode, never, type TestAnswer, TestPod } from './network/pods.ts';

const addresses = { a: '10.77.1.2', b: '10.77.1.3', caller: '10.77.1.4' };
const both = [{ addresses: [addresses.a] }, { addresses: [addresses.b] }];
const services = [
  serviceOf('web', '10.96.0.10', {
    type: 'LoadBalancer',
    externalIPs: ['203.0.113.7'],
    ports: [
      { name: 'http', port: 80, nodePort: 30_080, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  }),
  serviceOf('empty', '10.96.0.11'),
  serviceOf('sticky', '10.96.0.12', { sessionAffinity: 'ClientIP' }),
  serviceOf('self', '10.96.0.13'),
  serviceOf('changing', '10.96.0.14'),
  serviceOf('db', 'None'),
];
const slices = [
  sliceOf('web', both),
  sliceOf('empty', []),
  sliceOf('sticky', both),
  sliceOf('self', [{ addresses: [addresses.a] }]),
  sliceOf('changing', [{ addresses: [addresses.a] }]),
  sliceOf('db', [{ addresses: [addresses.b], hostname: 'db-0' }]),
];
const status = { loadBalancer: { ingress: [{ ip: '10.97.0.10' }] } };

const tools = await toolsInNamespaces();

if (tools !== undefined)
  suite('the network of a node', { timeout: 100_000 }, () => {
    let folder: string;
    let program: ChildProcess;
    let client: KubeClient;
    let pods: { a: TestPod; b: TestPod; caller: TestPod };

    before(async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'meshmock-network-'));
      mkdirSync(namespacesFolder, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', namespacesFolder]);
      await createNodeNetwork(never);
      const plane = {
        kube: path.join(tools.kube, 'kube'),
        data: tools.cluster,
        folder: path.join(folder, 'plane'),
        address: nodeAddress,
        node: { socket: path.join(folder, 'node.sock'), resolverAddress: nodeResolverAddress },
        log: path.join(folder, 'log'),
      };
      const started = await startControlPlane(plane, never);
      program = started.program;
      client = new KubeClient(started.server);
      await client.discover(never);
      for (const object of [...services, ...slices]) await client.create(object, {}, never);
      await client.patch(services[0] as EndpointSlice, { status }, 'merge', { subresource: 'status' }, never);
      const hosts = new Map([
        ['*.example.com', [addresses.a]],
        ['deep.www.example.com', [addresses.b]],
      ]);
      writeExternalHosts(path.join(folder, 'plane/external.zone'), hosts, 3);
      await externalHostsServed(3, never);
      const start = async (name: keyof typeof addresses): Promise<TestPod> => TestPod.start(name, addresses[name]);
      const [a, b, caller] = await Promise.all([start('a'), start('b'), start('caller')]);
      pods = { a, b, caller };
      await untilAnswer('10.97.0.10', 80, nodeAddress);
    });

    after(async () => {
      await Promise.all(Object.values(pods ?? {}).map((pod) => pod[Symbol.asyncDispose]()));
      await client?.[Symbol.asyncDispose]();
      program?.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });

    /** Waits until an answer to the pod `caller` contains a text. */
    async function untilAnswer(host: string, port: number, wanted: string): Promise<void> {
      for (let isAnswered = false; !isAnswered; ) {
        await servicesApplied(never);
        const [first] = await pods.caller.connect(host, port);
        isAnswered = first?.answer.includes(wanted) ?? false;
        if (!isAnswered) await sleep(20);
      }
    }

    async function setEndpoints(service: string, endpoints: EndpointSlice['endpoints']): Promise<void> {
      await client.patch(sliceOf(service, []), { endpoints }, 'merge', {}, never);
    }

    test('a pod reaches another pod, which sees the address of the caller', async () => {
      assertAll(await pods.caller.connect(addresses.a, 8080), `a ${addresses.caller}`);
      assertAll(await pods.caller.connect(addresses.a, 5353, 1, 'udp'), `a ${addresses.caller}`);
    });

    test('a pod reaches both endpoints of a Service, which see the address of the caller', async () => {
      assertShared(await pods.caller.connect('10.96.0.10', 80, 60), addresses.caller);
      assertShared(await pods.caller.connect('10.96.0.10', 53, 60, 'udp'), addresses.caller);
    });

    test('the node hides the address of a caller that uses an address from outside the cluster', async () => {
      assertShared(await pods.caller.connect('10.97.0.10', 80, 60), nodeAddress);
      assertShared(await pods.caller.connect('203.0.113.7', 80, 60), nodeAddress);
      assertShared(await pods.caller.connect(nodeAddress, 30_080, 60), nodeAddress);
    });

    test('a pod finds Services, their endpoints and hosts outside the cluster by name', async () => {
      assertShared(await pods.caller.connect('web', 80, 60), addresses.caller);
      assertShared(await pods.caller.connect('web.default', 80, 60), addresses.caller);
      assertAll(await pods.caller.connect('db', 8080), `b ${addresses.caller}`);
      assertAll(await pods.caller.connect('db-0.db.default.svc.cluster.local', 8080), `b ${addresses.caller}`);
      assertAll(await pods.caller.connect('10-77-1-3.default.pod.cluster.local', 8080), `b ${addresses.caller}`);
      assertAll(await pods.caller.connect('www.example.com', 8080), `a ${addresses.caller}`);
      assertAll(await pods.caller.connect('a.b.Example.com', 8080), `a ${addresses.caller}`);
      assertAll(await pods.caller.connect('deep.www.example.com', 8080), `b ${addresses.caller}`);
      assertAll(await pods.caller.connect('example.com', 80), 'ENOTFOUND');
      assertAll(await pods.caller.connect('nothing', 80, 10), 'ENOTFOUND');
    });

    test('a pod reaches itself through its Service', async () => {
      assertAll(await pods.a.connect('10.96.0.13', 80, 10), `a ${nodeAddress}`);
      assertAll(await pods.a.connect('10.96.0.13', 53, 10, 'udp'), `a ${nodeAddress}`);
    });

    test('a pod stays with one endpoint of a Service with session affinity', async () => {
      const answers = await pods.caller.connect('10.96.0.12', 80, 40);
      assert.equal(new Set(answers.map(({ answer }) => answer)).size, 1);
    });

    test('a pod is refused at once by a Service without endpoints, and by an address or a port of no Service', async () => {
      assertFailed(await pods.caller.connect('10.96.0.11', 80, 30), 'ECONNREFUSED');
      assertFailed(await pods.caller.connect('10.96.0.11', 53, 30, 'udp'), 'ECONNREFUSED');
      assertFailed(await pods.caller.connect('10.96.9.9', 80, 30), 'ECONNREFUSED');
      assertFailed(await pods.caller.connect('10.96.0.10', 81, 30), 'ECONNREFUSED');
    });

    test('a pod finds addresses outside the mesh, and addresses that no pod has, unreachable at once', async () => {
      assertFailed(await pods.caller.connect('192.0.2.1', 80, 30), 'ENETUNREACH');
      assertFailed(await pods.caller.connect('10.77.9.9', 80, 30), 'ENETUNREACH');
    });

    test('the node reaches pods and Services', async () => {
      assertAll(await connectFromNode(addresses.a, 8080), `a ${nodeAddress}`);
      assertShared(await connectFromNode('10.96.0.10', 80, 60), nodeAddress);
      assertShared(await connectFromNode('10.97.0.10', 80, 60), nodeAddress);
    });

    test('the node fails at once for Services without endpoints and for addresses that nothing has', async () => {
      assertFailed(await connectFromNode('10.96.0.11', 80, 30), 'ECONNREFUSED');
      assertFailed(await connectFromNode('10.96.9.9', 80, 30), 'ECONNREFUSED');
      assertFailed(await connectFromNode('192.0.2.1', 80, 30), 'ENETUNREACH');
      assertFailed(await connectFromNode('10.77.9.9', 80, 30), 'ENETUNREACH');
    });

    test('the rules follow the endpoints of a Service', async () => {
      await setEndpoints('empty', [{ addresses: [addresses.b] }]);
      await untilAnswer('10.96.0.11', 80, 'b');
      assertAll(await pods.caller.connect('10.96.0.11', 80, 10), `b ${addresses.caller}`);
      await setEndpoints('empty', []);
      await untilAnswer('10.96.0.11', 80, 'ECONNREFUSED');
      assertFailed(await pods.caller.connect('10.96.0.11', 80, 10), 'ECONNREFUSED');
    });

    test('a UDP socket that keeps sending follows the endpoints of a Service', async () => {
      await using socket = await pods.caller.openUdp('10.96.0.14', 53);
      assert.equal(await socket.ask(), `a ${addresses.caller}`);
      await setEndpoints('changing', [{ addresses: [addresses.b] }]);
      await untilAnswer('10.96.0.14', 80, 'b');
      assert.equal(await socket.ask(), `b ${addresses.caller}`);
    });

    test('the networks of 20 pods are created and removed at the same time', async () => {
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
