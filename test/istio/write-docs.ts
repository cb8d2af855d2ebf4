/**
 * `npm run docs:istio [-- PAGE…]`: runs what README.md and docs/, or the pages named, show of a local mesh, and writes the
 * outputs into the pages.
 */
import { chosenPages, withOutputs, writePage } from '../repo/pages.ts';
import { blockKind, runIstioPages } from './docs.ts';

for (const { page, examples } of await runIstioPages(chosenPages(process.argv.slice(2)))) {
  const outputs = examples.map(({ printed }) => printed);
  writePage({ ...page, text: withOutputs(page.text, outputs, blockKind) });
}
