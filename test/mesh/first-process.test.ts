import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cleanEnv } from '../program.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const longestMs = 30_000;

/** Runs the program as process 1 of a PID namespace, like in a container. Sends it the signal again and again until it ends. */
async function runAsFirstProcess(
  args: readonly string[],
  signal: NodeJS.Signals,
): Promise<{ code: number | null; out: string }> {
  const unshare = spawn(
    'unshare',
    ['--user', '--map-root-user', '--pid', '--fork', '--kill-child', process.execPath, main, ...args],
    { env: cleanEnv(), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const out = text(unshare.stdout);
  const exit = once(unshare, 'exit');
  const latest = performance.now() + longestMs;
  const first = `/proc/${unshare.pid}/task/${unshare.pid}/children`;
  while (unshare.exitCode === null && performance.now() < latest) {
    const pid = existsSync(first) ? Number(readFileSync(first, 'utf8')) : 0;
    if (pid > 0) process.kill(pid, signal);
    await sleep(10);
  }
  unshare.kill('SIGKILL');
  const [code] = (await exit) as [number | null];
  return { code, out: await out };
}

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  test(`${signal} ends a service that is the first process of a container and not ready yet`, async () => {
    const args = ['serve', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];
    assert.deepEqual(await runAsFirstProcess(args, signal), { code, out: '' });
  });
}

test('SIGINT ends a command without signal handlers that is the first process of a container', async () => {
  // Nothing answers at this address, so the command retries until its time is over.
  const args = ['call', 'http://127.0.0.1:1/x', '--expect', 'status=200', '--retry-until', '60s'];
  assert.equal((await runAsFirstProcess(args, 'SIGINT')).code, 130);
});
