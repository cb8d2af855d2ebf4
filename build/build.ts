/**
 * Builds `dist` from `src`: bundles the programs with the packages that they use, so that a start reads few files. Types
 * are checked elsewhere (`npm run check`).
 */
import { chmodSync, globSync, rmSync } from 'node:fs';
import path from 'node:path';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import { bundledRequires } from './bundled-requires.ts';
import { writeLicences } from './licences.ts';
import { pageBundle } from './page-bundle.ts';
import { quickStart } from './quick-start.ts';

process.chdir(path.join(import.meta.dirname, '..'));

/** Packages that are not bundled. They are the `dependencies` in package.json. */
const external = [
  // These load further files of their folders.
  '@grpc/proto-loader',
  '@grpc/reflection',
  'grpc-health-check',
  'import-in-the-middle',
  'require-in-the-middle',
];

/** Packages of fastify for schemas of routes and for tests, which a service never loads. They are not installed with it. */
const unused = ['@fastify/ajv-compiler', '@fastify/fast-json-stringify-compiler', 'light-my-request'];

/** Packages that OpenTelemetry's instrumentations replace while they are loaded, which they can do only with files. */
const instrumented = ['@grpc/grpc-js', 'pino'];

const instrumentations = '@opentelemetry/auto-instrumentations-node';

const common = {
  outbase: 'src',
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.19',
  plugins: [quickStart, bundledRequires],
  // Bundled CommonJS modules load Node's modules and external packages with `require`.
  banner: {
    js: "import { createRequire as requireFor } from 'node:module';\nconst require = requireFor(import.meta.url);",
  },
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
} satisfies BuildOptions;

// A file is shared only within a bundle. With fewer programs in a bundle, its files are fewer and contain nothing else.
const bundles = [
  await build({
    ...common,
    entryPoints: ['src/cli/main.ts', 'src/cli/serve-program.ts', 'src/execute/directives/burn.ts'],
    chunkNames: 'serve/[name]-[hash]',
    external: [...external, ...unused, instrumentations],
  }),
  await build({
    ...common,
    entryPoints: ['src/cli/program.ts', 'src/istio/host/controller.ts'],
    chunkNames: 'program/[name]-[hash]',
    external: [...external, ...unused, ...instrumented],
  }),
  await build(pageBundle),
];
const metafiles: Metafile[] = bundles.map(({ metafile }) => metafile);
const licences = writeLicences(
  metafiles.flatMap(({ inputs }) => Object.keys(inputs)),
  'dist/THIRD-PARTY-LICENSES',
);
const built = new Set([licences, ...metafiles.flatMap(({ outputs }) => Object.keys(outputs))]);
// After the build, not before: a program that runs may still load a part of it.
for (const old of globSync('dist/**/*', { withFileTypes: true })) {
  const file = path.relative('.', path.join(old.parentPath, old.name));
  if (old.isFile() && !built.has(file)) rmSync(file);
}
chmodSync('dist/cli/main.js', 0o755);
