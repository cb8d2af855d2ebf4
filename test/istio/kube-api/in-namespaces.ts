import { spawnSync } from 'node:child_process';
import { installTools } from '../../../src/istio/tools/install-tools.ts';
import { installTestTools } from '../../tools/installed.ts';

const variable = 'MESHMOCK_TEST_TOOLS';
const names = ['istio', 'kube', 'istioctl', 'cluster'] as const;
const testNames = ['kubectl', 'gatewayapi'] as const;

/** Folders of the tools of a control plane, and of what its tests need. */
export type ControlPlaneTools = Readonly<Record<(typeof names)[number] | (typeof testNames)[number], string>>;

/**
 * Runs a test file again in network, mount and process namespaces of its own, where no packet leaves the machine and no
 * process outlives the file. Its results go to the same test runner.
 *
 * @returns the tools of a control plane inside of the namespaces, and undefined outside
 */
export async function toolsInNamespaces(): Promise<ControlPlaneTools | undefined> {
  const given = process.env[variable];
  if (given !== undefined) return JSON.parse(given) as ControlPlaneTools;
  const signal = AbortSignal.timeout(1_200_000);
  const tools = { ...(await installTools(names, signal)), ...(await installTestTools(testNames)) };
  const unshare = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const { status } = spawnSync('unshare', [...unshare, ...command], {
    stdio: 'inherit',
    env: { ...process.env, [variable]: JSON.stringify(tools) },
  });
  process.exitCode = status ?? 1;
  return undefined;
}
