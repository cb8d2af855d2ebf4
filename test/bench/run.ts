/**
 * Measures hops, chains and fan-outs. The candidates of a scenario run in short slices, in turn, because the machine is
 * shared: compare the ratios. `npm run bench` runs it, and `npm run bench -- --only hop --json FILE` a part. `--check` fails
 * if a row costs more CPU time than its bound allows (`bounds.ts`).
 */
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { overBounds } from './bounds.ts';
import { type Candidate, hop, type Scenario, treesOf } from './candidates.ts';
import { cpuUsOf, privateMegabytesOf, startSink, stopProcesses } from './processes.ts';

const { values: settings } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    slices: { type: 'string', default: '8' },
    'slice-ms': { type: 'string', default: '1000' },
    connections: { type: 'string', default: '16' },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
});
const slices = Number(settings.slices);
const sliceMs = Number(settings['slice-ms']);
const connections = Number(settings.connections);

interface Slice {
  /** Requests per second. */
  readonly rate: number;
  /** CPU time of all processes of the candidate per request, in microseconds. */
  readonly cpuUs: number;
  /** 99th percentile of the latency, in milliseconds. */
  readonly p99Ms: number;
}

async function runSlice(
  { name, url, pids, maxLanes = connections }: Candidate,
  agent: Agent,
  durationMs: number,
): Promise<Slice> {
  const until = performance.now() + durationMs;
  const cpuUs = (): number => pids.reduce((sum, pid) => sum + cpuUsOf(pid), 0);
  const startedAt = performance.now();
  const cpuBefore = cpuUs();
  const latenciesMs: number[] = [];
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      const sentAt = performance.now();
      const { statusCode, body } = await request(url, { dispatcher: agent, headers: { accept: 'application/json' } });
      await body.dump();
      if (statusCode !== 200) throw new Error(`${name} answered ${statusCode}`);
      latenciesMs.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: Math.min(connections, maxLanes) }, lane));
  const count = latenciesMs.length;
  latenciesMs.sort((a, b) => a - b);
  return {
    rate: (count / (performance.now() - startedAt)) * 1000,
    cpuUs: (cpuUs() - cpuBefore) / count,
    p99Ms: latenciesMs[Math.floor(count * 0.99)] ?? Number.NaN,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Returns half of the range between the quartiles, relative to the median, in percent. */
function spreadPercent(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const quartile = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return ((quartile(0.75) - quartile(0.25)) / 2 / median(values)) * 100;
}

/** Row of a result, with medians of the slices. */
interface Row extends Slice {
  readonly name: string;
  /** Requests in all services that one request causes. */
  readonly requests: number;
  readonly rateSpreadPercent: number;
  readonly privateMegabytes: number;
}

async function measure({ candidates }: Scenario): Promise<Row[]> {
  const agent = new Agent({ connections, allowH2: false });
  const measured = new Map<Candidate, Slice[]>(candidates.map((candidate) => [candidate, []]));
  for (const candidate of candidates) await runSlice(candidate, agent, 2 * sliceMs);
  for (let round = 0; round < slices; round++)
    for (const [candidate, results] of measured) {
      results.push(await runSlice(candidate, agent, sliceMs));
      await sleep(100);
    }
  await agent.close();
  return [...measured].map(([{ name, pids, requests }, results]) => ({
    name,
    requests,
    rate: median(results.map(({ rate }) => rate)),
    rateSpreadPercent: spreadPercent(results.map(({ rate }) => rate)),
    cpuUs: median(results.map(({ cpuUs }) => cpuUs)),
    p99Ms: median(results.map(({ p99Ms }) => p99Ms)),
    privateMegabytes: pids.reduce((sum, pid) => sum + privateMegabytesOf(pid), 0),
  }));
}

const columns = ['req/s', 'ratio', '±%', 'CPU us', 'ratio', 'us/request', 'p99 ms', 'private MB'];

function tableOf(title: string, rows: readonly Row[]): string {
  const [first] = rows;
  const cells = rows.map((row) => [
    row.rate.toFixed(0),
    (row.rate / (first?.rate ?? Number.NaN)).toFixed(2),
    row.rateSpreadPercent.toFixed(0),
    row.cpuUs.toFixed(0),
    (row.cpuUs / (first?.cpuUs ?? Number.NaN)).toFixed(2),
    (row.cpuUs / row.requests).toFixed(0),
    row.p99Ms.toFixed(1),
    row.privateMegabytes.toFixed(0),
  ]);
  const line = (name: string, values: readonly string[]): string =>
    `${name.padEnd(28)}${values.map((value, index) => value.padStart(Math.max(8, (columns[index] ?? '').length + 2))).join('')}`;
  return [title, line('', columns), ...rows.map(({ name }, index) => line(name, cells[index] ?? []))].join('\n');
}

const sink = await startSink();
const scenarios: Readonly<Record<string, () => Promise<Scenario>>> = {
  hop: () => hop('http', sink.url),
  'grpc-hop': () => hop('grpc', sink.url),
  trees: () => treesOf('spans off', sink.url),
  'traced-trees': () => treesOf('spans exported', sink.url),
};
const wanted = Object.keys(scenarios).filter((name) => settings.only === '' || settings.only.split(',').includes(name));
if (wanted.length === 0) throw new Error(`--only takes ${Object.keys(scenarios).join(', ')}`);

const results: { title: string; rows: readonly Row[] }[] = [];
const load = os.loadavg()[0]?.toFixed(1);
process.stdout.write(
  `${connections} connections, medians of ${slices} slices of ${sliceMs} ms, Node ${process.version}, ${os.cpus().length} cores, load ${load} before\n`,
);
try {
  for (const name of wanted) {
    const scenario = await scenarios[name]?.();
    if (scenario === undefined) continue;
    const rows = await measure(scenario);
    results.push({ title: scenario.title, rows });
    process.stdout.write(`\n${tableOf(scenario.title, rows)}\n`);
    for (const problem of settings.check ? overBounds(name, rows) : []) {
      process.stderr.write(`over its bound: ${problem}\n`);
      process.exitCode = 1;
    }
    await stopProcesses();
  }
} finally {
  await stopProcesses();
  sink.close();
}
if (settings.json !== undefined) {
  const machine = { node: process.version, cores: os.cpus().length, cpu: os.cpus()[0]?.model, load };
  writeFileSync(settings.json, `${JSON.stringify({ machine, connections, slices, sliceMs, results }, undefined, 2)}\n`);
}
