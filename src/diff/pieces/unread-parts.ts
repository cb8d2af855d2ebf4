import type { NotCompared } from '../model.ts';
import { clustersOf } from './closure.ts';
import type { EnvoyConfig } from './envoy-config.ts';
import { type JsonObject, numberAt, objectsAt, textAt } from './json.ts';
import { hostOf, type MeshSnapshot, type SnapshotPod, workloadKey } from './mesh-snapshot.ts';

/** Reads the text of a part, without what differs between two starts. */
export type PartText = (part: JsonObject) => string;

/** Pod of a mesh, and how its parts are read. */
export interface ReadablePod {
  readonly mesh: MeshSnapshot;
  readonly textOf: PartText;
  readonly pod: SnapshotPod;
}

/**
 * Returns the parts of a caller's configuration that differ and that no edge has: hosts that are not known by name, and
 * connections to addresses and ports that are not those of a Service.
 */
export function unreadChanges(before: ReadablePod, after: ReadablePod): NotCompared[] {
  const partsOf = (side: ReadablePod): Map<string, string> => unreadParts(side, [before.mesh, after.mesh]);
  return differing(partsOf(before), partsOf(after));
}

/** Returns the ports of a gateway at which connections without HTTP differ. Its edges have the hosts of HTTP only. */
export function unreadGatewayChanges(before: ReadablePod, after: ReadablePod): NotCompared[] {
  return differing(connectionParts(before), connectionParts(after));
}

function differing(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): NotCompared[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((subject) => before.get(subject) !== after.get(subject))
    .map((subject) => ({ subject, reason: 'the configuration differs, and no request is made for it' }));
}

/** Returns the filter chains of a listener that do not speak HTTP. Hosts of HTTP are parts of their own. */
function connectionChains(listener: JsonObject): JsonObject[] {
  return objectsAt(listener, 'filter_chains').filter((chain) =>
    objectsAt(chain, 'filters').some((filter) => textAt(filter, 'name') === 'envoy.filters.network.tcp_proxy'),
  );
}

/** Returns the texts of the filter chains of a gateway that do not speak HTTP, by the names of their ports. */
function connectionParts({ pod, textOf }: ReadablePod): Map<string, string> {
  const { config } = pod;
  const found = new Map<string, string>();
  if (config === undefined) return found;
  for (const listener of config.listeners) {
    const port = numberAt(listener, 'address', 'socket_address', 'port_value') ?? 0;
    const texts = connectionChains(listener).flatMap((chain) => [
      textOf(chain),
      ...closureTexts(config, chain, textOf),
    ]);
    if (texts.length > 0) found.set(`gateway ${workloadKey(pod)}, connections to port ${port}`, texts.join('\n'));
  }
  return found;
}

/** Returns the texts of the parts that no edge has, by their names for people. */
function unreadParts({ pod, textOf }: ReadablePod, meshes: readonly MeshSnapshot[]): Map<string, string> {
  const { config } = pod;
  const found = new Map<string, string>();
  if (config === undefined) return found;
  const add = (subject: string, part: JsonObject): void => {
    found.set(subject, [found.get(subject) ?? '', textOf(part), ...closureTexts(config, part, textOf)].join('\n'));
  };
  const addresses = new Set(meshes.flatMap(addressesOf));
  for (const listener of config.listeners) {
    const subject = listenerSubject(listener, addresses);
    if (subject !== undefined) for (const chain of connectionChains(listener)) add(subject, chain);
  }
  const services = new Set(meshes.flatMap((mesh) => mesh.services.map(hostOf)));
  for (const routes of config.routes.values())
    for (const virtualHost of objectsAt(routes, 'virtual_hosts')) {
      const subject = hostSubject(textAt(virtualHost, 'name') ?? '', services);
      if (subject !== undefined) add(subject, virtualHost);
    }
  return found;
}

/** Returns a name for a listener; undefined if edges have it, or if it is not for outgoing connections. */
function listenerSubject(listener: JsonObject, addresses: ReadonlySet<string>): string | undefined {
  const address = textAt(listener, 'address', 'socket_address', 'address') ?? '';
  const port = numberAt(listener, 'address', 'socket_address', 'port_value') ?? 0;
  if (textAt(listener, 'traffic_direction') !== 'OUTBOUND' || textAt(listener, 'name') === 'virtualOutbound')
    return undefined;
  if (address === '0.0.0.0' || address === '::')
    return connectionChains(listener).length > 0 ? `connections to any address, port ${port}` : undefined;
  return addresses.has(address) ? undefined : `connections to ${address}, port ${port}`;
}

/** Returns a name for a virtual host; undefined if edges have it. */
function hostSubject(name: string, services: ReadonlySet<string>): string | undefined {
  if (name === 'allow_any' || name === 'block_all') return 'hosts that the mesh does not know';
  // Edges have each host with a name, unless it is a pattern.
  const host = name.replace(/:\d+$/, '');
  return host.startsWith('*') && !services.has(host) ? `host ${name}` : undefined;
}

function closureTexts(config: EnvoyConfig, part: JsonObject, textOf: PartText): string[] {
  const { clusters, endpoints, secrets, extensions } = clustersOf(config, [part]);
  return [clusters, endpoints, secrets, extensions].flatMap((some) => some.map(textOf));
}

/** Returns the addresses of Services and pods, which edges have, or which are those of the mesh itself. */
function addressesOf({ services, pods }: MeshSnapshot): string[] {
  return [...services.flatMap(({ addresses }) => addresses), ...pods.map(({ address }) => address)];
}
