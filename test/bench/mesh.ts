/**
 * Measures the start of a local mesh: time, CPU time and memory of its programs. `npm run bench:mesh -- 40 100` starts
 * meshes of 40 and 100 Deployments. `--program FILE` adds another build of the program, such as the `dist/cli/main.js` of
 * another checkout. `--without-page` adds the same with `--no-page`. The builds take turns `--rounds` times, because the
 * machine is shared: compare the CPU time of a pod.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { descendantsOf } from '../istio/descendants.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    program: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '1' },
    'without-page': { type: 'boolean', default: false },
  },
});
const sizes = positionals.length === 0 ? [40] : positionals.map(Number);
const programs = [fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url)), ...values.program];
const pageFlags = [['--page', 'localhost:0'], ...(values['without-page'] ? [['--no-page']] : [])];
const ticksPerSecond = 100;
const longestStartMs = 600_000;
/** Programs of a pod. */
const ofPods = ['mock', 'pilot-agent', 'envoy'];

/** CPU time and memory of all processes of one program. */
interface Usage {
  processes: number;
  cpuS: number;
  /** Memory, with a share of what it has in common with other processes (Pss), in MiB. */
  memory: number;
}

function manifest(pods: number): string {
  const each = (index: number): string => `apiVersion: v1
kind: Service
metadata: { name: s${index} }
spec: { selector: { app: s${index} }, ports: [{ name: http, port: 8080 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: s${index} }
spec:
  selector: { matchLabels: { app: s${index} } }
  template:
    metadata: { labels: { app: s${index} } }
    spec: { containers: [{ name: app, image: example.com/app, ports: [{ containerPort: 8080 }] }] }
`;
  return Array.from({ length: pods }, (_, index) => each(index)).join('---\n');
}

function programOf(pid: number, name: string): string {
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  if (command.includes('serve') && command.some((one) => one.endsWith('main.js'))) return 'mock';
  return command.some((one) => one.includes('host/controller')) && /node/i.test(name) ? 'controller' : name;
}

/** Returns the usage of a process and of all programs below it. Programs that have ended count as `ended`. */
function usageBelow(pid: number): Map<string, Usage> {
  const usages = new Map<string, Usage>();
  const add = (program: string, cpuS: number, memory: number): void => {
    const usage = usages.get(program) ?? { processes: 0, cpuS: 0, memory: 0 };
    usage.processes++;
    usage.cpuS += cpuS;
    usage.memory += memory;
    usages.set(program, usage);
  };
  for (const id of [pid, ...descendantsOf(pid)]) {
    try {
      const [, name = '', rest = ''] = /\((.*)\) (.*)/s.exec(readFileSync(`/proc/${id}/stat`, 'utf8')) ?? [];
      const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = rest.split(' ').slice(11, 15).map(Number);
      const [, pss = 0] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, 'utf8')) ?? [];
      const program = id === pid ? 'istio up' : programOf(id, name);
      add(program, (user + system) / ticksPerSecond, Number(pss) / 1024);
      add('ended', (endedUser + endedSystem) / ticksPerSecond, 0);
    } catch {
      // The process has ended meanwhile.
    }
  }
  return usages;
}

async function untilUp(child: ChildProcess): Promise<void> {
  let output = '';
  const signal = AbortSignal.timeout(longestStartMs);
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`the mesh ended: ${output}`)));
  ended.catch(() => {});
  child.stderr?.on('data', (data) => {
    output += data;
  });
  let printed = '';
  while (!printed.includes('Ctrl-C')) {
    const [data] = await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data', { signal }), ended]);
    printed += data;
  }
}

async function measure(program: string, pods: number, flags: readonly string[]): Promise<void> {
  const load = os.loadavg()[0]?.toFixed(1);
  const anyPorts = ['--http', '--grpc', '--jaeger', '--metrics'].flatMap((flag) => [flag, 'localhost:0']);
  const args = ['istio', 'up', '--mesh', `bench-${process.pid}`, '-f', '-', ...anyPorts, ...flags];
  const startedAt = performance.now();
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(manifest(pods));
  try {
    await untilUp(child);
    const seconds = (performance.now() - startedAt) / 1000;
    const usages = usageBelow(child.pid ?? 0);
    report(`${pods} pods, load ${load}, ${program} ${flags.join(' ')}`, seconds, pods, usages);
  } finally {
    child.kill('SIGINT');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

function report(title: string, seconds: number, pods: number, usages: ReadonlyMap<string, Usage>): void {
  const all = [...usages.values()].reduce((sum, { cpuS }) => sum + cpuS, 0);
  const podMemory = ofPods.reduce((sum, name) => sum + (usages.get(name)?.memory ?? 0) / pods, 0);
  const rows = [...usages].filter(([, { cpuS, memory }]) => cpuS >= 0.1 || memory >= 1);
  const lines = rows
    .toSorted(([, one], [, other]) => other.cpuS - one.cpuS)
    .map(([name, { processes, cpuS, memory }]) =>
      [
        `  ${name.padEnd(18)}`,
        name === 'ended' ? '     ' : String(processes).padStart(5),
        `${cpuS.toFixed(1)} s`.padStart(9),
        `${(memory / processes).toFixed(1)} MiB each`.padStart(16),
      ].join(''),
    );
  const total = `up in ${seconds.toFixed(1)} s, CPU ${all.toFixed(1)} s, ${(all / pods).toFixed(2)} s for each pod`;
  process.stdout.write(`${[title, `${total}; memory of a pod ${podMemory.toFixed(1)} MiB`, ...lines].join('\n')}\n\n`);
}

for (let round = 0; round < Number(values.rounds); round++)
  for (const pods of sizes)
    for (const program of programs) for (const flags of pageFlags) await measure(program, pods, flags);
