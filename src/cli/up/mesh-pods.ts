import type { ListenAddress } from '../../plan/address.ts';
import { authorityOf, defaultPorts } from '../../plan/plan.ts';
import { type MeshFile, subsetName, type VersionEntry } from '../files/mesh-file.ts';
import { choosePorts, type NamedPort } from './ports.ts';

/** One process of a mesh on this machine. */
export interface Pod {
  readonly service: string;
  readonly name: string;
  /** What a person calls it: its service, when that has no other pod. */
  readonly title: string;
  /** The names that it answers to: its service's, and its version's when there are several. */
  readonly hosts: readonly string[];
  readonly version: VersionEntry;
  readonly http: ListenAddress;
  readonly grpc: ListenAddress;
}

/**
 * Gives each pod its name and its ports: the first service has the first ones.
 *
 * @throws MeshmockError `usage` when a port is taken
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
  // All at once: one found free must not be found again.
  const ports = await choosePorts([...portsFrom('--http', http, titles), ...portsFrom('--grpc', grpc, titles)]);
  return pods.map((pod, index) => ({
    ...pod,
    http: { ...http, port: ports[index] ?? 0 },
    grpc: { ...grpc, port: ports[pods.length + index] ?? 0 },
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

/** The `--connect-to` entries by which every pod finds the others: the pods of a name in turn. */
export function routesTo(pods: readonly Pod[]): string[] {
  const routes = pods.flatMap(({ hosts, http, grpc }) =>
    hosts.map((host) => ({
      grpc: [`${host}:${defaultPorts.grpc}:${dialled(grpc)}`, `${host}:${grpc.port}:${dialled(grpc)}`],
      // Over HTTP a service answers on any port that is asked for; it has only one.
      http: `${host}::${dialled(http)}`,
    })),
  );
  // The first that matches counts.
  return [...routes.flatMap((route) => route.grpc), ...routes.map((route) => route.http)];
}

/** A service that listens everywhere, or on both addresses of localhost, is dialled on loopback. */
function dialled({ host, port }: ListenAddress): string {
  const isLoopback = host === '' || host === '0.0.0.0' || host === 'localhost';
  return authorityOf({ host: isLoopback ? '127.0.0.1' : host, port });
}

/** The arguments of `meshmock serve` for a pod, but for the routes. */
export function serveArguments({ service, name, version, http, grpc }: Pod): string[] {
  return [
    ...['serve', '--name', service, '--service-version', version.version, '--pod', name],
    ...['--http', authorityOf(http), '--grpc', authorityOf(grpc)],
    ...Object.entries(version.settings).map(([flag, value]) => `--${flag}=${value}`),
  ];
}
