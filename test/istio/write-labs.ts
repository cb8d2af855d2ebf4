/** `npm run docs:labs [-- NAME…]`: runs the commands of the labs' pages, and writes their outputs into the pages. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withOutputs } from '../repo/pages.ts';
import { LabMesh, labs, pageOf } from './labs.ts';

const names = process.argv.slice(2);
await using mesh = new LabMesh();
for (const lab of labs.filter((folder) => names.length === 0 || names.includes(path.basename(folder)))) {
  let page = readFileSync(pageOf(lab), 'utf8');
  for (const { kind, examples } of await mesh.run(lab)) {
    const outputs = examples.map(({ printed: [first = ''] }) => first);
    page = withOutputs(page, outputs, kind);
  }
  writeFileSync(pageOf(lab), page);
}
