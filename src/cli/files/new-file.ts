import { existsSync, writeFileSync } from 'node:fs';
import { MeshmockError } from '../../error/meshmock-error.ts';

/** Options of commands that write a file of cases. */
export const overwriteOption = { isSwitch: true, help: 'let --write replace a file that exists' } as const;

/**
 * Checks that a file can be written for --write: before a mesh starts, because the start takes seconds.
 *
 * @throws MeshmockError `usage` if the file exists and must not be replaced
 */
export function checkNewFile(file: string | undefined, { overwrite }: { readonly overwrite: boolean }): void {
  if (file !== undefined && !overwrite && existsSync(file))
    throw new MeshmockError('usage', `--write: ${file} exists: choose another name, or replace it with --overwrite`);
}

/** Writes a file of --write. @throws MeshmockError `usage` if it cannot be written */
export function writeNewFile(file: string, text: string, { overwrite }: { readonly overwrite: boolean }): void {
  try {
    writeFileSync(file, text, { flag: overwrite ? 'w' : 'wx' });
  } catch (error) {
    throw new MeshmockError('usage', `--write: ${(error as Error).message}`);
  }
}
