import { forEachObject, type JsonObject, numberAt, objectsAt, textAt, textsAt } from './json.ts';
import { type MeshSnapshot, podsOf, type SnapshotPod, workloadKey } from './mesh-snapshot.ts';
import { gatewayListeners, routeConfigsOf } from './outbound.ts';

/** Host and port of a gateway, as a client outside the mesh sees them. */
export interface GatewayTarget {
  /** Workload of the gateway, as NAMESPACE/NAME. */
  readonly gateway: string;
  readonly host: string;
  /** Port of the gateway's Service. */
  readonly port: number;
  /** Port at which its pod listens. */
  readonly podPort: number;
  readonly scheme: 'http' | 'https';
}

/** Host of a request to a gateway that takes every host. */
const anyHost = 'any.example';

/** Returns the hosts and ports of the gateways of a mesh, by a text that names them. */
export function gatewayTargetsOf(mesh: MeshSnapshot): Map<string, GatewayTarget> {
  const targets = mesh.pods
    .filter(({ role }) => role === 'gateway')
    .flatMap((pod) => portsOf(mesh, pod).flatMap(([port, podPort]) => targetsAt(pod, port, podPort)));
  return new Map(targets.map((target) => [`${target.gateway} ${target.host}:${target.port}`, target]));
}

function targetsAt(pod: SnapshotPod, port: number, podPort: number): GatewayTarget[] {
  const { config } = pod;
  if (config === undefined) return [];
  return gatewayListeners(config, podPort).flatMap((listener) => {
    const scheme = usesTls(listener) ? 'https' : 'http';
    const hosts = routeConfigsOf(config, [listener]).flatMap(hostsOf);
    return hosts.map((host): GatewayTarget => ({ gateway: workloadKey(pod), host, port, podPort, scheme }));
  });
}

/** Returns the ports of a gateway's Services with the ports of its pod; the same number if no Service leads to it. */
function portsOf(mesh: MeshSnapshot, pod: SnapshotPod): [number, number][] {
  const services = mesh.services.filter((service) => podsOf(service, [pod]).length > 0);
  const served = new Set(
    (pod.config?.listeners ?? []).flatMap((one) => numberAt(one, 'address', 'socket_address', 'port_value') ?? []),
  );
  const pairs = services.flatMap(({ ports }) =>
    ports.map(({ port, targetPort }): [number, number] => [port, Number(targetPort)]),
  );
  return pairs.filter(([, podPort]) => served.has(podPort));
}

function hostsOf(routes: JsonObject): string[] {
  const domains = objectsAt(routes, 'virtual_hosts').flatMap((host) =>
    textAt(host, 'name') === 'blackhole:80' ? [] : textsAt(host, 'domains'),
  );
  const hosts = domains.map((domain) => domain.replace(/:(?:\d+|\*)$/, ''));
  return [...new Set(hosts.map(sampleHost))];
}

/** Returns a host that a domain matches. */
function sampleHost(domain: string): string {
  if (domain === '*') return anyHost;
  return domain
    .replace(/^\*/, 'any')
    .replace(/\*$/, 'any')
    .replace(/^any\./, 'any.');
}

function usesTls(listener: JsonObject): boolean {
  let isTls = false;
  forEachObject(objectsAt(listener, 'filter_chains'), (object) => {
    if (textAt(object, 'name') === 'envoy.transport_sockets.tls') isTls = true;
  });
  return isTls;
}
