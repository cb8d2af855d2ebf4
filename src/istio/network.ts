import { setTimeout } from 'node:timers/promises';
import { runProgram } from './program.ts';

/** The network of a bed: a bridge in a namespace of its own, that nothing links to the machine's. */
export const bridgeAddress = '10.77.0.1';
export const istiodAddress = '10.77.0.2';
export const jaegerAddress = '10.77.0.3';

const bridge = 'br0';
const prefixBits = 16;
const serviceNetwork = '10.96.0.0/16';

/** Gives out the addresses of pods (10.77.1.0 and up) and of Services (10.96.0.0/16), each once. */
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

  /** Takes an address that a Service has chosen itself. */
  reserve(address: string): void {
    this.reserved.add(address);
  }
}

/** Makes the bridge in the namespace in which this process is. */
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
 * Makes a network namespace with one address on the bridge.
 *
 * @param link the name of the bridge's end of it: at most 15 characters, as of every interface
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
}

/** Has a user's connections to the addresses of Services fail at once: nobody stands behind them, as kube-proxy would. */
export async function refuseServices(namespace: string, uid: number, signal: AbortSignal): Promise<void> {
  await ip([`rule add uidrange ${uid}-${uid} to ${serviceNetwork} unreachable`], ['-n', namespace], signal);
}

/**
 * Kills every process in a namespace: Envoy, which outlives a pilot-agent that was killed, has another parent then.
 * Resolves when they have gone: were the link removed before, nobody would be told that their connections have ended.
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

/** Removes a namespace, once no process is in it any more, and its link, which the kernel would take its time for. */
export async function removeNamespace(name: string, link: string, signal: AbortSignal): Promise<void> {
  await ip([`link del ${link}`, `netns del ${name}`], ['-force'], signal);
}

async function ip(lines: readonly string[], args: readonly string[], signal: AbortSignal): Promise<void> {
  await runProgram('ip', [...args, '-batch', '-'], { input: `${lines.join('\n')}\n`, signal });
}
