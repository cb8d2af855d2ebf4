/** Reports whether npx started this process. */
export function isStartedByNpx({ npm_command: command, npm_lifecycle_script: script = '' } = process.env): boolean {
  return command === 'exec' && /^'?meshmock'?(?:\s|$)/.test(script);
}

/** Returns the command with which the user started this program, for commands to copy. */
export function commandName(): string {
  return isStartedByNpx() ? 'npx meshmock' : 'meshmock';
}
