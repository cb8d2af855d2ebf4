import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Returns the folder of a mesh with the program `client` of Istio's echo image. */
export function echoClientFolder(mesh: string): string {
  return path.join(mesh, 'echo-client');
}

/**
 * Writes the program `client` of Istio's echo image into a folder. In a pod with that image, commands find it if the folder
 * is on their PATH.
 *
 * @example
 * await installEchoClient(folder);
 * const command = ['nsenter', `--net=${namespace}`, 'env', `PATH=${folder}:${process.env.PATH}`, 'client', 'http://echo/'];
 */
export async function installEchoClient(folder: string): Promise<void> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const main = fileURLToPath(new URL(`main.${extension}`, import.meta.url));
  const words = [process.execPath, ...process.execArgv, main].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  const file = path.join(folder, 'client');
  await mkdir(folder, { recursive: true });
  await writeFile(file, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  await chmod(file, 0o755);
}
