import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { choosePorts } from '../../src/cli/up/ports.ts';
import { waitForOk } from '../../src/istio/process/ready.ts';

export interface ServerOptions {
  readonly name: string;
  readonly program: string;
  /** URL that answers with a success status when the server is ready. */
  readonly readyUrl: string;
  /** Writes the files of the server into a folder, and returns its arguments. */
  args(folder: string): string[];
}

/** Server of another project that runs on this machine, with a folder of its own. */
export interface LocalServer extends AsyncDisposable {
  /** Text that the server has logged. */
  readonly log: string;
}

const longestStartMs = 60_000;

/** Starts a server, and waits until it is ready. Throws with its log if it does not become ready. */
export async function startLocalServer({ name, program, readyUrl, args }: ServerOptions): Promise<LocalServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-server-'));
  const log = path.join(folder, 'log');
  const output = openSync(log, 'a');
  const child: ChildProcess = spawn(program, args(folder), { cwd: folder, stdio: ['ignore', output, output] });
  const exit = once(child, 'exit');
  const server: LocalServer = {
    get log() {
      return readFileSync(log, 'utf8');
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exit;
      rmSync(folder, { recursive: true });
    },
  };
  const ended = exit.then(() => Promise.reject(new Error(`${name} has ended`)));
  ended.catch(() => {});
  try {
    await Promise.race([waitForOk(readyUrl, AbortSignal.timeout(longestStartMs)), ended]);
    return server;
  } catch (error) {
    const text = server.log;
    await server[Symbol.asyncDispose]();
    throw new Error(`${name} is not ready: ${(error as Error).message}\n${text}`);
  }
}

/** Finds a free port of this machine. */
export async function freePort(): Promise<number> {
  const [port] = await choosePorts([{ flag: '', name: 'server', host: '127.0.0.1', port: 0 }]);
  if (port === undefined) throw new Error('no port is free');
  return port;
}
