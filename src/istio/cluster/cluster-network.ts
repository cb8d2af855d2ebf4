import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { ServiceRules } from '../network/apply-service-rules.ts';
import { ClusterRecords } from '../network/cluster-records.ts';
import { startDnsServer } from '../network/dns-server.ts';
import { externalHostsAnnotation } from '../resources/installation.ts';
import type { Pod } from '../resources/objects.ts';
import type { ClusterView } from './cluster-view.ts';

/** Network of a mesh's Services: the rules of the node, and the names. It follows the objects of the API. */
export class ClusterNetwork {
  private readonly view: ClusterView;
  private readonly signal: AbortSignal;
  private readonly rules = new ServiceRules();
  private records: ClusterRecords | undefined;
  private isScheduled = false;

  private constructor(view: ClusterView, signal: AbortSignal) {
    this.view = view;
    this.signal = signal;
  }

  /** Starts the name server, and keeps rules and names current until the signal aborts. */
  static async start(view: ClusterView, signal: AbortSignal): Promise<ClusterNetwork> {
    const network = new ClusterNetwork(view, signal);
    view.onChange(['Service', 'EndpointSlice'], () => network.schedule());
    view.onChange(['Namespace', 'Pod', 'ServiceEntry'], () => network.forgetNames());
    await Promise.all([network.update(signal), startDnsServer({ records: () => network.currentRecords() }, signal)]);
    return network;
  }

  /** Brings the rules up to date with the view, and resolves when they are in effect. */
  async update(signal: AbortSignal): Promise<void> {
    await this.rules.update(this.view.services, this.view.slices, signal);
  }

  private currentRecords(): ClusterRecords {
    const { services, slices, namespaces } = this.view;
    this.records ??= new ClusterRecords({
      services,
      slices,
      namespaces: namespaces.map(({ metadata }) => metadata.name),
      externalHosts: this.externalHosts(),
    });
    return this.records;
  }

  /**
   * Returns the addresses of hosts outside the mesh: those of the mocks that answer for them, and else those of their
   * ServiceEntry. In a cluster, the DNS of the Internet has such hosts.
   */
  private externalHosts(): Map<string, readonly string[]> {
    const found = new Map<string, readonly string[]>();
    for (const { spec } of this.view.config(['ServiceEntry']))
      for (const [host, addresses] of addressesOfEntry(spec)) found.set(host, addresses);
    for (const [host, addresses] of mocksOf(this.view.pods)) found.set(host, addresses);
    return found;
  }

  private forgetNames(): void {
    this.records = undefined;
  }

  /** Several changes that arrive together become one update. */
  private schedule(): void {
    this.forgetNames();
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      // The mesh ends when the rules cannot be set: its programs then report the reason.
      this.update(this.signal).catch(() => {});
    });
  }
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
