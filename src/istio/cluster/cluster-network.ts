import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { type ExternalHosts, writeExternalHosts } from '../network/external-hosts.ts';
import { externalHostsServed } from '../network/node-services.ts';
import { externalHostsAnnotation } from '../resources/installation.ts';
import type { Pod } from '../resources/objects.ts';
import type { ClusterView } from './cluster-view.ts';

/** Network of a mesh's Services: kube-proxy and CoreDNS follow the objects of the API, and this gives CoreDNS its hosts. */
export class ClusterNetwork {
  private readonly view: ClusterView;
  private readonly zoneFile: string;
  private hosts: ExternalHosts | undefined;
  /** Serial number of the zone. The control plane begins with 1. */
  private serial = 1;

  /** @param zoneFile path of the file of CoreDNS with the hosts outside the mesh */
  constructor(view: ClusterView, zoneFile: string) {
    this.view = view;
    this.zoneFile = zoneFile;
    view.onChange(['Pod', 'ServiceEntry'], () => this.writeHosts());
    this.writeHosts();
  }

  /** Resolves when the DNS has the hosts of the view. */
  hostsServed(signal: AbortSignal): Promise<void> {
    return externalHostsServed(this.serial, signal);
  }

  private writeHosts(): void {
    const hosts = externalHosts(this.view);
    if (isDeepStrictEqual(hosts, this.hosts)) return;
    this.hosts = hosts;
    writeExternalHosts(this.zoneFile, hosts, ++this.serial);
  }
}

/**
 * Returns the addresses of hosts outside the mesh: those of the mocks that answer for them, and else those of their
 * ServiceEntry. In a cluster, the DNS of the Internet has such hosts.
 */
function externalHosts(view: ClusterView): ExternalHosts {
  const found = new Map<string, readonly string[]>();
  for (const { spec } of view.config(['ServiceEntry']))
    for (const [host, addresses] of addressesOfEntry(spec)) found.set(host, addresses);
  for (const [host, addresses] of mocksOf(view.pods)) found.set(host, addresses);
  return found;
}

/** Returns the addresses of the mocks of each host. */
function mocksOf(pods: readonly Pod[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { metadata, status } of pods) {
    const { podIP } = status ?? {};
    const hosts = metadata.annotations?.[externalHostsAnnotation]?.split(',') ?? [];
    if (podIP !== undefined) for (const host of hosts) found.set(host, [...(found.get(host) ?? []), podIP]);
  }
  return found;
}

function addressesOfEntry(spec: unknown): [host: string, addresses: readonly string[]][] {
  const { hosts, addresses = [] } = spec as { hosts: readonly string[]; addresses?: readonly string[] };
  const own = addresses.filter((address) => isIPv4(address));
  return hosts.map((host) => [host, own.length > 0 ? own : [outsideAddress(host)]]);
}

/**
 * Returns an address outside the mesh that stays the same for a host. It leads nowhere (RFC 5737, TEST-NET-3), but a
 * sidecar takes over the connection.
 */
function outsideAddress(host: string): string {
  const [first = 0] = createHash('sha256').update(host).digest();
  return `203.0.113.${1 + (first % 254)}`;
}
