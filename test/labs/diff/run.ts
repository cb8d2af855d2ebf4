/**
 * Compares pairs of snapshots that differ in local meshes, and judges the edge and the kind of each reported difference:
 * `npm run test:diff -- [TEXT…]` for the changes and mutations of labs with TEXT in their names. A pair that is reported
 * wrongly fails the run. With `--results FILE`, a run that was interrupted goes on where it ended.
 */

import { comparePairs, type Turn } from './compared-pairs.ts';
import { differentLabPairs } from './pairs.ts';
import { Records } from './record.ts';
import { printTable, type RunResult, readRunOptions, resultOf } from './run-report.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
const { results, texts } = readRunOptions(process.argv.slice(2));
const turns = differentLabPairs()
  .filter(({ name }) => texts.length === 0 || texts.some((text) => name.includes(text)))
  .map((pair): Turn => ({ pair, repetition: 1, all: false }));
const found: RunResult[] = [];
for await (const one of comparePairs(turns, new Records(results), stop.signal)) found.push(resultOf(one));
process.exitCode = printTable(found, turns.length) && !stop.signal.aborted ? 0 : 1;
