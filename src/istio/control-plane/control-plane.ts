import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiServer } from '../kube-api/api-server.ts';
import { KubeClient } from '../kube-api/kube-client.ts';

export interface ControlPlane {
  readonly program: ChildProcess;
  readonly log: string;
  server(): ApiServer;
}

export function startControlPlane({ folder, data, address, log }: { folder: string; data: string; address: string; log: string }): ControlPlane {
  const out = openSync(log, 'a');
  const program = spawn('bash', ['/tmp/i15/start.sh', folder, data, address], { stdio: ['ignore', out, out] });
  const pki = (name: string): string => readFileSync(path.join(folder, 'pki', name), 'utf8');
  return { program, log, server: () => ({ url: `https://${address}:6443`, ca: pki('ca.crt'), cert: pki('admin.crt'), key: pki('admin.key') }) };
}

export async function controlPlaneReady(plane: ControlPlane, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await using client = new KubeClient(plane.server());
      await client.discover(signal);
      return;
    } catch {
      await sleep(30, undefined, { signal });
    }
  }
}

export function kubeconfigWithToken(plane: ControlPlane, folder: string, tokenFile: string): string {
  const { url, ca } = plane.server();
  const file = path.join(folder, 'istiod.kubeconfig');
  const config = {
    apiVersion: 'v1', kind: 'Config',
    clusters: [{ name: 'mesh', cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'istiod', user: { tokenFile } }],
    contexts: [{ name: 'mesh', context: { cluster: 'mesh', user: 'istiod' } }],
    'current-context': 'mesh',
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}
