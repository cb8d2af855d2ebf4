import { exitCodeOf } from '../../error/exit-codes.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { errorText } from './error-text.ts';

/** Writes the error of a command to standard error, and sets the exit code. */
export function reportFailure(error: unknown): void {
  if (error instanceof MeshmockError) {
    process.stderr.write(`${errorText(error)}\n`);
    process.exitCode = exitCodeOf[error.code];
  } else {
    process.stderr.write(`meshmock: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = exitCodeOf.internal;
  }
}
