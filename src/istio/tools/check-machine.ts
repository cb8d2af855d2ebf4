import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { isRootless, namespaceCommand, systemPath } from '../process/user-namespace.ts';
import { readUserNamespaceFacts, userNamespaceProblems } from './user-namespace-problems.ts';

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

/** Programs that give a user namespace more than one user. */
const rootlessPrograms = ['newuidmap', 'newgidmap'].map((name) => ({ name, package: 'uidmap' }));

const otherWays = 'Or run it with sudo, or in the image of the local mesh.';

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
  const needed = isRootless() ? [...systemPrograms, ...rootlessPrograms] : systemPrograms;
  const missing = needed.filter(({ name }) => !isOnPath(name));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((one) => one.package))];
    throw new MeshmockError(
      'machine',
      `this machine lacks ${missing.map(({ name }) => name).join(', ')}: on Debian or Ubuntu, apt-get install ${packages.join(' ')}${missing.some(({ package: one }) => one === 'uidmap') ? `\n${otherWays}` : ''}`,
    );
  }
  if (isRootless()) checkUserNamespace();
}

/** Rules like those of a pod, which fail without the modules of the kernel. */
const probeRules = `*nat
-A OUTPUT -p tcp -m owner --uid-owner 1337 -j RETURN
-A OUTPUT -p tcp -j REDIRECT --to-ports 15001
COMMIT
`;
/** A mount, a link between namespaces and rules: the parts of a mesh that a machine may forbid. */
const probe = 'mount -t tmpfs tmpfs /run && ip link add type veth && exec iptables-restore';
/** Ends the whole group of a command with it: an unshare that fails may leave a process that waits for ever. */
const endGroup = '"$@"; code=$?; trap "" TERM; kill -TERM 0; exit $code';
const probeTimeoutMs = 20_000;

let isChecked = false;

/**
 * Tries what a mesh of a user without root needs.
 *
 * @throws MeshmockError `machine` with the setting of the machine that forbids it
 */
function checkUserNamespace(): void {
  if (isChecked) return;
  const command = [...namespaceCommand(), 'sh', '-c', probe];
  const { status, stderr, error } = spawnSync('setsid', ['--wait', 'sh', '-c', endGroup, 'sh', ...command], {
    input: probeRules,
    encoding: 'utf8',
    timeout: probeTimeoutMs,
    env: { ...process.env, PATH: systemPath() },
  });
  isChecked = status === 0;
  if (isChecked) return;
  const problems = userNamespaceProblems(readUserNamespaceFacts(), stderr?.trim() || (error?.message ?? ''));
  throw new MeshmockError(
    'machine',
    `without root, a local mesh needs a user namespace, and this machine does not allow one:\n${problems.map((problem) => `- ${problem}`).join('\n')}\n${otherWays}`,
  );
}

function isOnPath(name: string): boolean {
  return systemPath()
    .split(path.delimiter)
    .some((folder) => {
      try {
        accessSync(path.join(folder, name), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
