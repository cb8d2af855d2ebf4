import { readFileSync } from 'node:fs';
import { packageFile } from '../../package/package-files.ts';

/** Returns the version of the program, not of a service. */
export function programVersion(): string {
  const file = readFileSync(packageFile('package.json'), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}
