import { Resolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitForOk } from '../process/ready.ts';
import { nodeAddress, nodeResolverAddress } from './addresses.ts';

/** URL of the control plane that answers once kube-proxy and CoreDNS have all Services of the API server. */
const servicesUrl = 'http://127.0.0.1:10256';
const pollMs = 10;

/** Waits until kube-proxy and CoreDNS have applied the changes of Services and endpoints that the API server has. */
export function servicesApplied(signal: AbortSignal): Promise<void> {
  return waitForOk(servicesUrl, signal);
}

/** Waits until both name servers of the node have the external hosts with a serial number. */
export async function externalHostsServed(serial: number, signal: AbortSignal): Promise<void> {
  await Promise.all([nodeAddress, nodeResolverAddress].map((address) => serialServed(address, serial, signal)));
}

async function serialServed(address: string, serial: number, signal: AbortSignal): Promise<void> {
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([address]);
  while ((await resolver.resolveSoa('.').catch(() => undefined))?.serial !== serial)
    await sleep(pollMs, undefined, { signal });
}
