import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import type { NodeOptions } from './messages.ts';
import { apiUrl, filesOf, nodeAddress, nodeName, podRange, serviceRange } from './node-files.ts';

/** The folders of what a node is made of. */
export interface ClusterTools {
  readonly kube: string;
  readonly coredns: string;
  readonly containerd: string;
  readonly etcd: string;
  readonly kubectl: string;
}

/** What PATH is in a node: its programs are found by their names. */
export function nodePath({ kube, containerd, etcd, kubectl }: ClusterTools): string {
  const folders = [kube, ...['usr/bin', 'usr/sbin'].map((name) => path.join(containerd, name))];
  return [...folders, path.join(etcd, 'usr/bin'), path.join(kubectl, 'bin'), process.env.PATH].join(path.delimiter);
}

/** A program of a node that has been started. */
export interface NodeProgram {
  readonly name: string;
  readonly program: ChildProcess;
  readonly log: string;
}

/** Starts a program of a node, with what it prints in a file of its own. */
export function startNodeProgram(folder: string, name: string, args: readonly string[]): NodeProgram {
  const log = filesOf(folder).log(name);
  const out = openSync(log, 'a');
  const [file = '', ...rest] = args;
  const program = spawn(file, rest, { stdio: ['ignore', out, out] });
  closeSync(out);
  // That it ended is what counts, and its exit tells that.
  program.on('error', () => {});
  return { name, program, log };
}

const etcdUrl = 'http://127.0.0.1:2379';

/** The command of etcd; what it keeps is in memory. */
export function etcdCommand(): string[] {
  const peer = 'http://127.0.0.1:2380';
  return [
    ...['etcd', '--data-dir', '/run/etcd', '--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
  ];
}

/** The command of the container runtime. */
export function containerdCommand(folder: string): string[] {
  return ['containerd', '--config', filesOf(folder).containerd];
}

/** The command of the API server. */
export function apiServerCommand(folder: string): string[] {
  const { certificate, key, tokens, made } = filesOf(folder);
  return [
    ...['kube', 'kube-apiserver', '--etcd-servers', etcdUrl, '--advertise-address', nodeAddress],
    ...['--secure-port', new URL(apiUrl).port, '--cert-dir', made],
    ...['--tls-cert-file', certificate, '--tls-private-key-file', key, '--token-auth-file', tokens],
    ...['--kubelet-client-certificate', certificate, '--kubelet-client-key', key],
    ...['--kubelet-preferred-address-types', 'InternalIP', '--service-cluster-ip-range', serviceRange],
    ...['--authorization-mode', 'Node,RBAC', '--enable-admission-plugins', 'NodeRestriction'],
    ...['--service-account-issuer', 'https://kubernetes.default.svc.cluster.local'],
    ...['--service-account-key-file', certificate, '--service-account-signing-key-file', key],
  ];
}

/** The commands of what asks the API server, by their names: to be started once it answers. */
export function apiClientCommands({ folder, zone }: NodeOptions): ReadonlyMap<string, string[]> {
  const { certificate, key, kubeconfig, made, kubelet, proxy } = filesOf(folder);
  const as = (user: 'controllers' | 'scheduler'): string[] =>
    ['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].flatMap((flag) => [
      `--${flag}`,
      kubeconfig(user),
    ]);
  return new Map([
    [
      'kube-controller-manager',
      [
        ...[
          'kube',
          'kube-controller-manager',
          ...as('controllers'),
          '--leader-elect=false',
          '--cluster-cidr',
          podRange,
        ],
        ...['--service-account-private-key-file', key, '--use-service-account-credentials'],
        ...['--kube-api-qps', '500', '--kube-api-burst', '1000'],
        ...['--root-ca-file', certificate, '--cluster-signing-cert-file', certificate],
        ...['--cluster-signing-key-file', key, '--flex-volume-plugin-dir', `${made}/volume-plugins`],
      ],
    ],
    ['kube-scheduler', ['kube', 'kube-scheduler', ...as('scheduler'), '--leader-elect=false']],
    [
      'kubelet',
      [
        ...['kube', 'kubelet', '--config', kubelet, '--kubeconfig', kubeconfig('kubelet'), '--node-ip', nodeAddress],
        ...['--hostname-override', nodeName, '--cert-dir', made, '--root-dir', path.join(folder, 'kubelet')],
        ...['--node-labels', `topology.kubernetes.io/zone=${zone}`],
      ],
    ],
    ['kube-proxy', ['kube', 'kube-proxy', '--config', proxy]],
  ]);
}
