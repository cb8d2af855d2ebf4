import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { MeshmockError } from '../error/meshmock-error.ts';

/** Where the real programs lie that a bed is made of. */
export interface InstalledTools {
  readonly istiod: string;
  readonly pilotAgent: string;
  readonly envoy: string;
  readonly jaeger: string;
  readonly bootstrapTemplate: string;
  /** Folders with `istio-crds.yaml` and `gateway-api-crds.yaml`, and with Kubernetes's definitions. */
  readonly crds: string;
  readonly kubernetes: string;
}

const programs: readonly { readonly name: string; readonly from: string }[] = [
  { name: 'ip', from: 'iproute2' },
  { name: 'iptables-restore', from: 'iptables' },
  { name: 'nsenter', from: 'util-linux' },
  { name: 'unshare', from: 'util-linux' },
  { name: 'setpriv', from: 'util-linux' },
  { name: 'mount', from: 'mount' },
  { name: 'openssl', from: 'openssl' },
];

/**
 * Checks that this machine can run a bed.
 *
 * @throws MeshmockError `machine` that says all that is missing and how to get it
 */
export function checkMachine(): void {
  if (process.platform !== 'linux')
    throw new MeshmockError(
      'machine',
      `a mesh needs Linux's network namespaces, and this is ${process.platform}: run it in a virtual machine or a privileged container`,
    );
  const missing = programs.filter(({ name }) => !isOnPath(name));
  const problems = [
    ...(process.getuid?.() === 0 ? [] : ['root, for network namespaces and iptables: run it with sudo']),
    ...(missing.length === 0
      ? []
      : [
          `${missing.map(({ name }) => name).join(', ')}: on Debian or Ubuntu, apt-get install ${[...new Set(missing.map(({ from }) => from))].join(' ')}`,
        ]),
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

const ownScript = new URL('../../src/istio/tools/install.sh', import.meta.url);

/**
 * Gives the folders of tools, built first where they are not in the cache; what that does is shown on standard error.
 *
 * @param script which knows how to get them
 * @throws MeshmockError `machine` when one cannot be had
 */
export async function installTools<Name extends string>(
  names: readonly Name[],
  signal: AbortSignal,
  script = ownScript,
): Promise<Record<Name, string>> {
  // A group of its own: compilers that the script has started are to end with it.
  const child = spawn(fileURLToPath(script), names, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  };
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  const output = text(child.stdout);
  const [code] = (await once(child, 'close')) as [number | null];
  signal.removeEventListener('abort', end);
  signal.throwIfAborted();
  if (code !== 0) throw new MeshmockError('machine', `${names.join(', ')} cannot be had: what is missing stands above`);
  const folders = (await output)
    .trim()
    .split('\n')
    .map((line) => line.split('=') as [Name, string]);
  return Object.fromEntries(folders) as Record<Name, string>;
}

/** All that a bed needs. */
export async function installMeshTools(signal: AbortSignal): Promise<InstalledTools> {
  const { istio, envoy, jaeger, kubernetes } = await installTools(['istio', 'envoy', 'jaeger', 'kubernetes'], signal);
  return {
    istiod: path.join(istio, 'pilot-discovery'),
    pilotAgent: path.join(istio, 'pilot-agent'),
    bootstrapTemplate: path.join(istio, 'envoy_bootstrap.json'),
    envoy: path.join(envoy, 'envoy'),
    jaeger: path.join(jaeger, 'jaeger'),
    crds: istio,
    kubernetes,
  };
}
