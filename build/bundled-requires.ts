import { readFileSync } from 'node:fs';
import type { Plugin } from 'esbuild';

/**
 * Bundles what packages of OpenTelemetry load with a `require` of their own, which esbuild does not see. Otherwise a bundle
 * would load a second copy of the package from its files, and grpc-js refuses the objects of another copy.
 */
export const bundledRequires: Plugin = {
  name: 'bundled requires',
  setup({ onLoad }) {
    onLoad({ filter: /node_modules\/@opentelemetry\/.*\/dist\/.*\.mjs$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(
        /__require\("(@grpc\/grpc-js|forwarded-parse)"\)/g,
        'require("$1")',
      ),
    }));
  },
};
