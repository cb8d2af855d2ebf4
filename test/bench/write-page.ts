/**
 * Writes the result of chains beside other programs into `docs/benchmarks.md`: the table between the comments `bench peers`,
 * and the plot beside the page. `npm run bench:page -- FILE` reads what `npm run bench -- --json FILE` has written.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { plotOf } from './plot.ts';
import { type BenchResult, headOf, tableOf } from './result.ts';

const [file] = process.argv.slice(2);
if (file === undefined)
  throw new Error('usage: npm run bench:page -- FILE, as `npm run bench -- --json FILE` writes it');
const result = JSON.parse(readFileSync(file, 'utf8')) as BenchResult;
const beside = result.results.filter(({ title }) => title.endsWith('beside other programs'));
if (beside.length === 0) throw new Error(`${file} has no chains beside other programs: run the benchmark with --peer`);
const { kernel, cpu, memoryGib, date, loadAfter = Number.NaN } = result.machine;
const lines = [
  headOf(result),
  `${date}, ${cpu}, ${memoryGib} GiB, ${kernel}, load ${loadAfter.toFixed(1)} after`,
  ...beside.map((measured) => `\n${tableOf(measured)}`),
];

const pageUrl = new URL('../../docs/benchmarks.md', import.meta.url);
const page = readFileSync(pageUrl, 'utf8');
const [before, rest] = page.split('<!-- bench peers -->\n');
const after = rest?.split('<!-- /bench peers -->')[1];
if (before === undefined || after === undefined) throw new Error('docs/benchmarks.md has no comments `bench peers`');
const part = ['<!-- bench peers -->', '```', ...lines, '```', '<!-- /bench peers -->'].join('\n');
writeFileSync(pageUrl, before + part + after);
writeFileSync(new URL('../../docs/benchmarks-peers.svg', import.meta.url), plotOf(beside));
