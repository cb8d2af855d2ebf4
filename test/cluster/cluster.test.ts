/** Tests of the cluster that the tests of manifests use: it is a real one, and it leaves nothing on the machine. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Cluster, zone } from './cluster.ts';
import { librariesOf } from './image.ts';

const signal = AbortSignal.timeout(300_000);

/** Program of the test pods. It answers with the pod's name and zone, or with the answer of another host. */
const app = `require('http').createServer((request, response) => {
  const { POD, ZONE } = process.env;
  if (request.url === '/') return response.end(POD + ' ' + ZONE);
  require('http').get('http:/' + request.url, (answer) => answer.pipe(response)).on('error', (error) => response.end(error.code));
}).listen(8080);
process.once('SIGTERM', () => process.exit(0));`;

const workload = (name: string, container = '') => `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  securityContext: { runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }
  containers:
    - name: app
      image: localhost/node:1
      args: [-e, ${JSON.stringify(app)}]
      env:
        - { name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
        - { name: ZONE, valueFrom: { fieldRef: { fieldPath: "metadata.labels['topology.kubernetes.io/zone']" } } }
      readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 }
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
      ${container}
`;

function cgroupsOf(folder: string): string[] {
  const all = readdirSync('/sys/fs/cgroup', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const places = ['/sys/fs/cgroup', ...all.map(({ name }) => path.join('/sys/fs/cgroup', name))];
  return places.map((place) => path.join(place, path.basename(folder))).filter((place) => existsSync(place));
}

/** Returns the processes whose command line contains the folder of a cluster. */
function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
      } catch {
        return false;
      }
    })
    .map(Number);
}

async function assertNothingLeft(folder: string): Promise<void> {
  const left = (): unknown[] => [...processesOf(folder), ...cgroupsOf(folder), ...(existsSync(folder) ? [folder] : [])];
  for (let tries = 0; tries < 600 && left().length > 0; tries++) await sleep(50);
  assert.deepEqual(left(), []);
}

describe('a cluster for tests', () => {
  let cluster: Cluster;
  const kubectl = (...args: string[]): Promise<string> => cluster.kubectl('-n', 'mock', ...args);

  before(async () => {
    const files = { '/node': process.execPath, ...(await librariesOf(process.execPath, signal)) };
    cluster = await Cluster.start({ images: [{ name: 'localhost/node:1', files, entrypoint: ['/node'] }] }, signal);
    await cluster.kubectl('create', 'namespace', 'mock');
    await cluster.kubectl('label', 'namespace', 'mock', 'pod-security.kubernetes.io/enforce=restricted');
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  it('runs pods that become ready under Pod Security, know their zone, and reach each other by name', async () => {
    await cluster.apply(`${workload('one')}---\n${workload('two')}`, '-n', 'mock');
    await kubectl('wait', '--for=condition=Ready', 'pod/one', 'pod/two', '--timeout=240s');
    await using forward = await cluster.portForward('service/one', 80, 'mock');
    const answer = async (uri: string): Promise<string> => (await fetch(`http://${forward.host}${uri}`)).text();
    assert.equal(await answer('/'), `one ${zone}`);
    assert.equal(await answer('/two.mock.svc.cluster.local'), `two ${zone}`);
    assert.equal(await answer('/three'), 'ENOTFOUND');
    const fromNode = "fetch('http://two.mock').then((answer) => answer.text()).then(console.log)";
    assert.equal(await cluster.run([process.execPath, '-e', fromNode]), `two ${zone}\n`);
  });

  it('refuses a pod that violates Pod Security, with the reason', async () => {
    const refused = cluster.apply(workload('bad').replace('drop: [ALL]', ''), '-n', 'mock');
    await assert.rejects(refused, /violates PodSecurity "restricted:latest": unrestricted capabilities/);
  });

  it('restarts a container whose liveness probe fails', async () => {
    const liveness = 'livenessProbe: { tcpSocket: { port: 1 }, periodSeconds: 1, failureThreshold: 1 }';
    await cluster.apply(workload('sick', liveness), '-n', 'mock');
    await kubectl('wait', '--for=jsonpath={.status.containerStatuses[0].restartCount}=1', 'pod/sick', '--timeout=240s');
  });

  it('leaves nothing if its parent process is killed, and another cluster keeps running', async () => {
    const main = `import { Cluster } from '${new URL('cluster.ts', import.meta.url)}';
const cluster = await Cluster.start({ images: [] }, AbortSignal.timeout(120000));
console.log(cluster.folder);
setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', main], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    const [other] = (await Promise.race([once(createInterface(child.stdout), 'line'), exit])) as [string];
    assert.ok(processesOf(other).length > 4);
    assert.ok(cgroupsOf(other).length > 0);
    child.kill('SIGKILL');
    await exit;
    await assertNothingLeft(other);
    assert.match(await cluster.kubectl('get', '--raw', '/readyz'), /^ok$/);
  });

  it('reports a failed start with its reason, and leaves nothing', async () => {
    const { TMPDIR } = process.env;
    const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-test-'));
    process.env.TMPDIR = folder;
    try {
      const noImage = fileURLToPath(import.meta.url);
      await assert.rejects(
        Cluster.start({ images: [noImage] }, signal),
        /did not start: ctr .*cluster\.test\.ts failed/,
      );
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
      await rm(folder, { recursive: true });
    }
  });

  it('leaves nothing after its end, not even in the fixed folders of its programs', async () => {
    await cluster[Symbol.asyncDispose]();
    await assertNothingLeft(cluster.folder);
    await assert.rejects(kubectl('get', 'pods'), /the cluster has ended/);
    for (const place of ['/var/lib/kubelet', '/var/log/pods', '/run/containerd/containerd.sock'])
      assert.ok(!existsSync(place), place);
  });
});
