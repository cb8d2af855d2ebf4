import { isIstioGateway } from '../resources/gateways.ts';
import type { KubeObject, Service, ServicePort } from '../resources/objects.ts';
import { isClusterName } from '../resources/routes.ts';

const mockPorts: readonly ServicePort[] = [
  { name: 'http', port: 8080, targetPort: 8080 },
  { name: 'grpc', port: 9090, targetPort: 9090 },
];

/** Names by which hosts of routes are recognized. */
export interface KnownNames {
  /** Hosts outside the mesh. */
  readonly external: ReadonlySet<string>;
  /** Existing namespaces. The host `a.b` is a Service only if b is one of them. */
  readonly namespaces: ReadonlySet<string>;
}

/** Returns Services for the destinations of routes that do not exist, with the ports that the routes name. */
export function missingServices(
  services: readonly Service[],
  config: readonly KubeObject[],
  names: KnownNames,
): Service[] {
  const callablePorts = callablePortsOf(config);
  return destinationsOf(config, names)
    .filter(
      ({ name, namespace }) =>
        !services.some(({ metadata }) => metadata.name === name && metadata.namespace === namespace),
    )
    .map((destination) => serviceFor(destination, destination.isWithoutPort ? callablePorts : []));
}

/**
 * Returns the Service of a destination.
 *
 * @param callablePorts ports for routes that name no port. Sidecars then use the port that was called, even if the
 *   Service has only another one.
 */
function serviceFor({ name, namespace, ports }: MissingService, callablePorts: readonly number[]): Service {
  const usualPorts = ports.length > 0 ? [] : mockPorts;
  const known = new Set([...usualPorts.map(({ port }) => port), ...ports]);
  const called = callablePorts.filter((port) => !known.has(port));
  const morePorts = [...ports, ...called].map((port) => ({ name: `http-${port}`, port, targetPort: port }));
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [...usualPorts, ...morePorts] },
  };
}

/** Returns the ports at which hosts may be called besides those of mocks: 80, and the ports of gateways. */
function callablePortsOf(config: readonly KubeObject[]): number[] {
  const servers = config.filter(isIstioGateway).flatMap(({ spec }) => spec?.servers ?? []);
  return [...new Set([80, ...servers.map(({ port }) => port.number)])];
}

/** Service that is the destination of a route. */
interface MissingService {
  readonly name: string;
  readonly namespace: string;
  readonly ports: readonly number[];
  /** True if a route names no port. */
  readonly isWithoutPort: boolean;
}

/** Returns every Service that is the destination of a route. */
function destinationsOf(config: readonly KubeObject[], { external, namespaces }: KnownNames): MissingService[] {
  const found = new Map<string, MissingService>();
  for (const object of config) {
    const objectNamespace = object.metadata.namespace ?? 'default';
    for (const [host, port] of hostsIn(object, objectNamespace)) {
      if (host.includes('*') || external.has(host) || !isClusterName(host, namespaces)) continue;
      const [name = '', namespace = objectNamespace] = host.split('.');
      const { ports = [], isWithoutPort = false } = found.get(`${namespace}/${name}`) ?? {};
      const isNew = port !== undefined && !ports.includes(port);
      found.set(`${namespace}/${name}`, {
        name,
        namespace,
        ports: isNew ? [...ports, port] : ports,
        isWithoutPort: isWithoutPort || (port === undefined && object.kind !== 'DestinationRule'),
      });
    }
  }
  return [...found.values()];
}

function hostsIn({ kind, spec }: KubeObject, namespace: string): [host: string, port: number | undefined][] {
  if (kind === 'ServiceEntry') return [];
  if (kind === 'DestinationRule') return [[(spec as { host: string }).host, undefined]];
  return objectsIn(spec).flatMap(
    ({ destination, mirror, backendRef, backendRefs, backend }): [string, number | undefined][] => [
      ...(isIngressBackend(backend) ? [ingressTarget(backend, namespace)] : []),
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
    ],
  );
}

interface IngressBackend {
  readonly service: { readonly name: string; readonly port: { readonly number?: number } };
}

function isIngressBackend(value: unknown): value is IngressBackend {
  const { service } = (value ?? {}) as Partial<IngressBackend>;
  return typeof service?.name === 'string' && typeof service.port === 'object';
}

function ingressTarget({ service }: IngressBackend, namespace: string): [string, number | undefined] {
  return [`${service.name}.${namespace}.svc`, service.port.number];
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

/** Returns a value and all objects inside it. */
function objectsIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const below = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) ? below : [value as Record<string, unknown>, ...below];
}
