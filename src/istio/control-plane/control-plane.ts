import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { ApiServer } from '../kube-api/api-server.ts';
import { waitUntilReady } from '../process/ready.ts';

/** API server of a local mesh, and the certificate of its administrator. */
export interface MeshApiServer extends ApiServer {
  /** Path of the kubeconfig with these. */
  readonly kubeconfig: string;
}

export interface ControlPlaneOptions {
  /** Path of the program `kube`. */
  readonly kube: string;
  /** Folder with the prepared data, as `InstalledTools.data`. */
  readonly data: string;
  /** Folder that only this control plane uses. It contains the keys of all certificates. */
  readonly folder: string;
  /** IPv4 address of the API server in the current network namespace. */
  readonly address: string;
  /**
   * Path of a Unix socket, at which a node says where its containers are. With it, the kubelet's API for kubectl's
   * logs, exec, attach and port-forward is served at `kubeletPort` of the address. See `ContainerPlace`.
   */
  readonly nodeSocket?: string;
  /** Path of the file that receives the output. */
  readonly log: string;
}

/** Started control plane: etcd, API server and controllers in one process. */
export interface ControlPlane {
  readonly program: ChildProcess;
  readonly server: MeshApiServer;
}

/**
 * Answer of a node to `GET /pods/NAMESPACE/NAME` and `GET /pods/NAMESPACE/NAME/CONTAINER` at its socket, as JSON. For
 * what does not run, the answer is status 404.
 */
export interface ContainerPlace {
  /** Name of the pod's network namespace. Without it, ports are those of the node. */
  readonly netns?: string;
  /** Path of the container's log. */
  readonly log?: string;
  /** Path of the log before the last restart. */
  readonly previousLog?: string;
  /** Command line that runs a command in the container, without the command, such as `['nsenter', '--net=…']`. */
  readonly exec?: readonly string[];
}

/** Port of the kubelet's API, for `status.daemonEndpoints` of the node. */
export const kubeletPort = 10250;

const apiPort = 6443;
const pollMs = 10;

/**
 * Starts a control plane in the current network namespace, and waits until its certificates exist. It is killed when
 * this process ends.
 *
 * @throws MeshmockError `unavailable` with the end of the log if the program ends
 * @example
 * const { program, server } = await startControlPlane({ kube, data, folder, address: '10.77.0.1', log }, signal);
 * await waitUntilReady({ program, name: 'the API server', log }, (until) => controlPlaneReady(server, until), signal);
 */
export async function startControlPlane(options: ControlPlaneOptions, signal: AbortSignal): Promise<ControlPlane> {
  const { kube, data, folder, address, nodeSocket, log } = options;
  mkdirSync(folder, { recursive: true });
  const kubeconfig = path.join(folder, 'kubeconfig');
  const flags = ['--folder', folder, '--data', path.join(data, 'etcd'), '--address', address];
  if (nodeSocket !== undefined) flags.push('--node-socket', nodeSocket);
  const program = spawnControlPlane([kube, 'control-plane', ...flags], folder, log);
  const hasCertificates = async (until: AbortSignal): Promise<void> => {
    while (!existsSync(kubeconfig)) await sleep(pollMs, undefined, { signal: until });
  };
  await waitUntilReady({ program, name: 'the control plane', log }, hasCertificates, signal);
  const content = (name: string): string => readFileSync(path.join(folder, 'pki', name), 'utf8');
  return {
    program,
    server: {
      url: `https://${address}:${apiPort}`,
      ca: content('ca.crt'),
      cert: content('admin.crt'),
      key: content('admin.key'),
      kubeconfig,
    },
  };
}

function spawnControlPlane(command: readonly string[], folder: string, log: string): ChildProcess {
  const out = openSync(log, 'a', 0o666);
  try {
    const program = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: ['ignore', out, out],
    });
    // The event `exit` already reports the end of the program.
    program.on('error', () => {});
    return program;
  } finally {
    closeSync(out);
  }
}

const readyPollMs = 20;

/** The two excluded steps begin with a wait of a second, and make what the prepared data has already. */
const readyPath =
  '/readyz?exclude=poststarthook/rbac/bootstrap-roles' +
  '&exclude=poststarthook/scheduling/bootstrap-system-priority-classes';

/** Waits until an API server is ready for requests. */
export async function controlPlaneReady(server: ApiServer, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    if (await isReady(server, signal)) return;
    await sleep(readyPollMs, undefined, { signal });
  }
}

function isReady({ url, ca, cert, key }: ApiServer, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  request(`${url}${readyPath}`, { ca, cert, key, agent: false, signal }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  })
    .on('error', () => resolve(false))
    .end();
  return promise;
}

/** Returns a kubeconfig that needs no other files, for an API server that is reachable at a URL. */
export function kubeconfigFor({ ca, cert, key }: ApiServer, url: string): string {
  return kubeconfig(url, ca, { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) });
}

/**
 * Writes a kubeconfig for a program of a pod, with the token of its service account.
 *
 * @param tokenFile path of the file with the token, which the node renews
 */
export function writeTokenKubeconfig(file: string, { url, ca }: ApiServer, tokenFile: string): void {
  writeFileSync(file, kubeconfig(url, ca, { tokenFile }));
}

/** @param user fields with which the user authenticates */
function kubeconfig(server: string, ca: string, user: Readonly<Record<string, string>>): string {
  const name = 'meshmock';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}

function base64(pem: string): string {
  return Buffer.from(pem).toString('base64');
}
