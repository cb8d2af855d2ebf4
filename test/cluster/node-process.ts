import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesOf } from './node-files.ts';

/**
 * What remains of a node is removed by a process outside of it, when it has ended: its cgroups, which may be left by
 * processes a moment later, and its folder. It has a session of its own: no signal for a group ends it before.
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
 * Starts the process that becomes a node, as the first one of its own namespaces.
 *
 * @param env what its programs find in their environment
 */
export function spawnNode(folder: string, env: Readonly<Record<string, string>>): ChildProcess {
  const main = fileURLToPath(new URL('node.ts', import.meta.url));
  const namespaces = ['--net', '--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child=KILL', '--mount-proc'];
  // The first process gets every orphan there, and Node waits for none but its own children: a shell does.
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

/** The first process of a node's namespaces, as this machine sees it. */
export function firstProcessOf(node: ChildProcess): number {
  // It is below `unshare`, which is below the one that removes what remains.
  return onlyChildOf(onlyChildOf(node.pid as number));
}

function onlyChildOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
}
