/** `npm run readme`: runs the README's commands, and writes in what they print and the tables that follow from the code. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { flagTableOf, tableOf } from '../../src/cli/options/options.ts';
import { serveSchema } from '../../src/cli/serve/serve-options.ts';
import { testSchema } from '../../src/cli/test/test-options.ts';
import {
  directiveRowsOf,
  examplesOf,
  readReadme,
  root,
  run,
  seenOf,
  startMeshes,
  withDirectiveRows,
  withOutputs,
} from './readme.ts';

await using meshes = await startMeshes();
const readme = readReadme();
const examples = examplesOf(readme);
// Once before, so that what is shown is not the first request of a process.
for (const { command } of [...examples, ...examples]) await run(command, meshes);
const outputs: string[] = [];
for (const { command } of examples) outputs.push((await run(command, meshes)).output);
const rows = directiveRowsOf(readme);
for (const row of rows) await seenOf(row, meshes);
const seen = [];
for (const row of rows) seen.push({ ...row, seen: await seenOf(row, meshes) });
const table = `<!-- options -->\n${tableOf(serveSchema)}\n<!-- /options -->`;
const testTable = `<!-- test options -->\n${flagTableOf(testSchema)}\n<!-- /test options -->`;
writeFileSync(
  path.join(root, 'README.md'),
  withDirectiveRows(withOutputs(readme, outputs), seen)
    .replace(/<!-- options -->[\s\S]*<!-- \/options -->/, () => table)
    .replace(/<!-- test options -->[\s\S]*<!-- \/test options -->/, () => testTable),
);
