import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';

/** Folder with the names of network namespaces (ip-netns(8)). */
export const namespacesFolder = '/run/netns';

export interface RunOptions {
  /** Text for the program's standard input. */
  readonly input?: string;
  /** Environment of the program; that of this process if not given. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/**
 * Runs a program to its end and returns its standard output.
 *
 * @throws MeshmockError `machine` with its standard error if the program fails
 * @example await runProgram('ip', ['netns', 'list'], { signal })
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  { input = '', env, signal }: RunOptions,
): Promise<string> {
  const child = spawn(file, args, { signal, stdio: ['pipe', 'pipe', 'pipe'], ...optional('env', env) });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await once(child, 'close')) as [number | null];
  const [stdout, stderr] = await outputs;
  if (code === 0) return stdout;
  throw new MeshmockError('machine', `${[file, ...args].join(' ')} failed: ${stderr.trim() || `exit code ${code}`}`);
}

/** Settings of a program that runs in a pod. */
export interface PodProcess {
  /** Network namespace of the pod. */
  readonly namespace: string;
  /** Folder with the files that the program sees as /etc/resolv.conf and /etc/hosts. */
  readonly etc?: string;
  readonly uid?: number;
  readonly cwd?: string;
  readonly env: NodeJS.ProcessEnv;
  /** Path of the file that receives standard output and standard error. */
  readonly log: string;
  /** True to open Node's message channel to the program. */
  readonly ipc?: true;
}

/** Returns the command line that runs a command in a pod's network namespace, with the pod's own files in /etc. */
export function podCommand(
  { namespace, etc }: Pick<PodProcess, 'namespace' | 'etc'>,
  command: readonly string[],
): string[] {
  const inside = ['nsenter', `--net=${namespacesFolder}/${namespace}`, ...command];
  if (etc === undefined) return inside;
  const mounts = ['resolv.conf', 'hosts'].map((name) => `mount --bind "$0/${name}" /etc/${name}`);
  return ['unshare', '--mount', 'sh', '-c', `${mounts.join(' && ')} && exec "$@"`, etc, ...inside];
}

/** Kills everything that a program in a pod has started, such as the Envoy of a pilot-agent that was killed. */
export function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Starts a program in a pod's network namespace. It is killed when this process ends. */
export function spawnInPod(file: string, args: readonly string[], options: PodProcess): ChildProcess {
  const { uid, cwd, env, log, ipc } = options;
  const asUser = uid === undefined ? [] : ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  const command = podCommand(options, ['setpriv', ...asUser, '--pdeathsig', 'KILL', file, ...args]);
  const out = openSync(log, 'a', 0o644);
  try {
    const [program = '', ...rest] = command;
    const child = spawn(program, rest, {
      env,
      ...optional('cwd', cwd),
      stdio: ['ignore', out, out, ...(ipc ? (['ipc'] as const) : [])],
      // A group of its own, so that what the program has started can be ended with it.
      detached: true,
    });
    // The event `exit` already reports the end of the program.
    child.on('error', () => {});
    return child;
  } finally {
    closeSync(out);
  }
}
