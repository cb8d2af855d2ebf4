import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { installTools } from '../../src/istio/tools/install-tools.ts';
import { cleanEnv } from '../program.ts';
import { installTestTools } from '../tools/installed.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const kubernetesVersion = '1.37.0';

const runTimeoutMs = 240_000;

/** Output and exit code of a program. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Run = (...args: readonly string[]) => Promise<Ran>;

export interface ManifestTools {
  readonly kubectl: Run;
  readonly helm: Run;
  readonly kubeconform: Run;
  readonly istioctl: Run;
  readonly actionlint: Run;
  /** The built `meshmock`. */
  readonly meshmock: Run;
  /** Folder with the CRDs of Istio and the Gateway API. */
  readonly istio: string;
  /** Folder with Kubernetes' definitions. */
  readonly kubernetes: string;
}

/**
 * Returns the programs that check manifests, and installs missing ones.
 *
 * @throws MeshmockError `machine` if one cannot be installed
 */
export async function manifestTools(): Promise<ManifestTools> {
  const own = await installTestTools(['kubectl', 'kubernetes', 'helm', 'kubeconform', 'actionlint']);
  const { istio, istioctl } = await installTools(['istio', 'istioctl'], new AbortController().signal);
  return {
    kubectl: runner(path.join(own.kubectl, 'bin/kubectl')),
    helm: runner(path.join(own.helm, 'helm')),
    kubeconform: runner(path.join(own.kubeconform, 'kubeconform')),
    istioctl: runner(path.join(istioctl, 'istioctl')),
    actionlint: runner(path.join(own.actionlint, 'actionlint')),
    meshmock: (...args) => runner(process.execPath)(path.join(root, 'dist/cli/main.js'), ...args),
    istio,
    kubernetes: own.kubernetes,
  };
}

/** Returns a function that runs a program without access to any cluster that this machine is configured for. */
function runner(program: string): Run {
  const env = { ...cleanEnv(), KUBECONFIG: '/nonexistent', NO_COLOR: '1' };
  return async (...args) => {
    try {
      const options = { cwd: root, env, timeout: runTimeoutMs, maxBuffer: 64 * 2 ** 20 };
      return { code: 0, ...(await promisify(execFile)(program, args, options)) };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
      if (typeof code === 'number') return { code, stdout, stderr };
      throw error;
    }
  };
}

/**
 * Returns the standard output of a program.
 *
 * @throws Error with its output if the program fails
 */
export async function printed(ran: Promise<Ran>): Promise<string> {
  const { code, stdout, stderr } = await ran;
  if (code !== 0) throw new Error(`it ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

export function temporaryFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'meshmock-manifests-'));
}
