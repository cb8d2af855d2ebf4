/**
 * `npm run docs:mesh [-- PAGE…]`: runs what README.md and docs/, or the pages named, show with grpcurl and a Jaeger, and
 * writes the outputs into the pages.
 */
import { chosenPages, withOutputs, writePage } from '../repo/pages.ts';
import { blockKind, runMeshPages } from './docs.ts';

for (const { page, examples } of await runMeshPages(chosenPages(process.argv.slice(2)))) {
  const outputs = examples.map(({ printed }) => printed);
  writePage({ ...page, text: withOutputs(page.text, outputs, blockKind) });
}
