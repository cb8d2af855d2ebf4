/**
 * Starts a control plane in the namespaces of this process, and prints what its API contains as JSON.
 * Arguments: the tools of the control plane and the path of kubectl, as JSON.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { kubeconfigFor, startControlPlane } from '../../../src/istio/control-plane/control-plane.ts';
import { runProgram } from '../../../src/istio/process/program.ts';
import { type Exercised, exerciseKubelet } from './kubelet.ts';

/** Input of this script. */
export interface Input {
  readonly kube: string;
  readonly data: string;
  readonly kubectl: string;
}

/** Output of this script. */
export interface Output {
  readonly readyMs: number;
  readonly residentMb: number;
  /** Names as `kubectl get -o name` prints them. */
  readonly names: readonly string[];
  readonly podsOfIstiod: readonly string[];
  readonly endpoints: string;
  readonly kubelet: Exercised;
}

const { kube, data, kubectl } = JSON.parse(process.argv[2] ?? '') as Input;
const signal = AbortSignal.timeout(60_000);
const address = '10.77.0.1';
const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-control-plane-'));

await runProgram('ip', ['link', 'set', 'lo', 'up'], { signal });
await runProgram('ip', ['address', 'add', `${address}/16`, 'dev', 'lo'], { signal });
const startedAt = performance.now();
const log = path.join(folder, 'log');
const nodeSocket = path.join(folder, 'node.sock');
const node = { socket: nodeSocket, resolverAddress: '10.77.0.4' };
const { program, server } = await startControlPlane(
  { kube, data, folder: path.join(folder, 'plane'), address, node, log },
  signal,
);
const readyMs = Math.round(performance.now() - startedAt);

const kubeconfig = path.join(folder, 'kubeconfig');
writeFileSync(kubeconfig, kubeconfigFor(server, server.url));
const get = (...args: string[]): Promise<string> =>
  runProgram(kubectl, ['--kubeconfig', kubeconfig, '--cache-dir', path.join(folder, 'cache'), ...args], { signal });
const lines = async (...args: string[]): Promise<string[]> => (await get(...args)).trim().split('\n');
// The authority of this run comes from the controllers.
await get('wait', '--for=create', 'configmap/kube-root-ca.crt', '--timeout=20s');
const output: Output = {
  readyMs,
  residentMb: Math.round(
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1]) / 1024,
  ),
  names: await lines(
    'get',
    'namespaces,crd,deployments,services,serviceaccounts,configmaps,mutatingwebhookconfigurations',
    '-A',
    '-o',
    'name',
  ),
  podsOfIstiod: await lines('-n', 'istio-system', 'get', 'pods', '-l', 'app=istiod', '-o', 'name'),
  endpoints: await get('get', 'endpointslice', 'kubernetes', '-o', 'jsonpath={.endpoints[0].addresses[0]}'),
  kubelet: await exerciseKubelet(
    { folder, nodeSocket, kubectl: [kubectl, '--kubeconfig', kubeconfig], address },
    signal,
  ),
};
process.stdout.write(JSON.stringify(output));
program.kill('SIGKILL');
rmSync(folder, { recursive: true });
