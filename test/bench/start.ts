/**
 * Measures the start of a service: time and CPU until it has answered its first request, private memory when it is idle,
 * and the number of files that it loads. A bare server of `node:http` is the reference. All of them start in turn,
 * because the machine is shared. Compare the ratios. `npm run bench:start` runs it; `-- PROGRAM…` adds other builds of
 * the program, such as the `dist/cli/main.js` of another checkout. A flag of `serve`, such as `--no-page`, is measured too.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { serviceReady } from '../../src/serve/process/service-channel.ts';
import { filesLoadedBy } from './loaded-files.ts';

const rounds = 15;
const idleMs = 800;
const mebibyte = 1024;

interface Candidate {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

interface Start {
  readonly startMs: number;
  readonly cpuMs: number;
  readonly privateMb: number;
}

const serve = ['serve', '--name', 'start', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];
/** Nothing listens there: the spans of one request are lost at the end, which is not measured. */
const spans = {
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_LOGS_EXPORTER: 'none',
};

const flags = process.argv.slice(2).filter((word) => word.startsWith('--'));

function candidatesOf(program: string, suffix: string): Candidate[] {
  return [
    { name: `meshmock, spans off${suffix}`, program, args: serve, env: {} },
    ...flags.map((flag) => ({ name: `meshmock, ${flag}${suffix}`, program, args: [...serve, flag], env: {} })),
    { name: `meshmock, metrics on${suffix}`, program, args: [...serve, '--metrics', '127.0.0.1:0'], env: {} },
    { name: `meshmock, spans exported${suffix}`, program, args: serve, env: spans },
  ];
}

/** Returns the CPU time of all threads of a process, in milliseconds (proc(5), `schedstat`). */
function cpuMsOf(pid: number): number {
  const folder = `/proc/${pid}/task`;
  const ns = readdirSync(folder).map((thread) =>
    Number(readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return ns.reduce((sum, each) => sum + each, 0) / 1e6;
}

/** Returns the memory that a process shares with no other, in MiB. */
function privateMbOf(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].map(([, size]) => Number(size));
  return kilobytes.reduce((sum, each) => sum + each, 0) / mebibyte;
}

async function firstAnswer(address: string): Promise<void> {
  const request = http.get(`http://${address}/hello`);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 200) throw new Error(`the first answer was ${response.statusCode}`);
}

async function measure({ program, args, env }: Candidate): Promise<Start> {
  const before = performance.now();
  const child = fork(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const ended = new AbortController();
  child.once('exit', () => ended.abort());
  const { http: address } = await serviceReady(child, ended.signal);
  await firstAnswer(address);
  const startMs = performance.now() - before;
  const cpuMs = cpuMsOf(pidOf(child));
  await sleep(idleMs);
  const privateMb = privateMbOf(pidOf(child));
  child.kill('SIGKILL');
  await once(child, 'exit');
  return { startMs, cpuMs, privateMb };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the program did not start');
  return child.pid;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const candidates: Candidate[] = [
  { name: 'bare node:http', program: pathOf('./bare-http.js'), args: [], env: {} },
  ...candidatesOf(pathOf('../../dist/cli/main.js'), ''),
  ...process.argv
    .slice(2)
    .filter((word) => !flags.includes(word))
    .flatMap((program) => candidatesOf(program, `, ${program}`)),
];
const results = candidates.map((candidate) => ({ candidate, starts: [] as Start[], files: 0 }));
for (const result of results) {
  // The first start of a program fills the cache of the compiler, which is written when it ends.
  result.files = (await filesLoadedBy(result.candidate)).length;
}
for (let round = 0; round < rounds; round++)
  for (const { candidate, starts } of results) starts.push(await measure(candidate));
const rows = results.map(({ candidate, starts, files }) =>
  [
    candidate.name.padEnd(26),
    median(starts.map(({ startMs }) => startMs))
      .toFixed(0)
      .padStart(10),
    median(starts.map(({ cpuMs }) => cpuMs))
      .toFixed(0)
      .padStart(8),
    median(starts.map(({ privateMb }) => privateMb))
      .toFixed(1)
      .padStart(12),
    String(files).padStart(7),
  ].join(''),
);
process.stdout.write(
  [
    `medians of ${rounds} starts, Node ${process.version}, load ${os.loadavg()[0]?.toFixed(1)}`,
    `${''.padEnd(26)}${'first ms'.padStart(10)}${'CPU ms'.padStart(8)}${'private MiB'.padStart(12)}${'files'.padStart(7)}`,
    ...rows,
    '',
  ].join('\n'),
);
