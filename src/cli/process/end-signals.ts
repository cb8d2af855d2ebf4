/** As early as can be: npx may have gone before this process is ready. */
const firstParent = process.ppid;
const parentCheckMs = 500;

/**
 * Ends this process as a signal would when npx, which passes none on, has gone: the shell that npx puts between is the
 * parent. Whatever else started a process, it may outlive that.
 */
export function endWithNpx(): void {
  const { npm_command: command, npm_lifecycle_script: script = '' } = process.env;
  if (command !== 'exec' || !/^'?meshmock'?(?:\s|$)/.test(script)) return;
  setInterval(() => process.ppid === firstParent || process.kill(process.pid, 'SIGTERM'), parentCheckMs).unref();
}

/** One Ctrl-C may arrive twice, from the terminal and through npm: that is no second signal yet. */
export const sameSignalMs = 500;
