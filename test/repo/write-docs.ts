/**
 * `npm run docs [-- PAGE…]`: runs the commands of README.md and docs/, or of the pages named, and writes their outputs and
 * the generated tables into the pages.
 */
import { directivePart, directiveRowsOf, seenOf, withDirectiveRows } from './directive-table.ts';
import { type Meshes, run, runPages, startMeshes } from './examples.ts';
import { generatedParts } from './generated-parts.ts';
import { chosenPages, partsOf, withOutputs, withPart, writePage } from './pages.ts';

await using meshes = await startMeshes();
const runs = await runPages(
  chosenPages(process.argv.slice(2)),
  'console',
  async (command) => (await run(command, meshes)).output,
);
for (const { page, examples } of runs) {
  const outputs = examples.map(({ printed }) => printed);
  writePage({ ...page, text: await withTables(withOutputs(page.text, outputs), meshes) });
}

async function withTables(text: string, meshes: Meshes): Promise<string> {
  let page = text;
  for (const [name, part] of Object.entries(generatedParts)) page = withPart(page, name, part);
  for (const table of partsOf([{ file: '', text }], directivePart)) {
    const rows = directiveRowsOf(table);
    for (const row of rows) await seenOf(row, meshes);
    const seen = [];
    for (const row of rows) seen.push({ ...row, seen: await seenOf(row, meshes) });
    page = withPart(page, directivePart, withDirectiveRows(table, seen));
  }
  return page;
}
