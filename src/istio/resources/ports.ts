import type { ContainerPort, PodSpec, Service, ServicePort } from './objects.ts';

/** Protocol that a mock speaks at a port; `other` for a protocol that it cannot speak. */
export type PortProtocol = 'http' | 'grpc' | 'other';

/**
 * Returns the protocol of a port as Istio selects it: `appProtocol`, or else the name up to its first `-` (Istio,
 * "Protocol Selection"). A port with neither speaks HTTP.
 */
export function protocolOf({ name = '', appProtocol, protocol = 'TCP' }: Partial<ServicePort>): PortProtocol {
  if (protocol !== 'TCP') return 'other';
  const declared = (appProtocol ?? name.split('-')[0] ?? '').toLowerCase();
  if (declared === 'grpc' || declared === 'grpc-web') return 'grpc';
  // HTTP/2 without gRPC, or another protocol than HTTP.
  return ['http2', 'kubernetes.io/h2c', 'https', 'tls', 'mongo', 'mysql', 'redis', 'udp'].includes(declared)
    ? 'other'
    : 'http';
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
  /** Ports with another protocol, such as `port 3306 (mysql)`. */
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
      protocols.set(target, protocolOf(port));
      names.set(target, port.name ?? port.appProtocol ?? port.protocol ?? '');
    }
  for (const { name = '', containerPort, protocol = 'TCP' } of containerPortsOf(pod)) {
    if (protocols.has(containerPort)) continue;
    protocols.set(containerPort, protocolOf({ name, protocol }));
    names.set(containerPort, name === '' ? protocol : name);
  }
  const portsWith = (wanted: PortProtocol): number[] =>
    [...protocols].filter(([, protocol]) => protocol === wanted).map(([port]) => port);
  const notServed = portsWith('other').map((port) => `port ${port} (${names.get(port)})`);
  return { http: portsWith('http'), grpc: portsWith('grpc'), notServed };
}
