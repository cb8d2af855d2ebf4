import { spawnSync } from 'node:child_process';
import { MeshmockError } from '../../error/meshmock-error.ts';

const mostBytes = 1024 * 1024 * 1024;

/**
 * Runs a program to its end, and returns its standard output.
 *
 * @param problem beginning of the error
 * @throws MeshmockError `machine` if it cannot be started, `usage` with its standard error if it fails
 * @example
 * runProgram('git', ['rev-parse', 'HEAD'], 'this folder is not in a Git repository').toString();
 */
export function runProgram(program: string, args: readonly string[], problem: string, env = process.env): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, args, { maxBuffer: mostBytes, env });
  if (error !== undefined) throw new MeshmockError('machine', `${problem}: ${error.message}`);
  if (status === 0) return stdout;
  const detail = stderr.toString().trim();
  throw new MeshmockError('usage', detail === '' ? problem : `${problem}: ${detail}`);
}
