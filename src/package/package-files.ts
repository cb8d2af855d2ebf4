import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the package. The build puts this module into other files, so its place in the folder is not known. */
let packageFolder: string | undefined;

/** Programs of the package, which are entries of the build. */
export type Program =
  | 'cli/main'
  | 'cli/program'
  | 'cli/serve-program'
  | 'execute/directives/burn'
  | 'istio/host/controller';

/**
 * Returns the path of a file or folder of the package.
 *
 * @example
 * packageFile('proto'); // '/app/proto'
 */
export function packageFile(name: string): string {
  packageFolder ??= folderWithPackageJson(import.meta.dirname);
  return path.join(packageFolder, name);
}

/**
 * Returns the path of a program of the package: TypeScript if this is the source, as in tests, or else JavaScript.
 *
 * @example
 * programFile('cli/main'); // '/app/dist/cli/main.js', or '/app/src/cli/main.ts' from the sources
 */
export function programFile(name: Program): string {
  return packageFile(import.meta.filename.endsWith('.ts') ? `src/${name}.ts` : `dist/${name}.js`);
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
