/**
 * Installs the packages of the checkout if package-lock.json is newer than they are. It is JavaScript and not TypeScript,
 * because it runs before the project's own Node is there.
 */
import { execSync } from 'node:child_process';
import { statSync } from 'node:fs';

if (process.platform === 'win32') {
  process.exit(1);
}
const modifiedMs = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (modifiedMs('node_modules/.package-lock.json') <= modifiedMs('package-lock.json'))
  execSync('npm ci --no-audit --no-fund --loglevel=error', { stdio: 'inherit' });
