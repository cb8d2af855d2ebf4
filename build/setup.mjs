/**
 * Installs the packages of the checkout if package-lock.json is newer than they are. It is JavaScript and not TypeScript,
 * because it runs before the project's own Node is there.
 */
import { execSync } from 'node:child_process';
import { statSync, writeSync } from 'node:fs';

const modifiedMs = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (process.platform === 'win32') {
  const text = 'the scripts of this checkout need a POSIX shell. On Windows, run them in WSL (docs/platforms.md).';
  writeSync(2, `meshmock: ${text}\n`);
  process.exitCode = 1;
} else if (modifiedMs('node_modules/.package-lock.json') <= modifiedMs('package-lock.json')) {
  execSync('npm ci --no-audit --no-fund --loglevel=error', { stdio: 'inherit' });
}
