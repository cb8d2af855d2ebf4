import type { NotCompared } from '../comparison.ts';
import type { Destination } from '../probe.ts';
import type { EdgeTarget } from './edge-parts.ts';
import { type JsonObject, objectsAt, textAt, textsAt } from './json.ts';
import {
  hostOf,
  type MeshSnapshot,
  podsOf,
  type SnapshotPort,
  type SnapshotService,
  workloadKey,
} from './mesh-snapshot.ts';

/** Protocols of probes. */
export type EdgeProtocol = 'http' | 'grpc' | 'tcp';

/** Host and port that workloads of a mesh may call. */
export interface MeshTarget {
  readonly destination: Destination;
  readonly edge: EdgeTarget;
  readonly protocol: EdgeProtocol;
  /** Port of the callee's pods. */
  readonly calleePort: number;
  /** Workloads of the destination, which do not call themselves. */
  readonly workloads: ReadonlySet<string>;
}

/** Host and port that workloads may call, and probes do not. */
export interface UnprobedTarget {
  readonly name: string;
  readonly edge: EdgeTarget;
  readonly workloads: ReadonlySet<string>;
}

/** Targets of two snapshots, and the ports that probes do not call. */
export interface MeshTargets {
  readonly targets: readonly MeshTarget[];
  /** Ports to which probes are not sent, because mocks answer them otherwise than programs do. */
  readonly unprobed: readonly UnprobedTarget[];
  readonly notCompared: readonly NotCompared[];
}

/** Namespaces of the mesh itself, whose Services no probe calls. */
const meshNamespaces = new Set(['istio-system', 'kube-system', 'kube-public']);

/** Returns the Services of both snapshots, and the hosts that only proxies know, such as those of ServiceEntries. */
export function meshTargetsOf(before: MeshSnapshot, after: MeshSnapshot): MeshTargets {
  const meshes = [after, before];
  const ports = meshes.flatMap((mesh) => callableServices(mesh).flatMap((service) => portsOf(service, mesh)));
  const outside = meshes.flatMap(outsideTargets);
  const hosts = new Set(outside.map(({ edge }) => edge.host));
  const services = ports.flatMap(({ target }) => target ?? []).map((target) => withOwnName(target, hosts));
  const targets = [...services, ...outside];
  const skipped = ports.flatMap(({ notCompared }) => notCompared ?? []);
  return {
    targets: firstOfEach(targets, ({ edge }) => `${edge.host}:${edge.port}`),
    unprobed: firstOfEach(meshes.flatMap(unprobedTargets), ({ edge }) => `${edge.host}:${edge.port}`),
    notCompared: firstOfEach(skipped, ({ subject }) => subject),
  };
}

/** Returns a Service with the name of its host, if its short name is that of a host outside the mesh. */
function withOwnName(target: MeshTarget, outside: ReadonlySet<string>): MeshTarget {
  const { destination } = target;
  if (!outside.has(destination.name)) return target;
  return { ...target, destination: { ...destination, name: destination.host } };
}

/** Returns the ports for metrics, and those of programs in the namespaces of the mesh itself. */
function unprobedTargets(mesh: MeshSnapshot): UnprobedTarget[] {
  const callable = new Set(callableServices(mesh));
  return mesh.services.flatMap((service) => {
    const pods = podsOf(service, mesh.pods).filter(({ role }) => role === 'mock');
    if (pods.length === 0) return [];
    const workloads = new Set(pods.map(workloadKey));
    return service.ports
      .filter((port) => isMetrics(port) || !callable.has(service))
      .map(({ port }) => ({ name: shortName(service), edge: { host: hostOf(service), port }, workloads }));
  });
}

function firstOfEach<T>(all: readonly T[], keyOf: (one: T) => string): T[] {
  const found = new Map<string, T>();
  for (const one of all) if (!found.has(keyOf(one))) found.set(keyOf(one), one);
  return [...found.values()];
}

function callableServices(mesh: MeshSnapshot): SnapshotService[] {
  return mesh.services.filter(
    (service) => !meshNamespaces.has(service.namespace) && !isApiServer(service) && !isGatewayService(service, mesh),
  );
}

function isApiServer({ name, namespace }: SnapshotService): boolean {
  return name === 'kubernetes' && namespace === 'default';
}

/** Returns the Services of gateways, with the workloads of each. */
export function gatewayServicesOf(
  mesh: MeshSnapshot,
): { readonly service: SnapshotService; readonly gateways: readonly string[] }[] {
  return mesh.services
    .filter((service) => isGatewayService(service, mesh))
    .map((service) => ({ service, gateways: podsOf(service, mesh.pods).map(workloadKey) }));
}

function isGatewayService(service: SnapshotService, { pods }: MeshSnapshot): boolean {
  return podsOf(service, pods).some(({ role }) => role === 'gateway');
}

/** Port of a Service, as a target or as something that is not compared. Ports for metrics are neither. */
interface CallablePort {
  readonly target?: MeshTarget;
  readonly notCompared?: NotCompared;
}

function portsOf(service: SnapshotService, { pods }: MeshSnapshot): CallablePort[] {
  const host = hostOf(service);
  const workloads = new Set(podsOf(service, pods).map(workloadKey));
  return service.ports
    .filter((port) => !isMetrics(port))
    .map(({ port, targetPort, protocol, name }) => {
      if (protocol === 'tls' || protocol === 'other') {
        const reason = `the port ${name ?? port} speaks a protocol that probes do not make`;
        return { notCompared: { subject: `${host}:${port}`, reason } };
      }
      const edge = { host, port };
      const destination = { name: shortName(service), ...edge, workloads: [...workloads] };
      return { target: { destination, edge, protocol, calleePort: Number(targetPort) || port, workloads } };
    });
}

/** Mocks serve their own metrics at these ports, in the place of the image. */
export function isMetrics({ name }: SnapshotPort): boolean {
  return name === 'http-metrics' || name === 'metrics' || name === 'http-monitoring';
}

/** Returns the name of a Service for people: with its namespace, unless it is `default`. */
export function shortName({ name, namespace }: SnapshotService): string {
  return namespace === 'default' ? name : `${name}.${namespace}`;
}

/** Returns the hosts that proxies know and that are not Services. */
function outsideTargets({ pods, services }: MeshSnapshot): MeshTarget[] {
  const known = new Set(services.map(hostOf));
  return pods
    .filter(({ role }) => role === 'mock')
    .flatMap(({ config }) => [...(config?.routes.values() ?? [])])
    .flatMap((routes) => objectsAt(routes, 'virtual_hosts'))
    .flatMap((virtualHost) => outsideTarget(virtualHost, known));
}

/** istiod names a virtual host `HOST:PORT`. */
function outsideTarget(virtualHost: JsonObject, known: ReadonlySet<string>): MeshTarget[] {
  const [, host, port] = /^([a-z0-9][a-z0-9.-]*):(\d+)$/.exec(textAt(virtualHost, 'name') ?? '') ?? [];
  if (host === undefined || known.has(host) || !textsAt(virtualHost, 'domains').includes(host)) return [];
  const edge = { host, port: Number(port) };
  const destination = { name: host, ...edge, workloads: [] };
  return [{ destination, edge, protocol: 'http', calleePort: edge.port, workloads: new Set() }];
}
