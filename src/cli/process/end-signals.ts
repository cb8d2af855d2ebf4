import { isStartedByNpx } from './npx.ts';

/** Parent at the start of this process, since npx may end before the process is ready. */
const firstParent = process.ppid;
const parentCheckMs = 500;

/**
 * Ends this process, as a signal would, when the npx that started it has gone. npx passes no signals on, and its shell is
 * the parent. A process that another program started may outlive that program.
 */
export function endWithNpx(): void {
  if (!isStartedByNpx()) return;
  setInterval(() => process.ppid === firstParent || process.kill(process.pid, 'SIGTERM'), parentCheckMs).unref();
}

/** Time in milliseconds within which two signals count as one: Ctrl-C may arrive from the terminal and through npm. */
export const sameSignalMs = 500;
