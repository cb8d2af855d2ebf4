/**
 * The process in the namespaces of a cluster's node, as their first one: all of the cluster ends with it. It starts
 * the programs, says when they are ready, and hands connections from the machine on.
 */
import { readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Forward } from '../../src/istio/forward.ts';
import { runProgram } from '../../src/istio/program.ts';
import { waitForOk, waitUntilReady } from '../../src/istio/ready.ts';
import { archivesOf, ownImages } from './image.ts';
import type { FromNode, NodeOptions, ToNode } from './messages.ts';
import { apiUrl, filesOf, makeCertificate, nodeName, writeNodeFiles } from './node-files.ts';
import { becomeNode } from './node-machine.ts';
import {
  apiClientCommands,
  apiServerCommand,
  containerdCommand,
  etcdCommand,
  type NodeProgram,
  startNodeProgram,
} from './node-programs.ts';

const ended = new AbortController();
const { signal } = ended;

process.on('message', (message: ToNode, handle) => {
  switch (message.kind) {
    case 'start':
      start(message.options).catch(fail);
      return;
    case 'forward': {
      const forward = new Forward(handle as Server);
      forward.setTargets([{ host: '127.0.0.1', port: message.port }]);
      return;
    }
  }
});
// Whoever started this is gone: with this process, the first of its namespace, everything in it ends.
process.on('disconnect', () => process.exit(0));

async function start(options: NodeOptions): Promise<void> {
  const { folder, tools } = options;
  await makeCertificate(folder, signal);
  setDefaultCACertificates([readFileSync(filesOf(folder).certificate, 'utf8')]);
  writeNodeFiles(options);
  const images = await archivesOf([...ownImages(tools.coredns), ...options.images], folder, signal);
  await becomeNode(folder, signal);
  step('network, mounts, cgroups');
  const run = (name: string, command: readonly string[]): NodeProgram => {
    const started = startNodeProgram(folder, name, command);
    started.program.once('exit', (code, by) => fail(new Error(`${name} has ended (${by ?? `exit code ${code}`})`)));
    return started;
  };
  run('etcd', etcdCommand());
  const containerd = run('containerd', containerdCommand(folder));
  const apiServer = run('kube-apiserver', apiServerCommand(folder));
  const imported = importImages(containerd, images);
  imported.catch(() => {});
  await waitUntilReady(apiServer, (either) => waitForOk(`${apiUrl}/readyz`, either), signal);
  step('API server');
  for (const [name, command] of apiClientCommands(options)) run(name, command);
  await imported;
  step('images');
  await kubectl('wait', '--for=create', `node/${nodeName}`, '--timeout=60s');
  await kubectl('wait', '--for=condition=Ready', `node/${nodeName}`, '--timeout=60s');
  step('node');
  await kubectl('apply', '-f', fileURLToPath(new URL('coredns.yaml', import.meta.url)));
  await kubectl('-n', 'kube-system', 'rollout', 'status', 'deployment/coredns', '--timeout=60s');
  step('names');
  tell({ kind: 'started' });
}

/** Two more would only wait for the disk. */
async function importImages(containerd: NodeProgram, images: readonly string[]): Promise<void> {
  await waitUntilReady(containerd, containerdAnswers, signal);
  for (const image of images) await runProgram('ctr', ['-n', 'k8s.io', 'images', 'import', image], { signal });
}

async function containerdAnswers(either: AbortSignal): Promise<void> {
  for (;;) {
    const isThere = await runProgram('ctr', ['version'], { signal: either }).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await sleep(50, undefined, { signal: either });
  }
}

function kubectl(...args: readonly string[]): Promise<string> {
  return runProgram('kubectl', args, { signal });
}

function step(text: string): void {
  tell({ kind: 'step', step: text });
}

function tell(message: FromNode): void {
  if (process.connected) process.send?.(message, () => {});
}

function fail(error: unknown): void {
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}
