import { isIPv4 } from 'node:net';
import type { Service, ServicePort } from '../resources/objects.ts';
import { nodeAddress } from './addresses.ts';
import {
  type Endpoint,
  type EndpointSlice,
  isReadyEndpoint,
  isServingWhileTerminating,
  serviceKey,
  slicesByService,
} from './endpoint-slice.ts';

/** Chain of the table `nat` that replaces the addresses of Services by those of endpoints. */
export const serviceChain = 'MESHMOCK-SERVICES';
/** Chain of the table `nat` for pods that call themselves through a Service. */
export const hairpinChain = 'MESHMOCK-HAIRPIN';
/** Chain of the table `filter` that refuses connections to Services without endpoints. */
export const rejectChain = 'MESHMOCK-REJECT';

const defaultAffinitySeconds = 10_800;

/** Port of a Service with the endpoints that serve it. */
interface RoutedPort {
  /** `NAMESPACE/SERVICE:PORT`. */
  readonly name: string;
  /** Conditions of rules for its packets, one for each address of the Service. */
  readonly matches: readonly string[];
  readonly protocol: string;
  /** `ADDRESS:PORT` of the endpoints. */
  readonly endpoints: readonly string[];
  /** Duration for which a client stays with its endpoint; undefined without session affinity. */
  readonly affinitySeconds: number | undefined;
}

interface Destination {
  readonly address: string;
  readonly number: number;
}

/**
 * Returns the rules that make the addresses of Services work, as kube-proxy's, in the format of
 * `iptables-restore --noflush`. The text replaces all rules of an earlier one.
 *
 * A UDP socket that keeps sending keeps its endpoint, even one that has ended. The kernel forgets the endpoint after 30
 * seconds without a packet, or 120 seconds if packets went both ways.
 */
export function serviceRules(services: readonly Service[], slices: readonly EndpointSlice[]): string {
  const grouped = slicesByService(slices);
  // The same state results in the same text, in whatever order the API server returned it.
  const ports = services
    .flatMap((service) => routedPorts(service, grouped.get(serviceKey(service)) ?? []))
    .sort((a, b) => compare(a.name, b.name));
  const addresses = new Set(ports.flatMap(({ endpoints }) => endpoints.map(addressOf)));
  addresses.delete(nodeAddress);
  return [
    '*nat',
    `:${serviceChain} - [0:0]`,
    `:${hairpinChain} - [0:0]`,
    ...ports.flatMap(translations),
    // A pod drops packets that arrive with its own address as the source.
    ...[...addresses]
      .sort(compare)
      .map((one) => `-A ${hairpinChain} -s ${one} -d ${one} -j SNAT --to-source ${nodeAddress}`),
    'COMMIT',
    '*filter',
    `:${rejectChain} - [0:0]`,
    ...ports.flatMap(rejections),
    'COMMIT',
    '',
  ].join('\n');
}

/** Returns the ports of a Service that has an address. Headless Services and ExternalNames have none. */
function routedPorts(service: Service, slices: readonly EndpointSlice[]): RoutedPort[] {
  const { clusterIP = '', type, ports = [], sessionAffinity, sessionAffinityConfig } = service.spec;
  if (type === 'ExternalName' || clusterIP === '' || clusterIP === 'None') return [];
  const affinitySeconds =
    sessionAffinity === 'ClientIP'
      ? (sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds)
      : undefined;
  return ports
    .map((port) => ({ port, protocol: (port.protocol ?? 'TCP').toLowerCase() }))
    .filter(({ protocol }) => protocol === 'tcp' || protocol === 'udp')
    .map(({ port, protocol }) => ({
      name: `${serviceKey(service)}:${port.name ?? port.port}/${protocol}`,
      matches: destinationsOf(service, port).map(
        ({ address, number }) => `-d ${address} -p ${protocol} --dport ${number}`,
      ),
      protocol,
      endpoints: endpointsOf(port, slices),
      affinitySeconds,
    }));
}

/** Returns the destinations that lead to a port of a Service. */
function destinationsOf({ spec, status }: Service, { port, nodePort }: ServicePort): Destination[] {
  const { clusterIP, clusterIPs = [], externalIPs = [] } = spec;
  const balancers = status?.loadBalancer?.ingress?.flatMap(({ ip }) => ip ?? []) ?? [];
  const addresses = new Set([clusterIP ?? '', ...clusterIPs, ...externalIPs, ...balancers]);
  return [
    ...[...addresses].filter((address) => isIPv4(address)).map((address) => ({ address, number: port })),
    ...(nodePort === undefined || nodePort === 0 ? [] : [{ address: nodeAddress, number: nodePort }]),
  ];
}

/**
 * Returns the endpoints of a port: those that are ready, otherwise those that still serve while they end.
 *
 * @example endpointsOf({ name: 'http', port: 80 }, slices) // ['10.77.1.2:8080']
 */
function endpointsOf(port: ServicePort, slices: readonly EndpointSlice[]): string[] {
  const wanted = ({ name, protocol }: { name?: string | null; protocol?: string | null }): string =>
    `${name ?? ''}/${protocol ?? 'TCP'}`;
  const selected = (isSelected: (endpoint: Endpoint) => boolean): string[] =>
    slices.flatMap(({ endpoints, ports }) => {
      const number = ports?.find((one) => wanted(one) === wanted(port))?.port;
      if (number === undefined || number === null) return [];
      // kube-proxy uses only the first address of an endpoint, as the API demands.
      return (endpoints ?? [])
        .filter(isSelected)
        .flatMap(({ addresses: [address] }) => (address === undefined ? [] : [`${address}:${number}`]));
    });
  const ready = selected(isReadyEndpoint);
  const found = ready.length > 0 ? ready : selected(isServingWhileTerminating);
  return [...new Set(found)].sort(compare);
}

/** Returns the rules that choose one of the endpoints at random. */
function translations({ name, matches, endpoints, affinitySeconds }: RoutedPort): string[] {
  const comment = `-m comment --comment "${name}"`;
  const isKnown = (endpoint: string): string => `-m recent --name ${listName(name, endpoint)}`;
  return matches.flatMap((match) => {
    const returning =
      affinitySeconds === undefined
        ? []
        : endpoints.map(
            (endpoint) =>
              `-A ${serviceChain} ${match} ${comment} ${isKnown(endpoint)} --update --seconds ${affinitySeconds} --reap -j DNAT --to-destination ${endpoint}`,
          );
    const chosen = endpoints.map((endpoint, index) => {
      const left = endpoints.length - index;
      const chance = left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}`;
      const remember = affinitySeconds === undefined ? '' : ` ${isKnown(endpoint)} --set`;
      return `-A ${serviceChain} ${match} ${comment}${chance}${remember} -j DNAT --to-destination ${endpoint}`;
    });
    return [...returning, ...chosen];
  });
}

/** Returns the name of the kernel's list of clients of an endpoint, which must not contain a slash. */
function listName(port: string, endpoint: string): string {
  return `${port}_${endpoint}`.replaceAll(/[/:]/g, '_');
}

/** Returns the rules that refuse connections if no endpoint serves a port. */
function rejections({ name, matches, protocol, endpoints }: RoutedPort): string[] {
  if (endpoints.length > 0) return [];
  // A connection from the node itself notices a reset at once, but not a message of ICMP.
  const answer = protocol === 'tcp' ? 'tcp-reset' : 'icmp-port-unreachable';
  return matches.map(
    (match) =>
      `-A ${rejectChain} ${match} -m comment --comment "${name} has no endpoints" -j REJECT --reject-with ${answer}`,
  );
}

function addressOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.lastIndexOf(':'));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
