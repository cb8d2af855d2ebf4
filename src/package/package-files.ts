import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the package. The build puts this module into other files, so its place in the folder is not known. */
const packageFolder = folderWithPackageJson(import.meta.dirname);

/** Reports whether the program runs from its TypeScript sources, as in tests, and not from its build. */
const isSource = import.meta.filename.endsWith('.ts');

/**
 * Returns the path of a file or folder of the package.
 *
 * @example
 * packageFile('proto'); // '/app/proto'
 */
export function packageFile(name: string): string {
  return path.join(packageFolder, name);
}

/**
 * Returns the path of a program of the package, which another process or thread runs. Each is an entry of the build.
 *
 * @example
 * programFile('cli/main'); // '/app/dist/cli/main.js', or '/app/src/cli/main.ts' from the sources
 */
export function programFile(name: 'cli/main' | 'execute/directives/burn' | 'istio/host/controller'): string {
  return packageFile(isSource ? `src/${name}.ts` : `dist/${name}.js`);
}

/**
 * Returns the path of a file of another package.
 *
 * @example
 * dependencyFile('protobufjs/google/api/http.proto');
 */
export function dependencyFile(name: string): string {
  return fileURLToPath(import.meta.resolve(name));
}

function folderWithPackageJson(folder: string): string {
  return existsSync(path.join(folder, 'package.json')) ? folder : folderWithPackageJson(path.dirname(folder));
}
