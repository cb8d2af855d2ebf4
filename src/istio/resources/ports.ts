import type { ContainerPort, PodSpec, Service, ServicePort } from './objects.ts';

/**
 * Protocol that a mock speaks at a port; `other` for a protocol that it cannot speak. At a port for HTTP it also speaks
 * HTTP/2, and at a port for TCP also HTTP. At a port for TLS it speaks HTTP and gRPC.
 */
export type PortProtocol = 'http' | 'grpc' | 'tcp' | 'tls' | 'other';

/** Names of protocols whose mocks speak TCP: those that Istio treats as TCP, and databases and brokers. */
const tcpNames = new Set(
  'tcp mongo mongodb mysql redis postgres postgresql cassandra memcached amqp rabbitmq mqtt kafka nats zookeeper'.split(
    ' ',
  ),
);

/** Numbers of ports on which databases and brokers listen, if the name of a port does not say its protocol. */
const tcpNumbers = new Set([1433, 1521, 1883, 2181, 3306, 4222, 5432, 5672, 6379, 9042, 9092, 11_211, 27_017]);

/**
 * Returns the protocol that a mock speaks at a port. As in Istio ("Protocol Selection"), `appProtocol` decides, or else the
 * name up to its first `-`. The name of a database or broker means TCP. If the name says nothing, its number does so too, and
 * any other port speaks HTTP.
 *
 * @param number number of the port of the pod; that of the Service if not given
 */
export function portProtocolOf(
  { name = '', appProtocol, protocol = 'TCP', port }: Partial<ServicePort>,
  number = port,
): PortProtocol {
  if (protocol !== 'TCP') return 'other';
  const declared = (appProtocol ?? name.split('-')[0] ?? '').toLowerCase();
  if (declared === 'grpc' || declared === 'grpc-web') return 'grpc';
  if (['http', 'http2', 'kubernetes.io/h2c', 'kubernetes.io/ws'].includes(declared)) return 'http';
  if (['https', 'tls', 'kubernetes.io/wss'].includes(declared)) return 'tls';
  if (declared === 'udp') return 'other';
  return tcpNames.has(declared) || tcpNumbers.has(number ?? 0) ? 'tcp' : 'http';
}

/** Returns the port of a pod that a port of a Service leads to, or undefined if the pod has no port of that name. */
export function targetPortOf({ port, targetPort = port }: ServicePort, pod: PodSpec): number | undefined {
  if (typeof targetPort === 'number') return targetPort;
  return containerPortsOf(pod).find(({ name }) => name === targetPort)?.containerPort;
}

export function containerPortsOf(pod: PodSpec): ContainerPort[] {
  return pod.containers.flatMap(({ ports = [] }) => ports);
}

/** Ports on which a mock listens, and ports that it cannot serve. */
export interface PodPorts {
  readonly http: readonly number[];
  readonly grpc: readonly number[];
  readonly tcp: readonly number[];
  readonly tls: readonly number[];
  /** Ports with another protocol, such as `port 53 (dns)`. */
  readonly notServed: readonly string[];
}

/** Port of a pod whose protocol is known, whatever Services say. */
export interface KnownPort {
  readonly port: number;
  readonly protocol: PortProtocol;
  /** Name of the protocol, such as `tls`. */
  readonly name: string;
}

/**
 * Returns the ports of a pod: those that its Services lead to, and those that its containers declare.
 *
 * @param known ports that the images of the containers decide
 */
export function portsOf(pod: PodSpec, services: readonly Service[], known: readonly KnownPort[] = []): PodPorts {
  const protocols = new Map(known.map(({ port, protocol }) => [port, protocol]));
  const names = new Map(known.map(({ port, name }) => [port, name]));
  for (const { spec } of services)
    for (const port of spec.ports ?? []) {
      const target = targetPortOf(port, pod);
      if (target === undefined || protocols.has(target)) continue;
      protocols.set(target, portProtocolOf(port, target));
      names.set(target, port.name ?? port.appProtocol ?? port.protocol ?? '');
    }
  for (const { name = '', containerPort, protocol = 'TCP' } of containerPortsOf(pod)) {
    if (protocols.has(containerPort)) continue;
    protocols.set(containerPort, portProtocolOf({ name, protocol }, containerPort));
    names.set(containerPort, name === '' ? protocol : name);
  }
  const portsWith = (wanted: PortProtocol): number[] =>
    [...protocols].filter(([, protocol]) => protocol === wanted).map(([port]) => port);
  const notServed = portsWith('other').map((port) => `port ${port} (${names.get(port)})`);
  return {
    http: portsWith('http'),
    grpc: portsWith('grpc'),
    tcp: portsWith('tcp'),
    tls: portsWith('tls'),
    notServed,
  };
}
