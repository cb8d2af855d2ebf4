/** `npm run docs:labs [-- NAME…]`: runs the commands of the labs' pages, and writes their outputs into the pages. */
import path from 'node:path';
import { readPage, withOutputs, writePage } from '../repo/pages.ts';
import { blockKind, LabMesh, labPages } from './labs.ts';

const names = process.argv.slice(2);
await using mesh = await LabMesh.start();
for (const file of labPages) {
  if (names.length > 0 && !names.includes(path.basename(path.dirname(file)))) continue;
  const outputs = (await mesh.run(file)).map(({ printed }) => printed);
  writePage({ file, text: withOutputs(readPage(file).text, outputs, blockKind) });
}
