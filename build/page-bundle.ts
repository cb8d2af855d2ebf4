import type { BuildOptions } from 'esbuild';

/**
 * Bundle of the programs of both pages, their styles and the icon, for browsers. `shared.js` is what both programs use.
 * A module of Node in it ends the build with an error.
 */
export const pageBundle = {
  entryPoints: [
    { in: 'src/page/app/main.ts', out: 'page' },
    { in: 'src/page/app/page.css', out: 'page' },
    { in: 'src/page/app/mesh/main.ts', out: 'mesh' },
    { in: 'src/page/app/mesh/mesh.css', out: 'mesh' },
    { in: 'src/page/app/icon.svg', out: 'icon' },
  ],
  outdir: 'dist/page',
  bundle: true,
  splitting: true,
  // Two programs share one file, so its name needs no hash. The path of all files has one.
  chunkNames: 'shared',
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: ['chrome120', 'firefox121', 'safari17.4'],
  loader: { '.svg': 'copy' },
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
} satisfies BuildOptions;
