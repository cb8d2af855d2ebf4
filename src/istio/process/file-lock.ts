import { spawnSync } from 'node:child_process';
import { MeshmockError } from '../../error/meshmock-error.ts';

/**
 * Locks an open file. The lock belongs to the open file, not to the program that takes it (flock(2)), so it lasts until
 * this process closes the file. Returns whether the lock was free.
 */
export function tryLock(opened: number): boolean {
  const { status, error } = spawnSync('flock', ['--nonblock', '3'], { stdio: ['ignore', 'ignore', 'inherit', opened] });
  if (error !== undefined) throw new MeshmockError('machine', `flock cannot run: ${error.message}`);
  return status === 0;
}
