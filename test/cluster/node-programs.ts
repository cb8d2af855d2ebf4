import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { apiUrl, filesOf, nodeAddress, nodeName, podRange, serviceRange } from './node-files.ts';
import type { ClusterTools, NodeOptions } from './node-options.ts';

/** Returns the PATH of a node, with the folders of its programs. */
export function nodePath({ kube, containerd, etcd, kubectl }: ClusterTools): string {
  const folders = [kube, ...['usr/bin', 'usr/sbin'].map((name) => path.join(containerd, name))];
  return [...folders, path.join(etcd, 'usr/bin'), path.join(kubectl, 'bin'), process.env.PATH].join(path.delimiter);
}

/** Started program of a node. */
export interface NodeProgram {
  readonly name: string;
  readonly program: ChildProcess;
  readonly log: string;
}

/** Starts a program of a node with its own log file. */
export function startNodeProgram(folder: string, name: string, args: readonly string[]): NodeProgram {
  const log = filesOf(folder).log(name);
  const out = openSync(log, 'a');
  const [file = '', ...rest] = args;
  const program = spawn(file, rest, { stdio: ['ignore', out, out] });
  closeSync(out);
  // The event `exit` already reports the end of the program.
  program.on('error', () => {});
  return { name, program, log };
}

const etcdUrl = 'http://127.0.0.1:2379';

/** Returns the command of etcd, with its data in memory. */
export function etcdCommand(): string[] {
  const peer = 'http://127.0.0.1:2380';
  return [
    'etcd',
    '--data-dir=/run/etcd',
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
  ];
}

/** Returns the command of the container runtime. */
export function containerdCommand(folder: string): string[] {
  return ['containerd', '--config', filesOf(folder).containerd];
}

/** Returns the command of the API server. */
export function apiServerCommand(folder: string): string[] {
  const { certificate, key, tokens, created } = filesOf(folder);
  return [
    'kube',
    'kube-apiserver',
    `--etcd-servers=${etcdUrl}`,
    `--advertise-address=${nodeAddress}`,
    `--secure-port=${new URL(apiUrl).port}`,
    `--cert-dir=${created}`,
    `--tls-cert-file=${certificate}`,
    `--tls-private-key-file=${key}`,
    `--token-auth-file=${tokens}`,
    `--kubelet-client-certificate=${certificate}`,
    `--kubelet-client-key=${key}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--service-cluster-ip-range=${serviceRange}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${certificate}`,
    `--service-account-signing-key-file=${key}`,
  ];
}

/** Returns the commands of the API server's clients, by name. They are started once the API server answers. */
export function apiClientCommands({ folder, zone }: NodeOptions): ReadonlyMap<string, string[]> {
  const { certificate, key, kubeconfig, created, kubelet, proxy } = filesOf(folder);
  const kubeconfigFlags = (user: 'controllers' | 'scheduler'): string[] =>
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
          ...kubeconfigFlags('controllers'),
          '--leader-elect=false',
          `--cluster-cidr=${podRange}`,
        ],
        `--service-account-private-key-file=${key}`,
        '--use-service-account-credentials',
        '--kube-api-qps=500',
        '--kube-api-burst=1000',
        `--root-ca-file=${certificate}`,
        `--cluster-signing-cert-file=${certificate}`,
        `--cluster-signing-key-file=${key}`,
        `--flex-volume-plugin-dir=${created}/volume-plugins`,
      ],
    ],
    ['kube-scheduler', ['kube', 'kube-scheduler', ...kubeconfigFlags('scheduler'), '--leader-elect=false']],
    [
      'kubelet',
      [
        'kube',
        'kubelet',
        `--config=${kubelet}`,
        `--kubeconfig=${kubeconfig('kubelet')}`,
        `--node-ip=${nodeAddress}`,
        `--hostname-override=${nodeName}`,
        `--cert-dir=${created}`,
        `--root-dir=${path.join(folder, 'kubelet')}`,
        `--node-labels=topology.kubernetes.io/zone=${zone}`,
      ],
    ],
    ['kube-proxy', ['kube', 'kube-proxy', '--config', proxy]],
  ]);
}
