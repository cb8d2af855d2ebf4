/** The packed program: what `npm pack` makes, installed as a user would. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const root = path.join(import.meta.dirname, '../..');

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. A failure is a result. */
export async function ran(
  file: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv; readonly uid?: number; readonly gid?: number },
): Promise<Ran> {
  try {
    const { stdout, stderr } = await run(file, args, { ...options, maxBuffer: 64 * 1024 * 1024 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '', message } = error as Error & Partial<Ran>;
    return { code: typeof code === 'number' ? code : -1, stdout, stderr: stderr === '' ? message : stderr };
  }
}

/** Program that runs, and the match of the text that it has printed. */
interface Started {
  readonly child: ChildProcess;
  readonly match: RegExpExecArray;
  readonly ended: Promise<unknown>;
}

/** Starts a command, and waits until it prints a text. */
export async function started(
  file: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  pattern: RegExp,
): Promise<Started> {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const ended = once(child, 'exit');
  for (;;) {
    const match = pattern.exec(output);
    if (match !== null) return { child, match, ended };
    if (child.exitCode !== null) throw new Error(`the program ended: ${output}`);
    await Promise.race([once(child.stdout, 'data'), ended]);
  }
}

/** Packs the built program, and returns the path of the archive. */
export async function pack(folder: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
    cwd: root,
  });
  return path.join(folder, stdout.trim());
}

/**
 * Installs an archive into an empty folder, under an empty home. npm's settings and its cache of packages are those of
 * the person who runs the tests, since without them the test would need a registry.
 *
 * @returns the path of the program
 */
export async function install(archive: string, folder: string, home: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  mkdirSync(home, { recursive: true });
  const setting = async (name: string): Promise<string> =>
    (await run('npm', ['config', 'get', name], { cwd: root })).stdout.trim();
  await run(
    'npm',
    ['install', '--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', archive],
    {
      cwd: folder,
      env: {
        ...process.env,
        HOME: home,
        npm_config_cache: await setting('cache'),
        npm_config_userconfig: await setting('userconfig'),
      },
    },
  );
  return path.join(folder, 'node_modules/.bin/meshmock');
}
