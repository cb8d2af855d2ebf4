import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from '../../src/istio/program.ts';
import { filesOf, nodeAddress, nodeName, serviceRange } from './node-files.ts';

/**
 * Makes the namespaces of this process a machine that is a node: its mounts, its network, its cgroups. But for the
 * last, it all ends with the namespaces.
 */
export async function becomeNode(folder: string, signal: AbortSignal): Promise<void> {
  const run = (file: string, ...args: string[]): Promise<string> => runProgram(file, args, { signal });
  await run('hostname', nodeName);
  await hideMachine(folder, run);
  makeCgroups(path.basename(folder));
  const links = [
    'link set lo up',
    // A kernel may have no dummy devices.
    'link add eth0 type veth peer name eth0-peer',
    'link set eth0-peer up',
    `addr add ${nodeAddress}/24 dev eth0`,
    'link set eth0 up',
    // An address must have a route before iptables gives it another.
    `route add ${serviceRange} dev eth0`,
  ];
  await runProgram('ip', ['-batch', '-'], { input: `${links.join('\n')}\n`, signal });
  for (const [name, value] of [
    ['net/ipv4/ip_forward', '1'],
    ['net/ipv4/conf/all/rp_filter', '0'],
  ] as const)
    writeFileSync(path.join('/proc/sys', name), value);
}

type Run = (file: string, ...args: string[]) => Promise<string>;

/** What a node's programs write at places that no flag changes is not to be on the machine. */
async function hideMachine(folder: string, run: Run): Promise<void> {
  await run('mount', '--make-rshared', '/');
  for (const place of ['/run', '/var/log']) await run('mount', '-t', 'tmpfs', 'tmpfs', place);
  for (const place of ['/var/lib', '/usr/libexec']) {
    const [upper, work] = ['upper', 'work'].map((name) => path.join('/run/hidden', place, name)) as [string, string];
    for (const made of [upper, work]) mkdirSync(made, { recursive: true });
    const layers = `lowerdir=${place},upperdir=${upper},workdir=${work}`;
    await run('mount', '-t', 'overlay', '-o', layers, 'overlay', place);
  }
  await run('mount', '--bind', filesOf(folder).resolvConf, '/etc/resolv.conf');
  // kubelet sets these, and they are the whole machine's: it finds them set, in files of its own.
  const settings = { 'vm/overcommit_memory': '1', 'kernel/panic': '10', 'kernel/panic_on_oops': '1' };
  for (const [name, value] of Object.entries(settings)) {
    const file = path.join(folder, 'conf', path.basename(name));
    writeFileSync(file, `${value}\n`);
    await run('mount', '--bind', file, path.join('/proc/sys', name));
  }
}

const cgroups = '/sys/fs/cgroup';

/** Makes the cgroup that all pods are in: in each hierarchy of cgroups v1, or in the one of v2. */
function makeCgroups(name: string): void {
  const hierarchies = readdirSync(cgroups, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(path.join(cgroups, entry.name, 'tasks')))
    .map((entry) => path.join(cgroups, entry.name));
  for (const hierarchy of hierarchies.length === 0 ? [cgroups] : hierarchies) mkdirSync(path.join(hierarchy, name));
  const cpuset = path.join(cgroups, 'cpuset');
  if (!hierarchies.includes(cpuset)) return;
  // In v1 a new one has neither processors nor memory.
  for (const file of ['cpuset.cpus', 'cpuset.mems'])
    copyFileSync(path.join(cpuset, file), path.join(cpuset, name, file));
}
