import type { ListenAddress } from '../../plan/address.ts';
import { authorityOf, defaultPorts } from '../../plan/plan.ts';
import { type MeshFile, subsetName, type VersionEntry } from '../files/mesh-file.ts';
import { choosePorts, type NamedPort } from './ports.ts';

/** Pod of a mesh on this machine: one process. */
export interface Pod {
  readonly service: string;
  readonly name: string;
  /** Name for people: that of the service, if the service has no other pod. */
  readonly title: string;
  /** Host names of the pod: its service, and its version if the service has several. */
  readonly hosts: readonly string[];
  readonly version: VersionEntry;
  readonly http: ListenAddress;
  readonly grpc: ListenAddress;
  readonly tcp: ListenAddress;
}

/**
 * Gives each pod its name and its ports. The first service gets the first ports.
 *
 * @throws MeshmockError `conflict` if a port is taken
 */
export async function placePods(mesh: MeshFile, http: ListenAddress, grpc: ListenAddress): Promise<Pod[]> {
  const pods = mesh.services.flatMap(({ name: service, versions }) =>
    versions.flatMap((version) => {
      const subset = subsetName(service, version, versions);
      const isOnly = versions.length === 1 && version.replicas === 1;
      return Array.from({ length: version.replicas }, (_, index) => ({
        service,
        name: `${subset}-${index + 1}`,
        title: isOnly ? service : `${subset}-${index + 1}`,
        hosts: [...new Set([service, subset])],
        version,
      }));
    }),
  );
  const titles = pods.map(({ title }) => title);
  // All at once, so that no free port is found twice.
  const tcp = { host: http.host, port: 0 };
  const ports = await choosePorts([
    ...portsFrom('--http', http, titles),
    ...portsFrom('--grpc', grpc, titles),
    ...portsFrom('--tcp', tcp, titles),
  ]);
  return pods.map((pod, index) => ({
    ...pod,
    http: { ...http, port: ports[index] ?? 0 },
    grpc: { ...grpc, port: ports[pods.length + index] ?? 0 },
    tcp: { ...tcp, port: ports[2 * pods.length + index] ?? 0 },
  }));
}

function portsFrom(flag: string, first: ListenAddress, names: readonly string[]): NamedPort[] {
  return names.map((name, index) => ({
    flag,
    name,
    host: first.host,
    port: first.port === 0 ? 0 : first.port + index,
  }));
}

/**
 * Returns the `--connect-to` entries by which each pod finds the others. The pods of a name are used in turn. The mesh has
 * no namespaces, so the full name of a Service leads to it with any of them.
 */
export function routesTo(pods: readonly Pod[]): string[] {
  const routes = pods.flatMap(({ hosts, http, grpc, tcp }) =>
    hosts.flatMap(namesOf).map((host) => ({
      others: [
        `${host}:${defaultPorts.grpc}:${dialled(grpc)}`,
        `${host}:${grpc.port}:${dialled(grpc)}`,
        `${host}:${defaultPorts.tcp}:${dialled(tcp)}`,
      ],
      // Over HTTP a service answers on every port, although it has only one.
      http: `${host}::${dialled(http)}`,
    })),
  );
  // The first match counts. Plain names come before patterns, which take longer to compare.
  const entries = [...routes.flatMap((route) => route.others), ...routes.map((route) => route.http)];
  return entries.toSorted((a, b) => Number(a.includes('*')) - Number(b.includes('*')));
}

/** Returns the names of a service: its own, and the DNS names of a Service with this name. */
function namesOf(host: string): string[] {
  return [host, `${host}.*.svc`, `${host}.*.svc.cluster.local`];
}

/** Returns the address to dial: loopback for a service that listens on all addresses or on localhost. */
export function dialled({ host, port }: ListenAddress): string {
  const isLoopback = host === '' || host === '0.0.0.0' || host === 'localhost';
  return authorityOf({ host: isLoopback ? '127.0.0.1' : host, port });
}

/** Returns the arguments of `meshmock serve` for a pod, without `--connect-to`. */
export function serveArguments({ service, name, version, http, grpc, tcp }: Pod): string[] {
  return [
    'serve',
    `--name=${service}`,
    `--service-version=${version.version}`,
    `--pod=${name}`,
    `--http=${authorityOf(http)}`,
    `--grpc=${authorityOf(grpc)}`,
    `--tcp=${authorityOf(tcp)}`,
    ...Object.entries(version.settings).map(([flag, value]) => `--${flag}=${value}`),
  ];
}
