import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { packageFile } from '../../package/package-files.ts';

/** Paths of the programs and files that a local mesh needs. */
export interface InstalledTools {
  readonly istiod: string;
  readonly pilotAgent: string;
  readonly envoy: string;
  readonly jaeger: string;
  readonly bootstrapTemplate: string;
  /** Program with etcd, the API server and its controllers. */
  readonly kube: string;
  readonly istioctl: string;
  /** Folder with the prepared data of a control plane, and with Istio's installation in it. */
  readonly data: string;
}

/** Programs of the system, each with its package on Debian and Ubuntu. */
const systemPrograms: readonly { readonly name: string; readonly package: string }[] = [
  { name: 'ip', package: 'iproute2' },
  { name: 'iptables-restore', package: 'iptables' },
  { name: 'nsenter', package: 'util-linux' },
  { name: 'unshare', package: 'util-linux' },
  { name: 'setpriv', package: 'util-linux' },
  { name: 'flock', package: 'util-linux' },
  { name: 'mount', package: 'mount' },
];

/**
 * Checks that this machine can run a local mesh.
 *
 * @throws MeshmockError `machine` with everything that is missing, and how to get it
 */
export function checkMachine(): void {
  if (process.platform !== 'linux')
    throw new MeshmockError(
      'machine',
      `a local mesh needs the network namespaces of Linux, but this machine runs ${process.platform}: use a virtual machine or a privileged container`,
    );
  const missing = systemPrograms.filter(({ name }) => !isOnPath(name));
  const packages = [...new Set(missing.map((one) => one.package))];
  const problems = [
    ...(process.getuid?.() === 0 ? [] : ['root, for network namespaces and iptables: run it with sudo']),
    ...(missing.length === 0
      ? []
      : [`${missing.map(({ name }) => name).join(', ')}: on Debian or Ubuntu, apt-get install ${packages.join(' ')}`]),
  ];
  if (problems.length > 0) throw new MeshmockError('machine', `this machine lacks ${problems.join('\nand ')}`);
}

function isOnPath(name: string): boolean {
  return (process.env.PATH ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const ownScript = packageFile('src/istio/tools/install.sh');

/**
 * Installs tools that are not in the cache yet, with progress on standard error.
 *
 * @param script path of the script that installs the tools
 * @returns the folder of each tool
 * @throws MeshmockError `machine` if a tool cannot be installed
 * @example const { envoy } = await installTools(['envoy'], signal);
 */
export async function installTools<Name extends string>(
  names: readonly Name[],
  signal: AbortSignal,
  script = ownScript,
): Promise<Record<Name, string>> {
  // The script gets its own process group, so that its compilers end with it.
  const child = spawn(script, names, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  };
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  const output = text(child.stdout);
  const [code] = (await once(child, 'close')) as [number | null];
  signal.removeEventListener('abort', end);
  signal.throwIfAborted();
  if (code !== 0)
    throw new MeshmockError('machine', `${names.join(', ')} could not be installed: see the messages above`);
  const folders = (await output)
    .trim()
    .split('\n')
    .map((line) => line.split('=') as [Name, string]);
  return Object.fromEntries(folders) as Record<Name, string>;
}

/** Installs everything that a local mesh needs. */
export async function installMeshTools(signal: AbortSignal): Promise<InstalledTools> {
  const { istio, envoy, jaeger, kube, istioctl, cluster } = await installTools(
    ['istio', 'envoy', 'jaeger', 'kube', 'istioctl', 'cluster'],
    signal,
  );
  return {
    istiod: path.join(istio, 'pilot-discovery'),
    pilotAgent: path.join(istio, 'pilot-agent'),
    bootstrapTemplate: path.join(istio, 'envoy_bootstrap.json'),
    envoy: path.join(envoy, 'envoy'),
    jaeger: path.join(jaeger, 'jaeger'),
    kube: path.join(kube, 'kube'),
    istioctl: path.join(istioctl, 'istioctl'),
    data: cluster,
  };
}
