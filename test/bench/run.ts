/**
 * Measures hops, chains and fan-outs. The candidates of a scenario run in short slices, in turn, because the machine is
 * shared: compare the ratios. `npm run bench` runs it, and `npm run bench -- --only hop --json FILE` a part. `--check` fails
 * if a row costs more CPU time than its bound allows (`bounds.ts`). `--peer NAME[@VERSION]=PATH` adds other programs
 * (`peers.ts`).
 */
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Agent, type Dispatcher, request } from 'undici';
import { overBounds } from './bounds.ts';
import { type Candidate, hop, hopsOfPages, type Scenario, treesOf } from './candidates.ts';
import { chainsOf, parsePeer } from './peers.ts';
import { cpuUsOf, privateMegabytesOf, startSink, stopProcesses } from './processes.ts';
import { type BenchResult, headOf, type Measured, machineNow, type Row, type Slice, tableOf } from './result.ts';

const { values: settings } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    slices: { type: 'string', default: '8' },
    'slice-ms': { type: 'string', default: '1000' },
    'warm-up-ms': { type: 'string', default: '10000' },
    connections: { type: 'string', default: '16' },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
    peer: { type: 'string', multiple: true, default: [] },
  },
});
const slices = Number(settings.slices);
const sliceMs = Number(settings['slice-ms']);
/** Load on each row before its first slice. V8 compiles a bare relay within two seconds, a service with spans within ten. */
const warmUpMs = Number(settings['warm-up-ms']);
const connections = Number(settings.connections);

/** Sends a request, and returns the body of the answer. */
async function requestTo({ name, url, body }: Candidate, agent: Agent): Promise<Dispatcher.ResponseData['body']> {
  const answer = await request(url, {
    dispatcher: agent,
    headers: { accept: 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body }),
  });
  if (answer.statusCode === 200) return answer.body;
  throw new Error(`${name} answered ${answer.statusCode}: ${await answer.body.text()}`);
}

async function runSlice(candidate: Candidate, agent: Agent, durationMs: number): Promise<Slice> {
  const { pids, maxLanes = connections } = candidate;
  const until = performance.now() + durationMs;
  const cpuUs = (): number => pids.reduce((sum, pid) => sum + cpuUsOf(pid), 0);
  const startedAt = performance.now();
  const cpuBefore = cpuUs();
  const latenciesMs: number[] = [];
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      const sentAt = performance.now();
      const body = await requestTo(candidate, agent);
      await body.dump();
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
    privateMegabytes: pids.reduce((sum, pid) => sum + privateMegabytesOf(pid), 0),
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

/** Checks that a candidate does what is measured: it calls the whole tree. */
async function check(candidate: Candidate, agent: Agent): Promise<void> {
  const { name, expected } = candidate;
  if (expected === undefined) return;
  const text = await (await requestTo(candidate, agent)).text();
  if (!expected.test(text)) throw new Error(`${name} answered without ${expected}: ${text}`);
}

async function measure({ candidates }: Scenario): Promise<Row[]> {
  const agent = new Agent({ connections, allowH2: false });
  for (const candidate of candidates) await check(candidate, agent);
  const measured = new Map<Candidate, Slice[]>(candidates.map((candidate) => [candidate, []]));
  for (const candidate of candidates) await runSlice(candidate, agent, warmUpMs);
  for (let round = 0; round < slices; round++)
    for (const [candidate, results] of measured) {
      results.push(await runSlice(candidate, agent, sliceMs));
      await sleep(100);
    }
  await agent.close();
  for (const { name, exports } of candidates) if (exports?.() === 0) throw new Error(`${name} has exported no spans`);
  return [...measured].map(([{ name, requests }, results]) => ({
    name,
    requests,
    rate: median(results.map(({ rate }) => rate)),
    rateSpreadPercent: spreadPercent(results.map(({ rate }) => rate)),
    cpuUs: median(results.map(({ cpuUs }) => cpuUs)),
    p99Ms: median(results.map(({ p99Ms }) => p99Ms)),
    privateMegabytes: median(results.map(({ privateMegabytes }) => privateMegabytes)),
  }));
}

const sink = await startSink();
const scenarios: Record<string, () => Promise<Scenario>> = {
  hop: () => hop('http', sink.url),
  'grpc-hop': () => hop('grpc', sink.url),
  trees: () => treesOf('spans off', sink.url),
  'traced-trees': () => treesOf('spans exported', sink.url),
};
// It has no row for the page of benchmarks.
if (settings.only.split(',').includes('pages')) scenarios.pages = hopsOfPages;
const binaries = settings.peer.map(parsePeer);
if (binaries.length > 0) {
  scenarios.peers = () => chainsOf(binaries, 'http');
  scenarios['grpc-peers'] = () => chainsOf(binaries, 'grpc');
}
const wanted = Object.keys(scenarios).filter((name) => settings.only === '' || settings.only.split(',').includes(name));
if (wanted.length === 0) throw new Error(`--only takes ${Object.keys(scenarios).join(', ')}`);

const results: Measured[] = [];
const machine = machineNow();
process.stdout.write(`${headOf({ machine, connections, slices, sliceMs })}\n`);
try {
  for (const name of wanted) {
    const scenario = await scenarios[name]?.();
    if (scenario === undefined) continue;
    const rows = await measure(scenario);
    const measured = { title: scenario.title, rows };
    results.push(measured);
    process.stdout.write(`\n${tableOf(measured)}\n`);
    for (const problem of settings.check ? overBounds(name, rows) : []) {
      process.stderr.write(`over its bound: ${problem}\n`);
      process.exitCode = 1;
    }
    await stopProcesses();
    scenario.close?.();
  }
} finally {
  await stopProcesses();
  sink.close();
}
if (settings.json !== undefined) {
  const loadAfter = os.loadavg()[0] ?? Number.NaN;
  const result: BenchResult = { machine: { ...machine, loadAfter }, connections, slices, sliceMs, results };
  writeFileSync(settings.json, `${JSON.stringify(result, undefined, 2)}\n`);
}
