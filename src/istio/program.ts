import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { MeshmockError } from '../error/meshmock-error.ts';

/** Where the system keeps names of network namespaces (ip-netns(8)). */
export const namespacesFolder = '/run/netns';

export interface RunOptions {
  /** For its standard input. */
  readonly input?: string;
  readonly signal: AbortSignal;
}

/**
 * Runs a program to its end and gives what it printed.
 *
 * @throws MeshmockError `machine` with what it wrote to standard error, when it fails
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  { input = '', signal }: RunOptions,
): Promise<string> {
  const child = spawn(file, args, { signal, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await once(child, 'close')) as [number | null];
  const [stdout, stderr] = await outputs;
  if (code === 0) return stdout;
  throw new MeshmockError('machine', `${[file, ...args].join(' ')} failed: ${stderr.trim() || `exit code ${code}`}`);
}

/** Where and as whom a program of a pod runs. */
export interface PodProcess {
  /** The network namespace. */
  readonly namespace: string;
  /** Stands in the place of /etc/resolv.conf. */
  readonly resolvConf?: string;
  readonly uid?: number;
  readonly cwd?: string;
  readonly env: NodeJS.ProcessEnv;
  /** Gets standard output and error. */
  readonly log: string;
  /** With a channel for messages, as between two Node processes. */
  readonly ipc?: true;
}

/** The command that runs a command in the network namespace of a pod, with a resolv.conf that it alone sees. */
export function inPod(
  { namespace, resolvConf }: Pick<PodProcess, 'namespace' | 'resolvConf'>,
  command: readonly string[],
): string[] {
  const inside = ['nsenter', `--net=${namespacesFolder}/${namespace}`, ...command];
  if (resolvConf === undefined) return inside;
  return ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolvConf, ...inside];
}

/** Starts a program in the network namespace of a pod; it is killed with this process. */
export function spawnInPod(file: string, args: readonly string[], options: PodProcess): ChildProcess {
  const { uid, cwd, env, log, ipc } = options;
  const asUser = uid === undefined ? [] : ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  const command = inPod(options, ['setpriv', ...asUser, '--pdeathsig', 'KILL', file, ...args]);
  const out = openSync(log, 'a', 0o666);
  try {
    const [program = '', ...rest] = command;
    const child = spawn(program, rest, {
      env,
      ...(cwd === undefined ? {} : { cwd }),
      stdio: ['ignore', out, out, ...(ipc ? (['ipc'] as const) : [])],
    });
    // That it ended is what counts, and its exit tells that.
    child.on('error', () => {});
    return child;
  } finally {
    closeSync(out);
  }
}
