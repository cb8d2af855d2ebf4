import { readFileSync } from 'node:fs';
import os from 'node:os';

/** Measurements of one slice of a candidate. */
export interface Slice {
  /** Requests per second. */
  readonly rate: number;
  /** CPU time of all processes of the candidate per request, in microseconds. */
  readonly cpuUs: number;
  /** 99th percentile of the latency, in milliseconds. */
  readonly p99Ms: number;
  /** Memory at its end that the processes of the candidate share with no other, in megabytes. */
  readonly privateMegabytes: number;
}

/** Row of a result, with medians of the slices. */
export interface Row extends Slice {
  readonly name: string;
  /** Requests in all services that one request causes. */
  readonly requests: number;
  readonly rateSpreadPercent: number;
}

/** Rows of one scenario. */
export interface Measured {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** Machine and versions of a run. */
export interface Machine {
  readonly meshmock: string;
  readonly node: string;
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly date: string;
  /** Load of the minute before the run. */
  readonly load: number;
  readonly loadAfter?: number;
}

/** Settings of a run. */
interface Run {
  readonly machine: Machine;
  readonly connections: number;
  readonly slices: number;
  readonly sliceMs: number;
}

/** Result of a run, as `--json` writes it. The names of its rows have the versions of other programs. */
export interface BenchResult extends Run {
  readonly results: readonly Measured[];
}

/** Returns the machine and its load now. */
export function machineNow(): Machine {
  const file = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return {
    meshmock: version,
    node: process.version,
    kernel: `${os.type()} ${os.release()}`,
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.cpus().length,
    memoryGib: Math.round(os.totalmem() / 1024 ** 3),
    date: new Date().toISOString().slice(0, 10),
    load: os.loadavg()[0] ?? Number.NaN,
  };
}

/** Returns the first line of an output. */
export function headOf({ machine: { node, cores, load }, connections, slices, sliceMs }: Run): string {
  const settings = `${connections} connections, medians of ${slices} slices of ${sliceMs} ms`;
  return `${settings}, Node ${node}, ${cores} cores, load ${load.toFixed(1)} before`;
}

const columns = ['req/s', 'ratio', '±%', 'CPU us', 'ratio', 'us/request', 'p99 ms', 'private MB'];

const minNameWidth = 28;

/** Returns the rows of a scenario as a table in plain text. */
export function tableOf({ title, rows }: Measured): string {
  const [first] = rows;
  const nameWidth = Math.max(minNameWidth, ...rows.map(({ name }) => name.length));
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
    `${name.padEnd(nameWidth)}${values.map((value, index) => value.padStart(Math.max(8, (columns[index] ?? '').length + 2))).join('')}`;
  return [title, line('', columns), ...rows.map(({ name }, index) => line(name, cells[index] ?? []))].join('\n');
}
