import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type ContainerPlace, kubeletPort } from '../../../src/istio/control-plane/control-plane.ts';
import { namespacesFolder, runProgram, spawnInPod } from '../../../src/istio/process/program.ts';
import { waitForOk } from '../../../src/istio/process/ready.ts';

export interface KubeletOptions {
  readonly folder: string;
  readonly nodeSocket: string;
  /** Command line of kubectl with its kubeconfig. */
  readonly kubectl: readonly string[];
  readonly address: string;
}

/** Output of kubectl's commands that reach the kubelet's API. */
export interface Exercised {
  readonly logs: string;
  readonly tail: string;
  readonly followed: string;
  readonly previous: string;
  readonly exec: string;
  readonly execInput: string;
  readonly execCode: number | null;
  readonly execTerminal: string;
  readonly forwarded: string;
  readonly missing: string;
}

const port = 8080;

/** Runs a pod as a network namespace with a server in it, and uses it with kubectl. */
export async function exerciseKubelet(options: KubeletOptions, signal: AbortSignal): Promise<Exercised> {
  const { folder, nodeSocket, kubectl } = options;
  const log = path.join(folder, 'till.log');
  writeFileSync(log, 'one\ntwo\nthree\n');
  writeFileSync(`${log}.1`, 'before\n');
  const server = await startPodServer(folder, signal);
  const exec = ['nsenter', `--net=${namespacesFolder}/till`, 'env', 'POD=till'];
  const place: ContainerPlace = { netns: 'till', log, previousLog: `${log}.1`, exec };
  let runs = true;
  const node = createServer(({ url }, response) => {
    const found = runs && (url === '/pods/shop/till' || url === '/pods/shop/till/till');
    response.statusCode = found ? 200 : 404;
    response.end(found ? JSON.stringify(place) : '');
  }).listen(nodeSocket);
  await once(node, 'listening');

  const [program = '', ...args] = kubectl;
  const run = async (rest: readonly string[], input = ''): Promise<{ code: number | null; all: string }> => {
    const child = spawn(program, [...args, ...rest], { signal, stdio: 'pipe' });
    child.stdin.end(input);
    const [[code], out, errors] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
    return { code: code as number | null, all: `${out}${errors}` };
  };
  const output = async (...rest: string[]): Promise<string> => (await run(['-n', 'shop', ...rest])).all;
  await createPod(options, signal);

  const follower = spawn(program, [...args, '-n', 'shop', 'logs', '--follow', '--tail=1', 'till'], { signal });
  const followed = text(follower.stdout);
  await once(follower.stdout, 'readable');
  const tail = await output('logs', '--tail=2', 'till');
  appendFileSync(log, 'four\n');
  const result = {
    logs: await output('logs', 'till'),
    tail,
    previous: await output('logs', '--previous', 'till'),
    exec: await output('exec', 'till', '--', 'sh', '-c', 'echo $POD; ip -brief address show lo'),
    execInput: (await run(['-n', 'shop', 'exec', '-i', 'till', '--', 'cat'], 'from the client')).all,
    execCode: (await run(['-n', 'shop', 'exec', 'till', '--', 'sh', '-c', 'exit 7'])).code,
    execTerminal: await inTerminal([...kubectl, '-n', 'shop', 'exec', '-it', 'till', '--', 'tty'], signal),
    forwarded: await forwarded([...kubectl, '-n', 'shop'], signal),
    missing: await output('logs', 'till', '-c', 'other'),
  };
  runs = false;
  const all = { ...result, followed: await followed };
  node.close();
  server.kill();
  return all;
}

/** Runs a command whose standard input is a terminal. */
function inTerminal(command: readonly string[], signal: AbortSignal): Promise<string> {
  return runProgram('script', ['--quiet', '--command', command.join(' '), '/dev/null'], { signal });
}

async function startPodServer(folder: string, signal: AbortSignal): Promise<ChildProcess> {
  mkdirSync(namespacesFolder, { recursive: true });
  await runProgram('mount', ['-t', 'tmpfs', 'tmpfs', namespacesFolder], { signal });
  await runProgram('ip', ['netns', 'add', 'till'], { signal });
  await runProgram('ip', ['-n', 'till', 'link', 'set', 'lo', 'up'], { signal });
  const script = `require('node:http').createServer((_, answer) => answer.end('from the pod')).listen(${port}, '127.0.0.1')`;
  return spawnInPod(process.execPath, ['-e', script], {
    namespace: 'till',
    env: process.env,
    log: path.join(folder, 'server.log'),
  });
}

async function createPod({ kubectl: [program = '', ...args], address }: KubeletOptions, signal: AbortSignal) {
  const kubectl = (rest: readonly string[], input = ''): Promise<string> =>
    runProgram(program, [...args, ...rest], { input, signal });
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node' } };
  const addresses = [{ type: 'InternalIP', address }];
  const status = { addresses, daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } } };
  const labels = { 'istio-injection': 'disabled' };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'till', namespace: 'shop' },
    spec: { nodeName: 'node', containers: [{ name: 'till', image: 'till' }] },
  };
  for (const object of [node, namespace]) await kubectl(['create', '-f', '-'], JSON.stringify(object));
  await kubectl(['patch', 'node', 'node', '--subresource=status', '-p', JSON.stringify({ status })]);
  // A pod can be made once its account exists.
  await kubectl(['-n', 'shop', 'wait', '--for=create', 'serviceaccount/default', '--timeout=20s']);
  await kubectl(['create', '-f', '-'], JSON.stringify(pod));
  const running = JSON.stringify({ status: { phase: 'Running' } });
  await kubectl(['-n', 'shop', 'patch', 'pod', 'till', '--subresource=status', '-p', running]);
}

async function forwarded([program = '', ...args]: readonly string[], signal: AbortSignal): Promise<string> {
  const child = spawn(program, [...args, 'port-forward', 'pod/till', `18080:${port}`], { signal, stdio: 'ignore' });
  child.on('error', () => {});
  await waitForOk('http://127.0.0.1:18080/', signal);
  const answers = await Promise.all([1, 2].map(async () => (await fetch('http://127.0.0.1:18080/')).text()));
  child.kill();
  return answers.join();
}
