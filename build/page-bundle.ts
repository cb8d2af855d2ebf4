import type { BuildOptions } from 'esbuild';

/** Bundle of the page's program, style and icon, for browsers. A module of Node in it ends the build with an error. */
export const pageBundle = {
  entryPoints: [
    { in: 'src/page/app/main.ts', out: 'page' },
    { in: 'src/page/app/page.css', out: 'page' },
    { in: 'src/page/app/icon.svg', out: 'icon' },
  ],
  outdir: 'dist/page',
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: ['chrome120', 'firefox121', 'safari17.4'],
  loader: { '.svg': 'copy' },
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
} satisfies BuildOptions;
