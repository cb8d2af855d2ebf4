/** Tests that a local mesh survives failures and wrong input, and reports them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { askMesh } from '../../src/istio/host/control-client.ts';
import { startProgram } from '../program.ts';
import { demoWorkloads, type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

const yaml = (text: string) => ({ name: 'test.yaml', text });
const anyPort = [
  '--http',
  'localhost:0',
  '--grpc',
  'localhost:0',
  '--jaeger',
  'localhost:0',
  '--metrics',
  'localhost:0',
];
const signal = new AbortController().signal;

const oddPort = (name: string, port: number) =>
  yaml(`apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: service4 }, ports: [{ name: http, port: ${port}, targetPort: 8080 }] }
`);

/** Returns the processes of this machine whose command line contains a text. */
function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(text);
      } catch {
        return false;
      }
    });
}

describe('a local mesh', () => {
  let mesh: LocalMeshFixture;
  before(async () => {
    mesh = await startLocalMesh([demoWorkloads]);
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  const tree = async (path: string): Promise<string> =>
    (await fetch(`http://${mesh.http('gateway')}${path}`, { headers: { accept: 'text/plain' } })).text();

  it('survives the end of a mock, and starts it again with the next change', async () => {
    const { name } = mesh.started.pods.find(({ service }) => service === 'service1') ?? { name: 'none' };
    const otherNetworks = processesWith(`serve --name service1 --service-version v1 --pod ${name}`).filter(
      (pid) => readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync('/proc/self/ns/net'),
    );
    // Meshes of other tests may have a pod of the same name.
    const [ours] = otherNetworks.filter((pid) => isOfMesh(pid, mesh));
    assert.ok(ours !== undefined);
    process.kill(ours, 'SIGKILL');
    // The node starts it again after a second. Until the other proxies are informed, they cannot connect to it.
    const isGone = /503 .*(?:no_healthy_upstream|connect_failure|upstream_reset)/;
    const shown = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        await sleep(40 * index);
        return tree('/@service1/x');
      }),
    );
    assert.ok(
      shown.some((text) => isGone.test(text)),
      shown.join('\n'),
    );
    await mesh.apply(oddPort('other', 7001));
    assert.match(await tree('/@service1/x'), /service1 v1 .* 200/);
    assert.match(await tree('/@other/x'), /service4 v1 .* 200/);
  });

  it('gives all pods the same rules of iptables, each with the user of its own proxy', () => {
    const mocks = processesWith('serve --name ').filter((pid) => isOfMesh(pid, mesh));
    const rules = mocks.map((pid) =>
      execFileSync('nsenter', [`--net=/proc/${pid}/ns/net`, 'iptables-save'], { encoding: 'utf8' }),
    );
    assert.ok(rules.length > 4, `only ${rules.length} mocks`);
    const users = rules.map((text) => new Set(text.match(/(?<=--[ug]id-owner )\d+/g)));
    for (const own of users) assert.equal(own.size, 1);
    assert.equal(new Set(users.flatMap((own) => [...own])).size, rules.length);
    // istio-iptables has set those of the first pod.
    const shared = rules.map((text) =>
      text.replace(/^#.*\n|\[\d+:\d+\]$/gm, '').replace(/(?<=--[ug]id-owner )\d+/g, 'USER'),
    );
    assert.equal(new Set(shared).size, 1, shared.join('\n'));
    assert.match(shared[0] ?? '', /-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001/);
  });

  it('runs one replica of each workload if the machine cannot run all, and says so', async () => {
    const many = yaml(`apiVersion: apps/v1
kind: Deployment
metadata: { name: many }
spec:
  replicas: 100000
  selector: { matchLabels: { app: many } }
  template: { metadata: { labels: { app: many } }, spec: { containers: [{ name: c, image: i }] } }
`);
    const { leftOut } = await mesh.apply(many);
    assert.match(leftOut.join('\n'), /with one replica each: .* (?:memory|enough) for \d+ pods instead of 10000\d/);
    const { pods } = await askMesh(mesh.host.name, { kind: 'status' }, signal);
    assert.equal(pods.filter(({ service }) => service === 'many').length, 1);
    await mesh.delete(many);
  });

  it('refuses names that would lead out of its folder', async () => {
    const evil = `apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: ../../tmp/x, namespace: "a b" }\n`;
    await assert.rejects(
      mesh.apply(yaml(evil)),
      /test\.yaml:3:\d+: .*Invalid value: "a b"[\s\S]*test\.yaml:3:13: serviceaccount\S+: metadata\.name: Invalid value: "\.\.\/\.\.\/tmp\/x"/,
    );
  });

  it('warns about an object of another revision, which istiod ignores', async () => {
    const canary = yaml(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: canary, labels: { istio.io/rev: canary } }
spec: { hosts: [service1], http: [{ route: [{ destination: { host: service1 } }] }] }
`);
    const { warnings } = await mesh.apply(canary);
    assert.deepEqual(warnings, [
      'istiod ignores some of these objects: the label istio.io/rev may name another revision',
      'virtualservice.networking.istio.io/canary: the local mesh has no istiod of the revision canary, so the object has no effect',
    ]);
    await mesh.delete(canary);
  });

  it('answers a status request during a change', async () => {
    const change = mesh.apply(oddPort('slow', 7003));
    const { pods } = await askMesh(mesh.host.name, { kind: 'status' }, signal);
    assert.equal(pods.length, 7);
    await change;
  });

  it('restores an implicit object after the deletion of an applied one with its name', async () => {
    const telemetry = yaml(`apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: mesh-default, namespace: istio-system }
spec: { tracing: [{ randomSamplingPercentage: 0 }] }
`);
    await mesh.apply(telemetry);
    await mesh.delete(telemetry);
    const { traceId } = (await (await fetch(`http://${mesh.http('gateway')}/@service2/x`)).json()) as {
      traceId: string;
    };
    for (let tries = 0; ; tries++) {
      const text = await (await fetch(`${mesh.jaeger}/api/v3/traces/${traceId}`)).text();
      if (/"node_id"/.test(text)) break;
      assert.ok(tries < 600, 'no span of a sidecar has arrived');
      await sleep(100);
    }
  });

  it('runs a Pod without a workload, and reports the objects that it does not run', async () => {
    const { leftOut } = await mesh.apply(
      yaml(`apiVersion: v1
kind: Pod
metadata: { name: alone, labels: { app: alone } }
spec: { containers: [{ name: c, image: i, ports: [{ containerPort: 6000 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: alone }
spec: { clusterIP: None, selector: { app: alone }, ports: [{ name: http, port: 6000 }] }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  schedule: 0 3 1 1 *
  jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [{ name: c, image: i }] } } } }
---
apiVersion: example.test/v1
kind: Unknown
metadata: { name: settings }
`),
    );
    assert.deepEqual(leftOut, [
      'cronjob.batch/nightly: its programs do not run: each of its pods succeeds at once',
      'unknown.example.test/settings: the local mesh does not run Unknown of example.test/v1',
    ]);
    assert.match(await tree('/@alone/x'), /alone v1 .* 200/);
  });

  it('moves a Service to the pods of another workload, whose mocks start again with its port', async () => {
    const moved = (selected: string) =>
      yaml(`apiVersion: v1
kind: Service
metadata: { name: moved }
spec: { selector: { app: ${selected} }, ports: [{ name: http, port: 80, targetPort: 8000 }] }
---
${deployment('first')}
---
${deployment('second')}
`);
    for (const selected of ['first', 'second', 'first']) {
      await mesh.apply(moved(selected));
      assert.match(await tree('/@moved:80/x'), new RegExp(`${selected} v1 .* 200`));
    }
  });
});

const deployment = (app: string) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${app} }
spec:
  selector: { matchLabels: { app: ${app} } }
  template:
    metadata: { labels: { app: ${app} } }
    spec: { containers: [{ name: c, image: i }] }`;

/** Reports whether a process belongs to a mesh: only its processes see the mounts in the mesh's folder. */
function isOfMesh(pid: number, { host }: LocalMeshFixture): boolean {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(`/run/meshmock/${host.name}/`);
}

/** Returns a StatefulSet with a headless Service and STRICT mTLS, and an ExternalName Service. */
const stateful = (version: string) =>
  yaml(`apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db, namespace: bank }
spec:
  replicas: 2
  serviceName: db
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db, version: ${version} } }
    spec: { containers: [{ name: c, image: i }] }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: bank }
spec: { clusterIP: None, selector: { app: db }, ports: [{ name: http, port: 8008 }] }
---
apiVersion: v1
kind: Service
metadata: { name: ext }
spec: { type: ExternalName, externalName: gateway.default.svc.cluster.local }
`);

describe('the names of a StatefulSet’s pods', () => {
  it('lead to the pods of a headless Service, with mTLS from the start and after a change', async () => {
    await using mesh = await startLocalMesh([demoWorkloads, stateful('v1')]);
    for (const version of ['v1', 'v2']) {
      await mesh.apply(stateful(version));
      const url = `http://${mesh.http('gateway')}/@db.bank|db-0.db.bank:8008|db-1.db.bank:8008|ext/x`;
      const text = await (await fetch(url, { headers: { accept: 'text/plain' } })).text();
      assert.match(text, new RegExp(`─ db\\.bank:8008 → db ${version} \\(db-\\d\\) +200 .*mTLS gateway→default`));
      for (const index of [0, 1])
        assert.match(text, new RegExp(`─ db-${index}\\.db\\.bank:8008 → db ${version} \\(db-${index}\\) +200 .*mTLS`));
      assert.match(text, /─ ext:8080 → gateway v1 .* 200 .*mTLS gateway→gateway/);
    }
  });
});

describe('several runs of meshmock istio up', () => {
  it('with the same name: only one of them starts, and it removes the folders of killed meshes', async () => {
    const mesh = `twice-${process.pid}`;
    mkdirSync(`/run/meshmock/killed-${process.pid}/logs`, { recursive: true });
    const programs = [1, 2].map(() => startProgram(['istio', 'up', '--mesh', mesh, ...anyPort]));
    const codes = programs.map((program) => program.exited());
    assert.equal(await Promise.race(codes), 2);
    const [loser, winner] = programs.toSorted(
      (one, other) => Number(other.child.exitCode) - Number(one.child.exitCode),
    );
    assert.match(loser?.stderr ?? '', /is already up/);
    await winner?.printed(/Ctrl-C/);
    assert.ok(!existsSync(`/run/meshmock/killed-${process.pid}`));
    await using down = startProgram(['istio', 'down', '--mesh', mesh]);
    assert.equal(await down.exited(), 0, down.stderr);
    assert.deepEqual((await Promise.all(codes)).sort(), [0, 2]);
  });

  it('end with `down` even during the start', async () => {
    const mesh = `starting-${process.pid}`;
    await using program = startProgram(['istio', 'up', '--mesh', mesh, ...anyPort]);
    while (!existsSync(`/run/meshmock/${mesh}/control.sock`)) await sleep(20);
    await using down = startProgram(['istio', 'down', '--mesh', mesh]);
    assert.equal(await down.exited(), 0, down.stderr);
    await program.exited();
    assert.ok(!existsSync(`/run/meshmock/${mesh}`));
  });

  it('report a port that is too high', async () => {
    const args = anyPort.with(1, 'localhost:65533');
    await using program = startProgram(['istio', 'up', '--mesh', `ports-${process.pid}`, ...args]);
    assert.equal(await program.exited(), 2);
    assert.match(program.stderr, /no port is left for service3 \(65536\): choose a lower first port with --http/);
  });
});
