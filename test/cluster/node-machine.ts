import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from '../../src/istio/process/program.ts';
import { filesOf, nodeAddress, nodeName, serviceRange } from './node-files.ts';

/**
 * Sets up the namespaces of this process as the machine of a node, with its mounts, network and cgroups. Everything but
 * the cgroups ends with the namespaces.
 */
export async function setUpMachine(folder: string, signal: AbortSignal): Promise<void> {
  const run = (file: string, ...args: string[]): Promise<string> => runProgram(file, args, { signal });
  await run('hostname', nodeName);
  await hideMachine(folder, run);
  makeCgroups(path.basename(folder));
  const links = [
    'link set lo up',
    // The kernel may not support dummy devices.
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

/** Hides folders of the machine to which a node's programs write, and for which they have no flag. */
async function hideMachine(folder: string, run: Run): Promise<void> {
  await run('mount', '--make-rshared', '/');
  for (const place of ['/run', '/var/log']) await run('mount', '-t', 'tmpfs', 'tmpfs', place);
  for (const place of ['/var/lib', '/usr/libexec']) {
    const [upper, work] = ['upper', 'work'].map((name) => path.join('/run/hidden', place, name)) as [string, string];
    for (const directory of [upper, work]) mkdirSync(directory, { recursive: true });
    const layers = `lowerdir=${place},upperdir=${upper},workdir=${work}`;
    await run('mount', '-t', 'overlay', '-o', layers, 'overlay', place);
  }
  await run('mount', '--bind', filesOf(folder).resolvConf, '/etc/resolv.conf');
  // kubelet would change these settings of the whole machine. It finds the right values in files of this node instead.
  const settings = { 'vm/overcommit_memory': '1', 'kernel/panic': '10', 'kernel/panic_on_oops': '1' };
  for (const [name, value] of Object.entries(settings)) {
    const file = path.join(folder, 'conf', path.basename(name));
    writeFileSync(file, `${value}\n`);
    await run('mount', '--bind', file, path.join('/proc/sys', name));
  }
}

const cgroups = '/sys/fs/cgroup';

/** Creates the cgroup of all pods: in each hierarchy of cgroups v1, or in the only one of v2. */
function makeCgroups(name: string): void {
  const hierarchies = readdirSync(cgroups, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(path.join(cgroups, entry.name, 'tasks')))
    .map((entry) => path.join(cgroups, entry.name));
  for (const hierarchy of hierarchies.length === 0 ? [cgroups] : hierarchies) mkdirSync(path.join(hierarchy, name));
  const cpuset = path.join(cgroups, 'cpuset');
  if (!hierarchies.includes(cpuset)) return;
  // In v1, a new cgroup has neither processors nor memory.
  for (const file of ['cpuset.cpus', 'cpuset.mems'])
    copyFileSync(path.join(cpuset, file), path.join(cpuset, name, file));
}
