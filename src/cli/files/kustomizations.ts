import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { killGroup } from '../../istio/process/program.ts';

/** Manifests that kustomizations result in, by the real path of their folder. */
export type BuiltKustomizations = ReadonlyMap<string, string>;

/** Time after which the build of a kustomization ends, in milliseconds. Git fetches a remote base within it. */
export const kustomizeTimeoutMs = 60_000;

const files = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

/** Git must not ask for a password: nothing shows its question. */
const withoutQuestions = { GIT_TERMINAL_PROMPT: '0' };

/**
 * Returns the folder of a kustomization that a name means: the folder itself, or its file. Returns undefined for something
 * else.
 */
export function kustomizationOf(name: string): string | undefined {
  const stat = statSync(name, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isDirectory()) return files.includes(path.basename(name)) ? path.dirname(name) : undefined;
  return files.some((file) => existsSync(path.join(name, file))) ? name : undefined;
}

/**
 * Builds the kustomizations among names of manifests, one after another. When the signal is aborted, kubectl ends, with
 * the programs that it has started.
 *
 * @throws MeshmockError `usage` if one fails or takes too long, `canceled` when the signal is aborted
 */
export async function buildKustomizations(
  names: readonly string[],
  signal: AbortSignal,
  timeoutMs = kustomizeTimeoutMs,
): Promise<BuiltKustomizations> {
  const built = new Map<string, string>();
  for (const name of names) {
    const folder = kustomizationOf(name);
    const place = folder === undefined ? undefined : realpathSync(folder);
    if (folder === undefined || place === undefined || built.has(place)) continue;
    built.set(place, await build(folder, signal, timeoutMs));
  }
  return built;
}

async function build(folder: string, signal: AbortSignal, timeoutMs: number): Promise<string> {
  if (signal.aborted) throw new MeshmockError('canceled', 'stopped');
  const child = spawn('kubectl', ['kustomize', folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...withoutQuestions },
    // A group of its own, so that Git ends with kubectl.
    detached: true,
  });
  const timeout = AbortSignal.timeout(timeoutMs);
  const end = (): void => killGroup(child);
  for (const one of [signal, timeout]) one.addEventListener('abort', end, { once: true });
  try {
    const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = (await once(child, 'close')) as [number | null];
    const [stdout, stderr] = await outputs;
    if (signal.aborted) throw new MeshmockError('canceled', 'stopped');
    if (timeout.aborted) throw tooSlow(folder, timeoutMs);
    if (code !== 0) throw failed(folder, stderr);
    return stdout;
  } catch (error) {
    throw error instanceof MeshmockError ? error : notStarted(folder, error as Error);
  } finally {
    for (const one of [signal, timeout]) one.removeEventListener('abort', end);
  }
}

/**
 * Builds a kustomization, and waits for it.
 *
 * @throws MeshmockError `usage` if it fails or takes too long
 */
export function buildKustomization(folder: string, timeoutMs = kustomizeTimeoutMs): string {
  const { status, stdout, stderr, error } = spawnSync('kubectl', ['kustomize', folder], {
    maxBuffer: mostBytes,
    timeout: timeoutMs,
    env: { ...process.env, ...withoutQuestions },
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT') throw tooSlow(folder, timeoutMs);
  if (error !== undefined) throw notStarted(folder, error);
  if (status !== 0) throw failed(folder, stderr.toString());
  return stdout.toString();
}

const mostBytes = 1024 * 1024 * 1024;

function tooSlow(folder: string, timeoutMs: number): MeshmockError {
  const advice = `run \`kubectl kustomize ${folder} > FILE\` where its remote bases can be reached, and name FILE instead`;
  return new MeshmockError('usage', `${folder}: kubectl kustomize did not end within ${timeoutMs / 1000} s: ${advice}`);
}

function failed(folder: string, stderr: string): MeshmockError {
  const detail = stderr.trim();
  const problem = `${folder}: kubectl kustomize failed`;
  return new MeshmockError('usage', detail === '' ? problem : `${problem}: ${detail}`);
}

function notStarted(folder: string, { message }: Error): MeshmockError {
  return new MeshmockError('machine', `${folder}: kubectl kustomize failed: ${message}`);
}
