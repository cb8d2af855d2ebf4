import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';

/** Program that has been started and is not ready yet. */
export interface StartingProgram {
  readonly program: ChildProcess;
  /** Name of the program in messages, such as `the mock of pod NAME`. */
  readonly name: string;
  /** Path of its log file. */
  readonly log: string;
}

const timeoutMs = 60_000;
const shownLines = 15;

/**
 * Waits until a program is ready.
 *
 * @param ready resolves when the program is ready
 * @throws MeshmockError `unavailable` with the end of the program's log if the program ends
 * @throws MeshmockError `timeout` with the end of the program's log if it is not ready after a minute
 */
export async function waitUntilReady(
  { program, name, log }: StartingProgram,
  ready: (signal: AbortSignal) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const done = new AbortController();
  const timeout = AbortSignal.timeout(timeoutMs);
  const either = AbortSignal.any([signal, timeout, done.signal]);
  const ended = once(program, 'exit', { signal: either }).then(
    ([code, killedBy]) => `ended (${killedBy ?? `exit code ${code}`})`,
  );
  const failure = (code: 'unavailable' | 'timeout', problem: string): MeshmockError =>
    new MeshmockError(code, [`${name} ${problem}; the end of its log:`, ...lastLines(log)].join('\n'));
  try {
    const end = await Promise.race([ready(either).then(() => undefined), ended]);
    if (end !== undefined) throw failure('unavailable', end);
  } catch (error) {
    throw timeout.aborted ? failure('timeout', `was not ready after ${timeoutMs / 1000} s`) : error;
  } finally {
    done.abort();
    ended.catch(() => {});
  }
}

/** Shortest and longest interval between two requests, and their share of the time that has passed. */
const poll = { minMs: 25, maxMs: 250, share: 0.1 };

/**
 * Requests a URL until the answer has a success status. The longer it takes, the rarer are the requests: those for the
 * readiness of a proxy cost it a search of all its statistics.
 */
export async function waitForOk(url: string, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    const isOk = await fetch(url, { signal }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isOk) return;
    const wantedMs = poll.share * (performance.now() - startedAt);
    await sleep(Math.min(Math.max(wantedMs, poll.minMs), poll.maxMs), undefined, { signal });
  }
}

/** Returns the last lines of a log. */
export function lastLines(log: string): string[] {
  return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-shownLines);
}
