import type { KubeObject, Labels, Service, ServicePort, Workload } from './objects.ts';
import { selects } from './objects.ts';
import { targetPortOf } from './ports.ts';

/** What `--fill` looks at: all that was applied. */
export interface Applied {
  readonly services: readonly Service[];
  readonly workloads: readonly Workload[];
  /** VirtualServices, DestinationRules, ServiceEntries and routes of Gateway API. */
  readonly config: readonly KubeObject[];
  /** Those that there are: `a.b` is a Service only when b is one of them. */
  readonly namespaces: ReadonlySet<string>;
}

/** On a pod: the names outside the mesh that it stands for. */
export const externalHostsAnnotation = 'meshmock.dev/external-hosts';

const defaultPorts: readonly ServicePort[] = [
  { name: 'http', port: 8080, targetPort: 8080 },
  { name: 'grpc', port: 9090, targetPort: 9090 },
];

/** Whether nobody has said a port of a Service that was made. */
export function saysNoPort({ spec }: Service): boolean {
  return spec.ports?.[0] === defaultPorts[0];
}

/**
 * The objects that make a mock stand behind every destination: Services for hosts of routes that have none,
 * Deployments for Services and subsets that select no pod, pods outside the mesh for hosts of ServiceEntries.
 */
export function fillObjects({ services, workloads, config, namespaces }: Applied): KubeObject[] {
  const entries = config.filter(({ kind }) => kind === 'ServiceEntry') as ServiceEntry[];
  const madeServices = missingServices(services, config, {
    external: new Set(entries.flatMap(({ spec }) => spec.hosts)),
    namespaces,
  });
  const all = [...services, ...madeServices];
  const made: Workload[] = [];
  const add = (service: Service, name: string, labels: Labels): void => {
    const namespace = service.metadata.namespace ?? 'default';
    const runs = [...workloads, ...made].some(
      ({ metadata, spec }) => metadata.namespace === namespace && selects(labels, spec.template.metadata?.labels),
    );
    if (!runs) made.push(deploymentFor(service, name, labels));
  };
  // Subsets first: a pod of one stands behind its Service as well.
  for (const rule of config.filter(({ kind }) => kind === 'DestinationRule') as DestinationRule[]) {
    const service = serviceOf(rule, all);
    const { selector } = service?.spec ?? {};
    if (service === undefined || selector === undefined) continue;
    for (const { name, labels } of rule.spec.subsets ?? [])
      add(service, `${service.metadata.name}-${name}`, { ...selector, ...labels });
  }
  for (const service of all)
    if (service.spec.selector !== undefined) add(service, service.metadata.name, service.spec.selector);
  return [...madeServices, ...made, ...entries.flatMap(externalMock)];
}

function missingServices(
  services: readonly Service[],
  config: readonly KubeObject[],
  { external, namespaces }: { readonly external: ReadonlySet<string>; readonly namespaces: ReadonlySet<string> },
): Service[] {
  const made: Service[] = [];
  for (const { host, namespace, ports } of destinationsOf(config)) {
    if (host.includes('*') || external.has(host) || !isClusterName(host, namespaces)) continue;
    const [name = '', inNamespace = namespace] = host.split('.');
    const isThere = [...services, ...made].some(
      ({ metadata }) => metadata.name === name && metadata.namespace === inNamespace,
    );
    if (!isThere) made.push(serviceFor(name, inNamespace, ports));
  }
  return made;
}

interface DestinationRule extends KubeObject {
  spec: { host: string; subsets?: { name: string; labels?: Record<string, string> }[] };
}

interface ServiceEntry extends KubeObject {
  spec: {
    hosts: string[];
    resolution?: string;
    endpoints?: unknown[];
    workloadSelector?: unknown;
    ports?: { number: number; name: string; protocol: string; targetPort?: number }[];
  };
}

interface Destination {
  readonly host: string;
  /** Of the object that names it. */
  readonly namespace: string;
  readonly ports: readonly number[];
}

/** Every host that configuration sends to, with the ports that it says. */
function destinationsOf(config: readonly KubeObject[]): Destination[] {
  const found = new Map<string, Destination>();
  for (const object of config) {
    const namespace = object.metadata.namespace ?? 'default';
    for (const [host, port] of hostsIn(object, namespace)) {
      const key = `${namespace} ${host}`;
      const ports = found.get(key)?.ports ?? [];
      const isNew = port !== undefined && !ports.includes(port);
      found.set(key, { host, namespace, ports: isNew ? [...ports, port] : ports });
    }
  }
  return [...found.values()];
}

function hostsIn({ kind, spec }: KubeObject, namespace: string): [host: string, port: number | undefined][] {
  if (kind === 'ServiceEntry') return [];
  if (kind === 'DestinationRule') return [[(spec as DestinationRule['spec']).host, undefined]];
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

function serviceOf({ metadata, spec }: DestinationRule, services: readonly Service[]): Service | undefined {
  const [name, namespace = metadata.namespace] = spec.host.split('.');
  return services.find((service) => service.metadata.name === name && service.metadata.namespace === namespace);
}

function serviceFor(name: string, namespace: string, ports: readonly number[]): Service {
  const said = ports.map((port) => ({ name: `http-${port}`, port, targetPort: port }));
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: said.length > 0 ? said : [...defaultPorts] },
  };
}

function deploymentFor({ metadata, spec }: Service, name: string, labels: Labels): Workload {
  const ports = (spec.ports ?? []).map((port) => {
    const { targetPort } = port;
    const number = targetPortOf(port, { containers: [] }) ?? port.port;
    return {
      name: typeof targetPort === 'string' ? targetPort : (port.name ?? `http-${number}`),
      containerPort: number,
    };
  });
  return mock(name, metadata.namespace ?? 'default', { app: metadata.name, ...labels }, {}, ports);
}

/** DNS says where the mock is: an entry with addresses of its own is left as it is. */
function externalMock({ metadata, spec }: ServiceEntry): Workload[] {
  if (spec.resolution === 'NONE' || spec.endpoints !== undefined || spec.workloadSelector !== undefined) return [];
  const ports = (spec.ports ?? []).map(({ number, protocol, targetPort = number }) => ({
    name: `${protocol.toLowerCase()}-${targetPort}`,
    containerPort: targetPort,
  }));
  const hosts = spec.hosts.filter((host) => !host.includes('*'));
  if (hosts.length === 0) return [];
  const labels = { app: `${metadata.name}-external`, 'sidecar.istio.io/inject': 'false' };
  const annotations = { [externalHostsAnnotation]: hosts.join(',') };
  return [mock(`${metadata.name}-external`, metadata.namespace ?? 'default', labels, annotations, ports)];
}

function mock(
  name: string,
  namespace: string,
  labels: Labels,
  annotations: Labels,
  ports: readonly { readonly name: string; readonly containerPort: number }[],
): Workload {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: { ...labels } },
      template: {
        metadata: { labels: { ...labels }, annotations: { ...annotations } },
        spec: { containers: [{ name: 'mock', image: 'meshmock', ports }] },
      },
    },
  };
}
