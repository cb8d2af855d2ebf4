import { spawnSync } from 'node:child_process';

const variable = 'MESHMOCK_TEST_INSIDE';

/**
 * Runs a test file again in network, mount and process namespaces of its own, where no packet leaves the machine and no
 * process outlives the file. Its results go to the same test runner.
 *
 * @returns true inside of the namespaces
 */
export function isInNamespaces(): boolean {
  if (process.env[variable] === process.argv[1]) return true;
  const unshare = ['-n', '-m', '-p', '-f', '--mount-proc', '--kill-child', '--propagation', 'private'];
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const { status } = spawnSync('unshare', [...unshare, ...command], {
    stdio: 'inherit',
    env: { ...process.env, [variable]: process.argv[1] },
  });
  process.exitCode = status ?? 1;
  return false;
}
