import { setTimeout } from 'node:timers/promises';
import { namespacesFolder, runProgram } from './program.ts';

/** Address of a local mesh's bridge. The bridge is in its own namespace, without a link to the machine's network. */
export const bridgeAddress = '10.77.0.1';
export const istiodAddress = '10.77.0.2';
export const jaegerAddress = '10.77.0.3';

const bridge = 'br0';
const prefixBits = 16;
const serviceNetwork = '10.96.0.0/16';

/** Allocator of unique addresses for pods (from 10.77.1.0 on) and Services (10.96.0.0/16). */
export class Addresses {
  private pods = 0;
  private services = 0;
  private readonly reserved = new Set<string>();

  pod(): string {
    const next = ++this.pods;
    return `10.77.${1 + Math.floor(next / 250)}.${1 + (next % 250)}`;
  }

  service(): string {
    const next = ++this.services;
    const address = `10.96.${Math.floor(next / 250)}.${1 + (next % 250)}`;
    return this.reserved.has(address) ? this.service() : address;
  }

  /** Excludes an address that a manifest sets. */
  reserve(address: string): void {
    this.reserved.add(address);
  }
}

/** Creates the bridge in the network namespace of this process. */
export async function createBridge(signal: AbortSignal): Promise<void> {
  await ip(
    [
      'link set lo up',
      `link add ${bridge} type bridge`,
      `addr add ${bridgeAddress}/${prefixBits} dev ${bridge}`,
      `link set ${bridge} up`,
    ],
    [],
    signal,
  );
}

/**
 * Creates a network namespace with one address on the bridge.
 *
 * @param link name of the interface at the bridge, with at most 15 characters as for every interface
 */
export async function createNamespace(name: string, link: string, address: string, signal: AbortSignal): Promise<void> {
  await ip(
    [`netns add ${name}`, `link add ${link} master ${bridge} up type veth peer name eth0 netns ${name}`],
    [],
    signal,
  );
  await ip(
    [
      `addr add ${address}/${prefixBits} dev eth0`,
      'link set lo up',
      'link set eth0 up',
      `route add default via ${bridgeAddress}`,
    ],
    ['-n', name],
    signal,
  );
  // Gateways listen on ports such as 80 without privileges, as the template of Istio's gateways allows.
  const allow = 'echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start';
  await runProgram('nsenter', [`--net=${namespacesFolder}/${name}`, 'sh', '-c', allow], { signal });
}

/** Makes a user's connections to Service addresses fail at once. Without kube-proxy, nothing answers there. */
export async function rejectServiceAddresses(namespace: string, uid: number, signal: AbortSignal): Promise<void> {
  await ip([`rule add uidrange ${uid}-${uid} to ${serviceNetwork} unreachable`], ['-n', namespace], signal);
}

/**
 * Kills every process in a network namespace, and waits until they have ended. A killed pilot-agent leaves its Envoy
 * behind, with another parent. If the link were removed earlier, peers would not notice the end of their connections.
 */
export async function killAllIn(name: string, signal: AbortSignal): Promise<void> {
  const pids = await runProgram('ip', ['netns', 'pids', name], { signal });
  if (pids === '') return;
  for (const pid of pids.trim().split('\n')) killIfThere(Number(pid));
  await setTimeout(10, undefined, { signal });
  await killAllIn(name, signal);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Removes a network namespace without processes, and its link. The kernel alone would remove the link later. */
export async function removeNamespace(name: string, link: string, signal: AbortSignal): Promise<void> {
  await ip([`link del ${link}`, `netns del ${name}`], ['-force'], signal);
}

async function ip(lines: readonly string[], args: readonly string[], signal: AbortSignal): Promise<void> {
  await runProgram('ip', [...args, '-batch', '-'], { input: `${lines.join('\n')}\n`, signal });
}
