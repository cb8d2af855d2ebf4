import { setTimeout } from 'node:timers/promises';
import { namespacesFolder, runProgram } from '../process/program.ts';
import { nodeAddress } from './addresses.ts';
import { ip } from './network-programs.ts';

export interface PodNetworkOptions {
  /** Name of the network namespace. */
  readonly name: string;
  /** Name of the link at the node, with at most 15 characters as for every interface. */
  readonly link: string;
  readonly address: string;
  /** Rules of iptables in the namespace, as iptables-save(8) writes them. */
  readonly rules?: string;
}

/**
 * Creates the network of a pod: a network namespace and a link to the node, which routes all its packets.
 *
 * @throws MeshmockError `machine` with the message of ip(8) if the namespace or the link exists already
 * @example await createPodNetwork({ name: 'mesh-web-1', link: 'pod7', address: '10.77.1.2' }, signal)
 */
export async function createPodNetwork(options: PodNetworkOptions, signal: AbortSignal): Promise<void> {
  // A shell starts its programs faster than this process does, which is large.
  await runProgram('sh', ['-e'], { input: networkScript(options), signal });
}

/** Returns the commands that create a network. Applications listen on ports such as 80 without privileges, as in containers. */
function networkScript({ name, link, address, rules }: PodNetworkOptions): string {
  const inside = [
    'echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start',
    ...withInput('ip -batch -', [
      'link set lo up',
      `addr add ${address}/32 dev eth0`,
      'link set eth0 up',
      `route add ${nodeAddress} dev eth0 scope link`,
      `route add default via ${nodeAddress} src ${address}`,
    ]),
    ...(rules === undefined ? [] : withInput('iptables-restore --wait', [rules])),
  ];
  return [
    ...withInput('ip -batch -', [
      `netns add ${name}`,
      `link add ${link} up type veth peer name eth0 netns ${name}`,
      `route add ${address}/32 dev ${link} src ${nodeAddress}`,
    ]),
    `nsenter --net=${namespacesFolder}/${name} sh -e <<'INSIDE'`,
    ...inside,
    'INSIDE\n',
  ].join('\n');
}

/** Returns a command of a shell with these lines as its standard input. */
function withInput(command: string, lines: readonly string[]): string[] {
  return [`${command} <<'INPUT'`, ...lines, 'INPUT'];
}

/**
 * Kills every process in a network namespace, and waits until they have ended. A killed pilot-agent leaves its Envoy
 * running, with another parent. If the link were removed earlier, peers would not notice the end of their connections.
 */
export async function killAllIn(name: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const pids = await runProgram('ip', ['netns', 'pids', name], { signal });
    if (pids === '') return;
    for (const pid of pids.trim().split('\n')) killIfRunning(Number(pid));
    await setTimeout(10, undefined, { signal });
  }
}

function killIfRunning(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Removes the network of a pod without processes. Its address is unreachable from then on. */
export async function removePodNetwork(
  { name, link }: Pick<PodNetworkOptions, 'name' | 'link'>,
  signal: AbortSignal,
): Promise<void> {
  // The kernel alone would remove the link later.
  await ip([`link del ${link}`, `netns del ${name}`], ['-force'], signal);
}
