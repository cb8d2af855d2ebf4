/**
 * Compares pairs of snapshots that mean the same, and fails if a report has a line:
 * `npm run test:diff:equal -- [TIMES] [TEXT…]` for the labs and for Istio's samples, TIMES times over, of pairs with TEXT in
 * their names. With `--all`, the requests of all edges are sent too. With `--results FILE`, a run that was interrupted goes on
 * where it ended.
 */

import { comparePairs, type Turn } from './compared-pairs.ts';
import { equalLabPairs } from './pairs.ts';
import { Records } from './record.ts';
import { printTable, type RunResult, readRunOptions, resultOf } from './run-report.ts';
import { samplePairs } from './sample-pairs.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
const { results, all, texts: given } = readRunOptions(process.argv.slice(2));
const [first = ''] = given;
const hasTimes = /^\d+$/.test(first);
const times = hasTimes ? Number(first) : 1;
const texts = given.slice(hasTimes ? 1 : 0);
const pairs = [...equalLabPairs(), ...(await samplePairs())].filter(
  ({ name }) => texts.length === 0 || texts.some((text) => name.includes(text)),
);
const turns = Array.from({ length: times }, (_, index) =>
  pairs.map((pair): Turn => ({ pair, repetition: index + 1, all })),
).flat();
const found: RunResult[] = [];
for await (const one of comparePairs(turns, new Records(results), stop.signal)) found.push(resultOf(one));
process.exitCode = printTable(found, turns.length) && !stop.signal.aborted ? 0 : 1;
