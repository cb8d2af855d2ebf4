/** `npm run readme`: runs the README's commands, and writes in what they print and the tables that follow from the code. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { tableOf } from '../../src/cli/options.ts';
import { serveSchema } from '../../src/cli/serve-options.ts';
import { startProgram } from '../program.ts';
import { examplesOf, readReadme, root, run, withOutputs } from './readme.ts';

await using up = startProgram(['up', '--http', 'localhost:0', '--grpc', 'localhost:0', '--log-level', 'silent'], {
  OTEL_SDK_DISABLED: 'true',
});
const [, port] = await up.printed(/gateway +http localhost:(\d+)[\s\S]*Ctrl-C/);
const readme = readReadme();
const examples = examplesOf(readme);
// Once before, so that what is shown is not the first request of a process.
for (const { command } of [...examples, ...examples]) await run(command, Number(port));
const outputs: string[] = [];
for (const { command } of examples) outputs.push(await run(command, Number(port)));
const table = `<!-- options -->\n${tableOf(serveSchema)}\n<!-- /options -->`;
writeFileSync(
  path.join(root, 'README.md'),
  withOutputs(readme, outputs).replace(/<!-- options -->[\s\S]*<!-- \/options -->/, () => table),
);
