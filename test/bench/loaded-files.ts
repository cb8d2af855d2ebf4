import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { serviceReady } from '../../src/serve/process/service-channel.ts';

/** Program with a channel that reports when it is ready, as `meshmock serve` does. */
export interface StartedProgram {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Starts a program, and returns the paths of the files that it has loaded when it is ready. */
export async function filesLoadedBy({ program, args, env }: StartedProgram): Promise<string[]> {
  const reporter = fileURLToPath(new URL('./report-loaded.ts', import.meta.url));
  const child = fork(program, args, {
    env: { ...process.env, ...env },
    execArgv: ['--import', reporter],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = new AbortController();
  child.once('exit', () => ended.abort());
  await serviceReady(child, ended.signal);
  const reported = new Promise<string[]>((resolve) => {
    child.on('message', (message: { loaded?: string[] }) => message.loaded !== undefined && resolve(message.loaded));
  });
  child.send('report loaded files');
  const files = await reported;
  child.kill('SIGTERM');
  await once(child, 'exit');
  return files;
}
