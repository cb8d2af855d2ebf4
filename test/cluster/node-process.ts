import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesOf } from './node-files.ts';

/**
 * Shell script that runs a node, and removes its cgroups and its folder when it has ended. Processes may leave the
 * cgroups a moment later, so the script retries. It has its own session, so no signal for a process group ends it.
 */
const removeAfterwards = `
unshare "$@"
for try in 1 2 3 4 5 6 7 8 9 10; do
  find /sys/fs/cgroup -depth -type d -path "*/\${0##*/}*" -exec rmdir {} + 2> /dev/null && break
  sleep 0.1
done
rm -rf "$0"
`;

/**
 * Starts the process of a node as the first process of its own namespaces.
 *
 * @param env environment of the node's programs
 */
export function spawnNode(folder: string, env: Readonly<Record<string, string>>): ChildProcess {
  const main = fileURLToPath(new URL('node.ts', import.meta.url));
  const namespaces = ['--net', '--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child=KILL', '--mount-proc'];
  // The first process of a namespace must reap orphans. Node reaps only its own children, but a shell reaps all.
  const init = ['sh', '-c', '"$@"; exit $?', 'sh', process.execPath, main];
  const log = filesOf(folder).log('node');
  mkdirSync(path.dirname(log));
  const out = openSync(log, 'a');
  const child = spawn('sh', ['-c', removeAfterwards, folder, ...namespaces, ...init], {
    detached: true,
    stdio: ['ignore', out, out, 'ipc'],
    env: { ...process.env, ...env },
  });
  closeSync(out);
  return child;
}

/** Returns the process id, on this machine, of the first process in a node's namespaces. */
export function firstProcessOf(node: ChildProcess): number {
  // It is the child of `unshare`, which is the child of the shell script.
  return onlyChildOf(onlyChildOf(node.pid as number));
}

function onlyChildOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
}
