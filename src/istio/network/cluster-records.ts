import { isIP } from 'node:net';
import { namespaceOf, type Service } from '../resources/objects.ts';
import { type EndpointSlice, isReadyEndpoint, serviceKey, slicesByService } from './endpoint-slice.ts';

/** Objects of a cluster that its DNS answers from. */
export interface ClusterNames {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  /** Names of all namespaces. */
  readonly namespaces: readonly string[];
  /** Addresses of hosts outside the cluster. A host such as `*.example.com` matches every name that ends so. */
  readonly externalHosts: ReadonlyMap<string, readonly string[]>;
}

/** Address of a name, or the name for which an ExternalName stands. */
export interface NameTarget {
  readonly host: string;
  /** Port number; undefined if the Service or its endpoints declare no port, 0 for the name of a pod. */
  readonly port: number | undefined;
  /** Name that has this address alone, as the target of SRV records. */
  readonly name: string;
}

/** Port of a Service or of an endpoint, with the fields that SRV names contain. */
interface NamedPort {
  readonly name?: string | null;
  readonly protocol?: string | null;
  readonly port?: number | null;
}

const zone = 'cluster.local';
const serviceZone = `svc.${zone}`;

/** Index of the names of a cluster, as the kubernetes plugin of CoreDNS has them. Make a new one after each change. */
export class ClusterRecords {
  private readonly services: ReadonlyMap<string, Service>;
  private readonly slices: ReadonlyMap<string, readonly EndpointSlice[]>;
  private readonly namespaces: ReadonlySet<string>;
  private readonly externalHosts: ReadonlyMap<string, readonly string[]>;

  constructor({ services, slices, namespaces, externalHosts }: ClusterNames) {
    this.services = new Map(services.map((service) => [serviceKey(service), service]));
    this.slices = slicesByService(slices);
    this.namespaces = new Set(namespaces);
    this.externalHosts = new Map([...externalHosts].map(([host, addresses]) => [host.toLowerCase(), addresses]));
  }

  /**
   * Returns the targets of a name in the zone `cluster.local`.
   *
   * @param name name in lower case, without the zone, such as `web.default.svc`; empty for the zone itself
   * @returns an empty list for a name that exists without addresses, and undefined for an unknown name
   */
  targetsOf(name: string): readonly NameTarget[] | undefined {
    if (name === '') return [];
    const [kind, namespace, subject, ...rest] = name.split('.').reverse();
    if ((kind !== 'svc' && kind !== 'pod') || rest.length > 2) return undefined;
    if (namespace === undefined) return [];
    if (!this.namespaces.has(namespace)) return undefined;
    if (subject === undefined) return [];
    return kind === 'pod' ? podTargets(subject, namespace) : this.serviceTargets(`${namespace}/${subject}`, rest);
  }

  /** @param rest remaining labels from right to left: an endpoint, or the protocol and the port */
  private serviceTargets(key: string, rest: readonly string[]): readonly NameTarget[] | undefined {
    const service = this.services.get(key);
    if (service === undefined) return undefined;
    const { type, externalName = '', clusterIP = '', clusterIPs = [clusterIP] } = service.spec;
    const name = fullNameOf(service);
    if (type === 'ExternalName') {
      const isName = rest.length === 0 && isIP(externalName) === 0;
      return isName ? [{ host: externalName.replace(/\.$/, ''), port: undefined, name }] : undefined;
    }
    const targets =
      clusterIP === 'None' || rest.length === 1
        ? this.endpointTargets(key, name, rest)
        : matchingPorts(service.spec.ports, rest).flatMap((port) => clusterIPs.map((host) => ({ host, port, name })));
    // A headless Service without endpoints does not exist for CoreDNS.
    return targets.length === 0 ? undefined : targets;
  }

  private endpointTargets(key: string, service: string, rest: readonly string[]): NameTarget[] {
    const wanted = rest.length === 1 ? rest[0] : undefined;
    return (this.slices.get(key) ?? []).flatMap((slice) => {
      const ports = matchingPorts(slice.ports, rest);
      return readyAddresses(slice)
        .filter(({ hostname }) => wanted === undefined || wanted === hostname.toLowerCase())
        .flatMap(({ address, hostname }) =>
          ports.map((port) => ({ host: address, port, name: `${hostname}.${service}` })),
        );
    });
  }

  /** Returns the names of an IPv4 address: the one of a Service, otherwise those of endpoints. */
  namesOf(address: string): readonly string[] {
    for (const service of this.services.values()) {
      const { clusterIP = '', clusterIPs = [clusterIP] } = service.spec;
      if (clusterIPs.includes(address)) return [fullNameOf(service)];
    }
    return [...this.slices].flatMap(([key, slices]) => {
      const [namespace, name] = key.split('/');
      return slices
        .flatMap(readyAddresses)
        .filter((one) => one.address === address)
        .map(({ hostname }) => `${hostname}.${name}.${namespace}.${serviceZone}`);
    });
  }

  /** Returns the addresses of a host outside the cluster, or undefined for an unknown host. The longest name wins. */
  externalAddresses(host: string): readonly string[] | undefined {
    const labels = host.split('.');
    const wildcards = labels.map((_, index) => `*.${labels.slice(index + 1).join('.')}`).slice(0, -1);
    const found = [host, ...wildcards].find((name) => this.externalHosts.has(name));
    return found === undefined ? undefined : this.externalHosts.get(found);
  }
}

/** Returns the target of a pod's name, such as `10-77-1-2`. Like CoreDNS by default, it accepts any address. */
function podTargets(label: string, namespace: string): readonly NameTarget[] | undefined {
  const isIpv4 = label.split('-').length === 4 && !label.includes('--');
  const host = label.replaceAll('-', isIpv4 ? '.' : ':');
  if (isIP(host) === 0) return undefined;
  return [{ host, port: 0, name: `${label}.${namespace}.pod.${zone}` }];
}

/**
 * Returns the numbers of the ports that a name selects: all of them, or those of a port and a protocol.
 *
 * @param rest labels of the name from right to left: `_tcp`, `_http`
 */
function matchingPorts(
  ports: readonly NamedPort[] | null | undefined,
  rest: readonly string[],
): (number | undefined)[] {
  const [protocol, port] = rest.length === 2 ? rest.map((label) => label.replace(/^_/, '')) : [];
  const all: readonly NamedPort[] = ports === undefined || ports === null || ports.length === 0 ? [{}] : ports;
  return all
    .filter(
      (one) =>
        (port === undefined || (one.name ?? '').toLowerCase() === port) &&
        (protocol === undefined || (one.protocol ?? 'TCP').toLowerCase() === protocol),
    )
    .map((one) => one.port ?? undefined);
}

/** Returns the addresses of ready endpoints. An endpoint without a hostname is named by its address. */
function readyAddresses({ endpoints }: EndpointSlice): { address: string; hostname: string }[] {
  return (endpoints ?? [])
    .filter(isReadyEndpoint)
    .flatMap(({ addresses, hostname }) =>
      addresses.map((address) => ({ address, hostname: hostname || address.replaceAll('.', '-') })),
    );
}

function fullNameOf(service: Service): string {
  return `${service.metadata.name}.${namespaceOf(service)}.${serviceZone}`;
}
