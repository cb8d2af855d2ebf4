import type { ContainerPort, PodSpec, Service, ServicePort } from './objects.ts';

/** What a mock speaks at a port; `other` is what it cannot. */
export type PortProtocol = 'http' | 'grpc' | 'other';

/**
 * The protocol of a port, as Istio selects it: `appProtocol`, else the name up to its first `-` ("Protocol
 * Selection"). A port that says nothing is taken for HTTP.
 */
export function protocolOf({ name = '', appProtocol, protocol = 'TCP' }: Partial<ServicePort>): PortProtocol {
  if (protocol !== 'TCP') return 'other';
  const said = (appProtocol ?? name.split('-')[0] ?? '').toLowerCase();
  if (said === 'grpc' || said === 'grpc-web') return 'grpc';
  // They are HTTP/2 without gRPC, or no HTTP at all.
  return ['http2', 'kubernetes.io/h2c', 'https', 'tls', 'mongo', 'mysql', 'redis', 'udp'].includes(said)
    ? 'other'
    : 'http';
}

/** The port of a pod behind a port of a Service. */
export function targetPortOf({ port, targetPort = port }: ServicePort, pod: PodSpec): number | undefined {
  if (typeof targetPort === 'number') return targetPort;
  return containerPortsOf(pod).find(({ name }) => name === targetPort)?.containerPort;
}

export function containerPortsOf(pod: PodSpec): ContainerPort[] {
  return pod.containers.flatMap(({ ports = [] }) => ports);
}

/** Where a mock is to listen, and what of its ports it cannot serve. */
export interface PodPorts {
  readonly http: readonly number[];
  readonly grpc: readonly number[];
  readonly notServed: readonly string[];
}

/** The ports of a pod: those that its Services lead to, and those that it names itself. */
export function portsOf(pod: PodSpec, services: readonly Service[]): PodPorts {
  const protocols = new Map<number, PortProtocol>();
  const names = new Map<number, string>();
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
  const those = (wanted: PortProtocol): number[] =>
    [...protocols].filter(([, protocol]) => protocol === wanted).map(([port]) => port);
  const notServed = those('other').map((port) => `port ${port} (${names.get(port)})`);
  return { http: those('http'), grpc: those('grpc'), notServed };
}
