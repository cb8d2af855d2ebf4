/**
 * The process of a cluster's node. It is the first process of the node's namespaces, so the whole cluster ends with it.
 * It starts the programs, reports when they are ready, and forwards connections from the machine.
 */
import { readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Forward } from '../../src/istio/host/forward.ts';
import { runProgram } from '../../src/istio/process/program.ts';
import { waitForOk, waitUntilReady } from '../../src/istio/process/ready.ts';
import { archivesOf, clusterImages } from './image.ts';
import type { FromNode, ToNode } from './messages.ts';
import { apiUrl, createCertificate, filesOf, nodeName, writeNodeFiles } from './node-files.ts';
import { setUpMachine } from './node-machine.ts';
import type { NodeOptions } from './node-options.ts';
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
// The test's process has ended. This process is the first of its namespace, so every process in it ends too.
process.on('disconnect', () => process.exit(0));

async function start(options: NodeOptions): Promise<void> {
  const { folder, tools } = options;
  await createCertificate(folder, signal);
  setDefaultCACertificates([readFileSync(filesOf(folder).certificate, 'utf8')]);
  writeNodeFiles(options);
  const images = await archivesOf([...clusterImages(tools.coredns), ...options.images], folder, signal);
  await setUpMachine(folder, signal);
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
  await kubectl('wait', '--for=create', `node/${nodeName}`, '--timeout=240s');
  await kubectl('wait', '--for=condition=Ready', `node/${nodeName}`, '--timeout=240s');
  step('node');
  await kubectl('apply', '-f', fileURLToPath(new URL('coredns.yaml', import.meta.url)));
  await kubectl('-n', 'kube-system', 'rollout', 'status', 'deployment/coredns', '--timeout=240s');
  step('names');
  send({ kind: 'started' });
}

/** Imports images one after another. Parallel imports would only wait for the disk. */
async function importImages(containerd: NodeProgram, images: readonly string[]): Promise<void> {
  await waitUntilReady(containerd, containerdAnswers, signal);
  for (const image of images) await runProgram('ctr', ['-n', 'k8s.io', 'images', 'import', image], { signal });
}

async function containerdAnswers(either: AbortSignal): Promise<void> {
  for (;;) {
    const isReady = await runProgram('ctr', ['version'], { signal: either }).then(
      () => true,
      () => false,
    );
    if (isReady) return;
    await sleep(50, undefined, { signal: either });
  }
}

function kubectl(...args: readonly string[]): Promise<string> {
  return runProgram('kubectl', args, { signal });
}

function step(text: string): void {
  send({ kind: 'step', step: text });
}

function send(message: FromNode): void {
  if (process.connected) process.send?.(message, () => {});
}

function fail(error: unknown): void {
  send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}
