import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * Whether a source in a folder was written after a file that was compiled from it, as after `git pull`; never where
 * there are no sources, as in a package.
 */
export function isStale(built: string, sources: string): boolean {
  const builtAtMs = statSync(built).mtimeMs;
  return typescriptIn(sources).some((file) => statSync(file).mtimeMs > builtAtMs);
}

function typescriptIn(folder: string): string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    return names.filter((name) => name.endsWith('.ts')).map((name) => path.join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
