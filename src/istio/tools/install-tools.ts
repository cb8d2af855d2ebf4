import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readdirSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { packageFile } from '../../package/package-files.ts';
import { systemPath } from '../process/user-namespace.ts';

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
  const folders = await runScript(script, names, signal);
  if (folders !== undefined) return folders as Record<Name, string>;
  throw new MeshmockError('machine', `${names.join(', ')} could not be installed: see the messages above`);
}

/** Returns the folder that each tool has in the cache when it is installed. */
export async function toolFolders<Name extends string>(
  names: readonly Name[],
  signal: AbortSignal,
): Promise<Record<Name, string>> {
  const folders = await runScript(ownScript, ['--folders', ...names], signal);
  if (folders !== undefined) return folders as Record<Name, string>;
  throw new MeshmockError('machine', 'the cache of tools cannot be read: see the messages above');
}

/** Runs a script that prints NAME=FOLDER. Returns the folders by name, or undefined if it fails. */
async function runScript(
  script: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>> | undefined> {
  // The script gets its own process group, so that its compilers end with it.
  const child = spawn(script, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env: { ...process.env, PATH: systemPath() },
  });
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  };
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  const output = text(child.stdout);
  const [code] = (await once(child, 'close')) as [number | null];
  signal.removeEventListener('abort', end);
  signal.throwIfAborted();
  if (code !== 0) return undefined;
  const lines = (await output).trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.split('=') as [string, string]));
}

/**
 * Installs everything that a local mesh needs.
 *
 * @throws MeshmockError `machine` if a tool cannot be installed, or this user may not read it
 */
export async function installMeshTools(signal: AbortSignal): Promise<InstalledTools> {
  const { istio, envoy, jaeger, kube, istioctl, cluster } = await installTools(
    ['istio', 'envoy', 'jaeger', 'kube', 'istioctl', 'cluster'],
    signal,
  );
  const tools = {
    istiod: path.join(istio, 'pilot-discovery'),
    pilotAgent: path.join(istio, 'pilot-agent'),
    bootstrapTemplate: path.join(istio, 'envoy_bootstrap.json'),
    envoy: path.join(envoy, 'envoy'),
    jaeger: path.join(jaeger, 'jaeger'),
    kube: path.join(kube, 'kube'),
    istioctl: path.join(istioctl, 'istioctl'),
    data: cluster,
  };
  const { data, bootstrapTemplate, ...programs } = tools;
  checkReadable([bootstrapTemplate, ...filesIn(data)], constants.R_OK);
  checkReadable(Object.values(programs), constants.R_OK | constants.X_OK);
  return tools;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder).map((name) => path.join(folder, name));
}

/**
 * Checks that this user may read the files of tools. Tools that another user has installed or copied are often private.
 *
 * @param mode access that is needed, of `constants` of `node:fs`
 * @throws MeshmockError `machine` that says what to do
 */
export function checkReadable(files: readonly string[], mode: number): void {
  for (const file of files)
    try {
      accessSync(file, mode);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
      const cache = path.dirname(path.dirname(file));
      throw new MeshmockError(
        'machine',
        `${file}: this user may not read it: run "chmod -R a+rX ${cache}" as the owner of these tools`,
      );
    }
}
