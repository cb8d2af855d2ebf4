import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { optional } from '../src/error/optional.ts';

/** Path of the built program. */
export const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
/** Node that runs the built program: that of the tests, or another one to check that the program works with it. */
export const programNode = process.env.MESHMOCK_TEST_NODE ?? process.execPath;
const longestStartMs = 240_000;

export interface Program extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /** Waits until standard output matches a pattern, and returns the match. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Waits until the program ends, and returns the exit code. */
  exited(): Promise<number | null>;
}

/** Returns the environment of the tests without variables that change the behaviour of the program. */
export function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:OTEL_|MESHMOCK_|PROXYURL$|SERVERCONT|NODE_TEST)/.test(name)),
  );
}

/** Starts the built program. */
export function startProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): Program {
  const child = spawn(programNode, [main, ...args], {
    env: { ...cleanEnv(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...optional('cwd', cwd),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  let isClosed = false;
  const exit = once(child, 'close').then(([code]) => {
    isClosed = true;
    return code as number | null;
  });
  return {
    child,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    async printed(pattern) {
      const signal = AbortSignal.timeout(longestStartMs);
      for (;;) {
        const match = pattern.exec(stdout);
        if (match !== null) return match;
        // Its last output may arrive after its end.
        if (isClosed)
          throw new Error(`the program ended with ${child.exitCode} before it printed ${pattern}: ${stdout}${stderr}`);
        await Promise.race([once(child.stdout, 'data', { signal }), exit]).catch(() => {
          // A program that still runs would keep the file of the test from ending.
          child.kill('SIGKILL');
          throw new Error(`the program did not print ${pattern} within ${longestStartMs} ms: ${stdout}${stderr}`);
        });
      }
    },
    exited: () => exit,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exit;
    },
  };
}

/** Runs a command line in bash until it ends. */
export async function runShell(line: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn('bash', ['-c', line], { env: cleanEnv(), stdio: ['ignore', 'pipe', 'pipe'] });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await once(child, 'close')) as [number | null];
  const [stdout, stderr] = await output;
  return { code, stdout, stderr };
}

/**
 * Removes lines of progress, which a program prints if it takes long: on a busy machine, and otherwise not. Removes the times
 * of the parts of `meshmock diff` too.
 */
export function withoutProgress(output: string): string {
  return output.replaceAll(/^meshmock: (?:.*, \d+ s| *\d+\.\d s {2}.*)\n?/gm, '');
}

/** Runs the program until it ends. Its lines of progress are left out. */
export async function runProgram(
  args: readonly string[],
  input?: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const program = startProgram(args);
  program.child.stdin?.end(input);
  const code = await program.exited();
  return { code, stdout: program.stdout, stderr: withoutProgress(program.stderr) };
}

export interface ServedProgram extends Program {
  readonly httpPort: number;
  readonly grpcPort: number;
}

/** Starts `meshmock serve` on free ports and waits until it is ready. */
export async function startServe(
  name: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ServedProgram> {
  const program = startProgram(
    ['serve', '--name', name, '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', ...args],
    env,
  );
  const [, http, grpc] = await program.printed(/is ready: http \S+:(\d+) grpc \S+:(\d+)/);
  return Object.defineProperties(program, {
    httpPort: { value: Number(http) },
    grpcPort: { value: Number(grpc) },
  }) as ServedProgram;
}
