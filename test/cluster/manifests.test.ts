/** Tests of the manifests in kubernetes/ and of the output of `meshmock manifests`, applied to a real cluster. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Reply } from '../../src/reply/reply.ts';
import { runProgram } from '../program.ts';
import { installTestTools } from '../tools/installed.ts';
import { zone } from './cluster.ts';
import { eventually, MockCluster, type Pod } from './mock-cluster.ts';

const signal = AbortSignal.timeout(500_000);
const checkout = fileURLToPath(new URL('../..', import.meta.url));
const demo = '/@service1|service2:8080[end-user=jason]/@grpc:service3,service4/hello';
const demoVersions = ['--versions', 'service2=v1,v2', '--versions', 'service3=v1,v2'];

/** Returns a reply and all replies inside it. */
function allReplies(reply: Reply): Reply[] {
  const below = (reply.calls ?? []).flatMap(({ reply: child }) => (child === undefined ? [] : [child]));
  return [reply, ...below.flatMap(allReplies)];
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

// One test only waits for most of a minute, so another one runs in parallel.
describe('on a real Kubernetes', { concurrency: 2 }, () => {
  let mocks: MockCluster;
  let demoReady = '';
  before(async () => {
    mocks = await MockCluster.start(signal);
    const since = performance.now();
    await applyFolder('demo', 'overlays/demo');
    demoReady = seconds(since);
  });
  after(() => mocks?.[Symbol.asyncDispose]());

  const answer = (host: string, path: string): Promise<Reply> =>
    eventually(
      async () => (await fetch(`http://${host}${path}`)).json() as Promise<Reply>,
      ({ status }) => status === 200,
    );
  const applyFolder = async (namespace: string, folder: string): Promise<void> => {
    await mocks.namespace(namespace);
    await mocks.cluster.kubectl('apply', '-n', namespace, '-k', `${checkout}/kubernetes/${folder}`);
    await mocks.ready(namespace);
  };
  const podOf = async (namespace: string, service: string): Promise<Pod> => {
    const { items } = await mocks.get<{ items: Pod[] }>(namespace, 'pods', '-l', `app=${service}`);
    assert.equal(items.length, 1);
    return items[0] as Pod;
  };
  /** Sends a signal to the process of a pod, unnoticed by Kubernetes. */
  const signalTo = async (namespace: string, pod: Pod, name: 'STOP' | 'KILL'): Promise<void> => {
    const pid = await mocks.processOf(namespace, `pod/${pod.metadata.name}`);
    await mocks.cluster.run(['sh', '-c', 'kill -s "$0" "$1"', name, String(pid)]);
  };
  const restartsOf = ({ status }: Pod): number => status.containerStatuses[0]?.restartCount ?? 0;
  const restarted = (namespace: string, pod: Pod): Promise<Pod> =>
    eventually(
      () => mocks.get<Pod>(namespace, 'pod', pod.metadata.name),
      (now) =>
        restartsOf(now) > restartsOf(pod) &&
        now.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
      90_000,
    );

  it('the demo overlay shows its cascade through a port-forward, with pod, namespace, node and zone', async (t) => {
    t.diagnostic(`the cluster: ${mocks.steps}; the demo is ready after another ${demoReady}`);
    await using forward = await mocks.cluster.portForward('service/gateway', 8080, 'demo');
    const replies = allReplies(await answer(forward.host, demo));
    assert.deepEqual(replies.map(({ service }) => service).sort(), [
      'gateway',
      'service1',
      'service2',
      'service3',
      'service3',
      'service4',
      'service4',
    ]);
    const pods = await mocks.get<{ items: Pod[] }>('demo', 'pods');
    const names = pods.items.map(({ metadata }) => metadata.name);
    for (const { service, pod = '', namespace, node, zone: shown } of replies) {
      assert.deepEqual({ namespace, node, zone: shown }, { namespace: 'demo', node: 'node-1', zone });
      assert.ok(pod.startsWith(`${service}-v`) && names.includes(pod), pod);
    }
    const protocols = new Set(replies.map(({ request }) => request?.protocol));
    assert.deepEqual([...protocols].sort(), ['grpc', 'http']);
    await using grpc = await mocks.cluster.portForward('service/gateway', 9090, 'demo');
    const called = await runProgram(['call', `grpc:${grpc.host}${demo}`, '--expect', 'service4 status = 200']);
    assert.equal(called.code, 0, called.stdout + called.stderr);
  });

  it('the output of `meshmock manifests` for the URL of the demo equals the demo', async () => {
    const printed = await runProgram(['manifests', `localhost:8080${demo}`, ...demoVersions]);
    assert.equal(printed.code, 0, printed.stderr);
    const difference = (yaml: string): Promise<string> =>
      mocks.cluster.run(['kubectl', 'diff', '-n', 'demo', '-f', '-'], { input: yaml });
    assert.equal(await difference(printed.stdout), '');
    await assert.rejects(difference(printed.stdout.replace('replicas: 1', 'replicas: 2')), /kubectl diff/);
  });

  it('a killed pod recovers, and a deleted pod is replaced', async (t) => {
    const [killed, deleted] = await Promise.all([podOf('demo', 'service1'), podOf('demo', 'gateway')]);
    const since = performance.now();
    await signalTo('demo', killed, 'KILL');
    await mocks.cluster.kubectl('-n', 'demo', 'delete', 'pod', deleted.metadata.name, '--now', '--wait=false');
    await restarted('demo', killed);
    t.diagnostic(`the killed pod is ready after ${seconds(since)}`);
    const { items } = await eventually(
      () => mocks.get<{ items: Pod[] }>('demo', 'pods', '-l', 'app=gateway'),
      ({ items }) => items.every(({ metadata }) => metadata.uid !== deleted.metadata.uid),
    );
    assert.equal(items.length, 1);
    await mocks.ready('demo');
    await using forward = await mocks.cluster.portForward('service/gateway', 8080, 'demo');
    assert.equal(allReplies(await answer(forward.host, demo)).length, 7);
  });

  it('a pod that hangs fails its liveness probe and recovers; the base has one service', async (t) => {
    await applyFolder('base', 'base');
    const hanging = await podOf('base', 'gateway');
    const since = performance.now();
    await signalTo('base', hanging, 'STOP');
    await restarted('base', hanging);
    t.diagnostic(`the hanging pod is ready after ${seconds(since)}`);
    await using forward = await mocks.cluster.portForward('service/gateway', 8080, 'base');
    assert.equal((await answer(forward.host, '/@gateway/x')).calls?.[0]?.reply?.service, 'gateway');
  });

  it('the template makes services with sed alone, and a port-forward finds a pod by its label', async () => {
    await mocks.namespace('template');
    for (const name of ['service1', 'service2']) {
      const command = `sed 's/\${istiomock}/${name}/' kubernetes/mock-service-pod.yaml`;
      const yaml = execFileSync('sh', ['-c', command], { cwd: checkout, encoding: 'utf8' });
      await mocks.cluster.apply(yaml, '-n', 'template');
    }
    await mocks.ready('template');
    const pods = await mocks.cluster.kubectl(
      '-n',
      'template',
      'get',
      'pod',
      '--selector',
      'app=service1',
      '-o',
      'name',
    );
    await using forward = await mocks.cluster.portForward(pods.trim(), 8080, 'template');
    const replies = allReplies(await answer(forward.host, '/@service2/@grpc:service1/x'));
    assert.deepEqual(
      replies.map(({ service, version }) => `${service} ${version}`),
      ['service1 v1', 'service2 v1', 'service1 v1'],
    );
  });

  it('helm installs the chart, and the chart passes its own test', async () => {
    await mocks.namespace('chart');
    const { helm: folder } = await installTestTools(['helm']);
    const helm = (...args: string[]): Promise<string> =>
      mocks.cluster.run([path.join(folder, 'helm'), '-n', 'chart', ...args]);
    await helm('install', 'mocks', `${checkout}/kubernetes/chart`, '--wait', '--timeout', '120s');
    assert.match(await helm('test', 'mocks'), /Phase: +Succeeded/);
    await using forward = await mocks.cluster.portForward('service/gateway', 8080, 'chart');
    assert.equal(allReplies(await answer(forward.host, demo)).length, 7);

    const values = ['services=[{"name":"gateway"},{"name":"service1","replicas":2}]'];
    const policies = ['podDisruptionBudget.enabled=true', 'networkPolicy.enabled=true'];
    await helm(
      ...['upgrade', 'mocks', `${checkout}/kubernetes/chart`, '--wait', '--timeout', '120s'],
      ...values.flatMap((value) => ['--set-json', value]),
      ...policies.flatMap((value) => ['--set', value]),
    );
    const namesOf = async (kinds: string): Promise<string[]> => {
      const { items } = await mocks.get<{ items: { kind: string; metadata: { name: string } }[] }>('chart', kinds);
      return items.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();
    };
    assert.deepEqual(await namesOf('deployments,services'), [
      ...['Deployment gateway-v1', 'Deployment service1-v1', 'Service gateway', 'Service service1'],
    ]);
    assert.deepEqual(await namesOf('poddisruptionbudgets,networkpolicies'), [
      ...['NetworkPolicy mocks-callers', 'PodDisruptionBudget gateway', 'PodDisruptionBudget service1'],
    ]);
    // The controller counts the pods of the budget a moment later.
    await eventually(
      () => mocks.get<{ status?: { disruptionsAllowed?: number } }>('chart', 'pdb', 'service1'),
      ({ status }) => status?.disruptionsAllowed === 1,
    );
    const pods = await mocks.get<{ items: Pod[] }>(
      'chart',
      'pods',
      '-l',
      'app=service1',
      '--field-selector=status.phase=Running',
    );
    const evict = ({ metadata: { name } }: Pod): Promise<string> =>
      mocks.cluster.run(['kubectl', 'create', '--raw', `/api/v1/namespaces/chart/pods/${name}/eviction`, '-f', '-'], {
        input: JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'chart' } }),
      });
    const [first, second] = pods.items as [Pod, Pod];
    await evict(first);
    await assert.rejects(evict(second), /disruption budget|TooManyRequests/);

    await helm('uninstall', 'mocks', '--wait');
    assert.deepEqual(await namesOf('deployments,services,serviceaccounts,poddisruptionbudgets,networkpolicies,roles'), [
      'ServiceAccount default',
    ]);
  });

  it('the octopus overlay answers with the content of both webservers', async () => {
    await applyFolder('octopus', 'overlays/octopus');
    await using forward = await mocks.cluster.portForward('service/proxy', 80, 'octopus');
    // The proxy keeps its connections, and each leads to one pod. Only parallel requests reach several pods.
    const content = async (): Promise<string | undefined> =>
      /WebServer V\d/.exec(await (await fetch(`http://${forward.host}/`)).text())?.[0];
    await eventually(
      async () => [...new Set(await Promise.all(Array.from({ length: 20 }, content)))].sort().join(),
      (contents) => contents === 'WebServer V1,WebServer V2',
    );
    await mocks.cluster.kubectl('delete', 'namespace', 'octopus', '--wait=false');
  });

  it('the Jaeger of the tracing overlay gets the whole trace', async () => {
    await applyFolder('tracing', 'overlays/tracing');
    await using gateway = await mocks.cluster.portForward('service/gateway', 8080, 'tracing');
    await using jaeger = await mocks.cluster.portForward('service/jaeger', 16686, 'tracing');
    await answer(gateway.host, demo);
    const checked = await runProgram(['call', `http://${gateway.host}${demo}`, '--trace', `http://${jaeger.host}`]);
    assert.equal(checked.code, 0, checked.stdout + checked.stderr);
    assert.match(checked.stdout, /trace .*whole/);
  });
});
