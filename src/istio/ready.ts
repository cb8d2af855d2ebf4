import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../error/meshmock-error.ts';

/** A program that is to be waited for. */
export interface Starting {
  readonly program: ChildProcess;
  /** What a person calls it. */
  readonly name: string;
  /** Where it writes. */
  readonly log: string;
}

const longestMs = 60_000;
const shownLines = 15;

/**
 * Waits until a program is ready.
 *
 * @param ready resolves when it is; takes a signal
 * @throws MeshmockError `usage` with the end of its log, when it ends instead or is not ready after a minute
 */
export async function untilReady(
  { program, name, log }: Starting,
  ready: (signal: AbortSignal) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const settled = new AbortController();
  const late = AbortSignal.timeout(longestMs);
  const either = AbortSignal.any([signal, late, settled.signal]);
  const ended = once(program, 'exit', { signal: either }).then(
    ([code, killedBy]) => `ended (${killedBy ?? `exit code ${code}`})`,
  );
  try {
    const failure = await Promise.race([ready(either).then(() => undefined), ended]);
    if (failure !== undefined) throw notReady(name, failure, log);
  } catch (error) {
    throw late.aborted ? notReady(name, `is not ready after ${longestMs / 1000} s`, log) : error;
  } finally {
    settled.abort();
    ended.catch(() => {});
  }
}

const pollMs = 25;

/** Asks until there is an answer of success. */
export async function answersOk(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const isOk = await fetch(url, { signal }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isOk) return;
    await sleep(pollMs, undefined, { signal });
  }
}

function notReady(name: string, what: string, log: string): MeshmockError {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-shownLines);
  return new MeshmockError('usage', [`${name} ${what}; the end of its log:`, ...lines].join('\n'));
}
