/**
 * Builds `dist` from `src`: bundles the programs with the packages that they use, so that a start reads few files. Types
 * are checked elsewhere (`npm run check`).
 */
import { chmodSync, globSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { writeLicences } from './licences.ts';
import { quickStart } from './quick-start.ts';

process.chdir(path.join(import.meta.dirname, '..'));

/** Programs that a process or a thread runs (`programFile`). */
const programs = ['src/cli/main.ts', 'src/execute/directives/burn.ts', 'src/istio/host/controller.ts'];

/** Packages that are not bundled; they are the `dependencies` in package.json. */
const external = [
  // OpenTelemetry replaces these when they are loaded, and does so by itself.
  '@grpc/grpc-js',
  'pino',
  'import-in-the-middle',
  'require-in-the-middle',
  // These read proto files of their own folders.
  '@grpc/proto-loader',
  '@grpc/reflection',
  'grpc-health-check',
];

const { metafile } = await build({
  entryPoints: programs,
  outbase: 'src',
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external,
  plugins: [quickStart],
  // Bundled CommonJS modules load Node's modules and external packages with `require`.
  banner: {
    js: "import { createRequire as requireFor } from 'node:module';\nconst require = requireFor(import.meta.url);",
  },
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});
const built = new Set([...Object.keys(metafile.outputs), writeLicences(metafile, 'dist/THIRD-PARTY-LICENSES')]);
// After the build, not before: a program that runs may still load a part of it.
for (const old of globSync('dist/**/*', { withFileTypes: true }))
  if (old.isFile() && !built.has(path.relative('.', path.join(old.parentPath, old.name))))
    rmSync(path.join(old.parentPath, old.name));
chmodSync('dist/cli/main.js', 0o755);
