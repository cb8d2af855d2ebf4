/**
 * Measures the cost of one hop: a meshmock without telemetry, with metrics, and with spans exported to a local sink. A
 * relay of `node:http` and undici that forwards the same answer is the reference. All of them run in short slices, in
 * turn, because the machine is shared. Compare the ratios. `npm run bench` runs it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { serviceReady } from '../../src/serve/process/service-channel.ts';

const connections = 16;
const sliceMs = 1000;
const rounds = 8;
const ticksPerSecond = 100;

interface Candidate {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly rates: number[];
  readonly cpuUs: number[];
}

const children: ChildProcess[] = [];

async function start(
  module: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ pid: number; origin: string }> {
  const child = fork(fileURLToPath(new URL(module, import.meta.url)), args, { env: { ...process.env, ...env } });
  children.push(child);
  const ended = new AbortController();
  child.once('exit', () => ended.abort());
  const ready = await serviceReady(child, ended.signal);
  return { pid: child.pid ?? 0, origin: `http://${ready.http}` };
}

/** Starts a server that accepts spans and drops them. */
async function startSink(): Promise<{ url: string; batches: () => number; close: () => void }> {
  let batches = 0;
  const server = http.createServer((incoming, response) => {
    batches++;
    incoming.resume().on('end', () => response.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    batches: () => batches,
    close: () => server.close(),
  };
}

/** Returns the CPU time of a process, in microseconds (proc(5), `stat`), or NaN on a machine without /proc. */
function cpuUsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
  } catch {
    return Number.NaN;
  }
}

async function slice(candidate: Candidate, agent: Agent, durationMs: number): Promise<{ rate: number; cpuUs: number }> {
  const until = performance.now() + durationMs;
  const cpuBefore = cpuUsOf(candidate.pid);
  let count = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      const { statusCode, body } = await request(candidate.url, {
        dispatcher: agent,
        headers: { accept: 'application/json' },
      });
      await body.dump();
      if (statusCode !== 200) throw new Error(`${candidate.name} answered ${statusCode}`);
      count++;
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return { rate: (count / durationMs) * 1000, cpuUs: (cpuUsOf(candidate.pid) - cpuBefore) / count };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const sink = await startSink();
try {
  const leaf = await start('./bare.ts', ['leaf']);
  const relay = await start('./bare.ts', ['relay', leaf.origin]);
  const serve = ['serve', '--name', 'hop', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--log-level', 'warn'];
  const spans = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' };
  const plain = await start('../../dist/cli/main.js', serve);
  const metered = await start('../../dist/cli/main.js', [...serve, '--metrics', '127.0.0.1:0']);
  const traced = await start('../../dist/cli/main.js', serve, spans);
  const path = `/@${leaf.origin.slice('http://'.length)}/hello`;
  const candidate = (name: string, pid: number, url: string): Candidate => ({ name, pid, url, rates: [], cpuUs: [] });
  const bare = candidate('bare relay', relay.pid, `${relay.origin}/hello`);
  const candidates = [
    bare,
    candidate('meshmock, spans off', plain.pid, plain.origin + path),
    candidate('meshmock, metrics on', metered.pid, metered.origin + path),
    candidate('meshmock, spans exported', traced.pid, traced.origin + path),
  ];
  const agent = new Agent({ connections, allowH2: false });
  for (const each of candidates) await slice(each, agent, 2 * sliceMs);
  for (let round = 0; round < rounds; round++) {
    for (const each of candidates) {
      const { rate, cpuUs } = await slice(each, agent, sliceMs);
      each.rates.push(rate);
      each.cpuUs.push(cpuUs);
      await sleep(100);
    }
  }
  await agent.close();
  const lines = candidates.map(({ name, rates, cpuUs }) => {
    const rate = median(rates);
    const cpu = median(cpuUs);
    const ratios = [rate / median(bare.rates), cpu / median(bare.cpuUs)].map((ratio) => ratio.toFixed(2).padStart(6));
    return `${name.padEnd(26)}${rate.toFixed(0).padStart(8)}${ratios[0]}   ${cpu.toFixed(0).padStart(8)}${ratios[1]}`;
  });
  process.stdout.write(
    [
      `one hop, ${connections} connections, medians of ${rounds} slices of ${sliceMs} ms, Node ${process.version}, ${sink.batches()} batches of spans`,
      `${''.padEnd(26)}${'req/s'.padStart(8)} ratio   ${'CPU us'.padStart(8)} ratio`,
      ...lines,
      '',
    ].join('\n'),
  );
} finally {
  for (const child of children) child.disconnect();
  sink.close();
}
