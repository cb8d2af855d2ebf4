/** Builds dist after an installation with development packages, and before npm packs. */
import { execSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (existsSync('node_modules/esbuild')) execSync('npm run --silent build', { stdio: 'inherit' });
