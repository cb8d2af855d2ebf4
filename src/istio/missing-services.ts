import { isIstioGateway } from './gateways.ts';
import type { KubeObject, Service, ServicePort } from './objects.ts';

const defaultPorts: readonly ServicePort[] = [
  { name: 'http', port: 8080, targetPort: 8080 },
  { name: 'grpc', port: 9090, targetPort: 9090 },
];

/** What hosts of routes mean. */
export interface Names {
  /** Hosts outside the mesh. */
  readonly external: ReadonlySet<string>;
  /** Those that there are: `a.b` is a Service only when b is one of them. */
  readonly namespaces: ReadonlySet<string>;
}

/** The Services that configuration sends to and that are not there, with the ports at which it does. */
export function missingServices(services: readonly Service[], config: readonly KubeObject[], names: Names): Service[] {
  const callablePorts = portsOfCallers(config);
  return destinationsOf(config, names)
    .filter(
      ({ name, namespace }) =>
        !services.some(({ metadata }) => metadata.name === name && metadata.namespace === namespace),
    )
    .map((destination) => serviceFor(destination, destination.isWithoutPort ? callablePorts : []));
}

/**
 * @param callablePorts which a route means that says none: sidecars take the one that was called, even where the Service
 * has only another one
 */
function serviceFor({ name, namespace, ports }: Destination, callablePorts: readonly number[]): Service {
  const first = ports.length > 0 ? [] : defaultPorts;
  const known = new Set([...first.map(({ port }) => port), ...ports]);
  const called = callablePorts.filter((port) => !known.has(port));
  const said = [...ports, ...called].map((port) => ({ name: `http-${port}`, port, targetPort: port }));
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [...first, ...said] },
  };
}

/** At what a host may be called besides the ports of mocks: 80, and where gateways listen. */
function portsOfCallers(config: readonly KubeObject[]): number[] {
  const servers = config.filter(isIstioGateway).flatMap(({ spec }) => spec?.servers ?? []);
  return [...new Set([80, ...servers.map(({ port }) => port.number)])];
}

/** A Service that is sent to. */
interface Destination {
  readonly name: string;
  readonly namespace: string;
  readonly ports: readonly number[];
  /** Whether some route does not say any. */
  readonly isWithoutPort: boolean;
}

/** Every Service that configuration sends to. */
function destinationsOf(config: readonly KubeObject[], { external, namespaces }: Names): Destination[] {
  const found = new Map<string, Destination>();
  for (const object of config) {
    const own = object.metadata.namespace ?? 'default';
    for (const [host, port] of hostsIn(object, own)) {
      if (host.includes('*') || external.has(host) || !isClusterName(host, namespaces)) continue;
      const [name = '', namespace = own] = host.split('.');
      const { ports = [], isWithoutPort = false } = found.get(`${namespace}/${name}`) ?? {};
      const isNew = port !== undefined && !ports.includes(port);
      found.set(`${namespace}/${name}`, {
        ...{ name, namespace, ports: isNew ? [...ports, port] : ports },
        isWithoutPort: isWithoutPort || (port === undefined && object.kind !== 'DestinationRule'),
      });
    }
  }
  return [...found.values()];
}

function hostsIn({ kind, spec }: KubeObject, namespace: string): [host: string, port: number | undefined][] {
  if (kind === 'ServiceEntry') return [];
  if (kind === 'DestinationRule') return [[(spec as { host: string }).host, undefined]];
  return objectsIn(spec).flatMap(({ destination, mirror, backendRef, backendRefs }): [string, number | undefined][] => [
    ...[destination, mirror]
      .filter(isDestination)
      .map(({ host, port }): [string, number | undefined] => [host, port?.number]),
    ...[...(Array.isArray(backendRefs) ? backendRefs : []), ...(isReference(backendRef) ? [backendRef] : [])]
      .filter(isReference)
      .filter((reference) => (reference.kind ?? 'Service') === 'Service')
      .map((reference): [string, number | undefined] => [
        `${reference.name}.${reference.namespace ?? namespace}.svc`,
        reference.port,
      ]),
  ]);
}

interface BackendReference {
  readonly kind?: string;
  readonly name: string;
  readonly namespace?: string;
  readonly port?: number;
}

function isReference(value: unknown): value is BackendReference {
  return typeof value === 'object' && value !== null && typeof (value as { name?: unknown }).name === 'string';
}

function isDestination(value: unknown): value is { host: string; port?: { number: number } } {
  return typeof value === 'object' && value !== null && typeof (value as { host?: unknown }).host === 'string';
}

/** Every object within a value, and itself. */
function objectsIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const below = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) ? below : [value as Record<string, unknown>, ...below];
}

/** A Service's name, or one with its namespace, up to the domain of clusters. */
export function isClusterName(host: string, namespaces: ReadonlySet<string>): boolean {
  const [, namespace, domain] = /^[^.]+(?:\.([^.]+)(\.svc(?:\.cluster\.local)?)?)?$/.exec(host) ?? [undefined, host];
  if (namespace === undefined) return !host.includes('.');
  return domain !== undefined || namespaces.has(namespace);
}
