import type { NotCompared } from '../comparison.ts';
import { clustersOf } from './closure.ts';
import type { EnvoyConfig } from './envoy-config.ts';
import { type JsonObject, numberAt, objectsAt, textAt } from './json.ts';
import { hostOf, type MeshSnapshot, type SnapshotPod, workloadKey } from './mesh-snapshot.ts';
import { routeConfigsOf } from './outbound.ts';

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
 *
 * @param ofEdges hosts and ports that edges have, as HOST:PORT
 */
export function unreadChanges(before: ReadablePod, after: ReadablePod, ofEdges: ReadonlySet<string>): NotCompared[] {
  const partsOf = (side: ReadablePod): Map<string, string> => unreadParts(side, [before.mesh, after.mesh], ofEdges);
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
function unreadParts(
  { pod, textOf }: ReadablePod,
  meshes: readonly MeshSnapshot[],
  ofEdges: ReadonlySet<string>,
): Map<string, string> {
  const { config } = pod;
  const found = new Map<string, string>();
  if (config === undefined) return found;
  const addresses = new Set(meshes.flatMap(addressesOf));
  const services = new Set(meshes.flatMap((mesh) => mesh.services.map(hostOf)));
  const ofListeners = config.listeners.flatMap((listener): NamedPart[] => {
    const subject = listenerSubject(listener, addresses);
    return subject === undefined ? [] : listenerParts(config, listener).map((part) => ({ subject, part }));
  });
  const ofHosts = [...config.routes.values()]
    .flatMap((routes) => objectsAt(routes, 'virtual_hosts'))
    .flatMap((part): NamedPart[] => {
      const subject = hostSubject(textAt(part, 'name') ?? '', services, ofEdges);
      return subject === undefined ? [] : [{ subject, part }];
    });
  for (const { subject, part } of [...ofListeners, ...ofHosts])
    found.set(subject, [found.get(subject) ?? '', textOf(part), ...closureTexts(config, part, textOf)].join('\n'));
  return found;
}

/** Part of a configuration, with its name for people. */
interface NamedPart {
  readonly subject: string;
  readonly part: JsonObject;
}

/** Hosts of HTTP at any address are parts of their own. At other addresses nothing else has them. */
function listenerParts(config: EnvoyConfig, listener: JsonObject): JsonObject[] {
  return isOfAnyAddress(listener) ? connectionChains(listener) : [listener, ...routeConfigsOf(config, [listener])];
}

/** Returns a name for a listener; undefined if edges have it, or if it is not for outgoing connections. */
function listenerSubject(listener: JsonObject, addresses: ReadonlySet<string>): string | undefined {
  const address = textAt(listener, 'address', 'socket_address', 'address') ?? '';
  const port = numberAt(listener, 'address', 'socket_address', 'port_value') ?? 0;
  if (textAt(listener, 'name') === 'virtualOutbound') return 'connections that no listener of the mesh takes';
  if (textAt(listener, 'traffic_direction') !== 'OUTBOUND') return undefined;
  if (isOfAnyAddress(listener))
    return connectionChains(listener).length > 0 ? `connections to any address, port ${port}` : undefined;
  return addresses.has(address) ? undefined : `connections to ${address}, port ${port}`;
}

/** Returns a name for a virtual host; undefined if edges have it. */
function hostSubject(name: string, services: ReadonlySet<string>, ofEdges: ReadonlySet<string>): string | undefined {
  if (name === 'allow_any' || name === 'block_all') return 'hosts that the mesh does not know';
  return ofEdges.has(name) || services.has(name.replace(/:\d+$/, '')) ? undefined : `host ${name}`;
}

function isOfAnyAddress(listener: JsonObject): boolean {
  return ['0.0.0.0', '::'].includes(textAt(listener, 'address', 'socket_address', 'address') ?? '');
}

function closureTexts(config: EnvoyConfig, part: JsonObject, textOf: PartText): string[] {
  const { clusters, endpoints, secrets, extensions } = clustersOf(config, [part]);
  return [clusters, endpoints, secrets, extensions].flatMap((some) => some.map(textOf));
}

/** Returns the addresses of Services and pods, which edges have, or which are those of the mesh itself. */
function addressesOf({ services, pods }: MeshSnapshot): string[] {
  return [...services.flatMap(({ addresses }) => addresses), ...pods.map(({ address }) => address)];
}
