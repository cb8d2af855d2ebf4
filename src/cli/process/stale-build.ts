import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * Reports whether a source in a folder is newer than the file that was compiled from it, as after `git pull`. A package
 * without sources is never stale.
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
