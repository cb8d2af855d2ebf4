import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
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
   * Node, if there is one. The program is then also what a node has: kube-proxy, CoreDNS with the hosts of
   * `writeExternalHosts`, and at `kubeletPort` the kubelet's API for kubectl's logs, exec, attach and port-forward.
   */
  readonly node?: ControlledNode;
  /** Path of the file that receives the output. */
  readonly log: string;
}

/** Node of a control plane. */
export interface ControlledNode {
  /** Path of a Unix socket, at which the node says where its containers are. See `ContainerPlace`. */
  readonly socket: string;
  /** IPv4 address of the name server that the machine of the node has. It knows no names of the cluster. */
  readonly resolverAddress: string;
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

const pollMs = 10;

/**
 * Starts a control plane in the current network namespace, and waits until it is ready for requests. It is killed when
 * this process ends.
 *
 * @throws MeshmockError `unavailable` with the end of the log if the program ends
 * @example const { server } = await startControlPlane({ kube, data, folder, address: '10.77.0.1', log }, signal);
 */
export async function startControlPlane(options: ControlPlaneOptions, signal: AbortSignal): Promise<ControlPlane> {
  const { kube, data, folder, address, node, log } = options;
  mkdirSync(folder, { recursive: true });
  const flags = ['--folder', folder, '--data', path.join(data, 'etcd.db'), '--address', address];
  if (node !== undefined) flags.push('--node-socket', node.socket, '--resolver-address', node.resolverAddress);
  const program = spawnControlPlane([kube, 'control-plane', ...flags], folder, log);
  // The program adds this file when the API server is ready.
  const file = path.join(folder, 'kubeconfig');
  const ready = async (until: AbortSignal): Promise<void> => {
    while (!existsSync(file)) await sleep(pollMs, undefined, { signal: until });
  };
  await waitUntilReady({ program, name: 'the control plane', log }, ready, signal);
  const applySocket = path.join(folder, 'apply.sock');
  return { program, server: { ...readKubeconfig(file), kubeconfig: file, applySocket } };
}

function readKubeconfig(file: string): Omit<ApiServer, 'applySocket'> {
  const {
    clusters: [{ cluster }],
    users: [{ user }],
  } = parse(readFileSync(file, 'utf8')) as {
    clusters: [{ cluster: Fields & { readonly server: string } }];
    users: [{ user: Fields }];
  };
  return {
    url: cluster.server,
    ca: pem(cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data']),
  };
}

type Fields = Readonly<Record<string, string>>;

function pem(base64Text = ''): string {
  return Buffer.from(base64Text, 'base64').toString();
}

/**
 * Settings of Go's garbage collector. The start of the API server makes much garbage: with the default, a sixth of its
 * processor time is collection, and the memory is the same.
 */
const garbageCollection = { GOGC: '400', GOMEMLIMIT: '800MiB' };

function spawnControlPlane(command: readonly string[], folder: string, log: string): ChildProcess {
  const out = openSync(log, 'a', 0o644);
  try {
    const program = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, ...garbageCollection },
      stdio: ['ignore', out, out],
    });
    // The event `exit` already reports the end of the program.
    program.on('error', () => {});
    return program;
  } finally {
    closeSync(out);
  }
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
