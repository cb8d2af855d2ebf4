import { type DestinationRule, isDestinationRule } from './destination-rule.ts';
import { type Gateway, isIstioGateway } from './gateways.ts';
import { noSuchHost, type Selectable, unknownHosts } from './known-hosts.ts';
import type { KubeObject, Service } from './objects.ts';
import { dnsNamesOf } from './routes.ts';
import type { Destination, VirtualService } from './virtual-service.ts';

/** Destinations of a VirtualService to which no proxy knows a way: istiod takes them, and requests get a 503. */
export function analyzeDestinations(object: VirtualService, namespace: string, there: Selectable): string[] {
  const destinations = (object.spec.http ?? [])
    .flatMap(({ route }) => route ?? [])
    .map(({ destination }) => destination);
  const messages = destinations.flatMap((destination) => {
    if (unknownHosts([destination.host], namespace, there).length > 0)
      return [`${noSuchHost(destination.host, namespace)}: a request that is sent there is refused`];
    const service = there.services.find((one) => dnsNamesOf(one, namespace).includes(destination.host));
    return [
      ...undefinedSubset(destination, service, namespace, there),
      ...(service === undefined ? [] : missingPort(object, destination, service, there)),
    ];
  });
  return [...new Set(messages)];
}

function undefinedSubset(
  { host, subset }: Destination,
  service: Service | undefined,
  namespace: string,
  { config }: Selectable,
): string[] {
  if (subset === undefined) return [];
  const isAbout = ({ metadata, spec }: DestinationRule): boolean => {
    const names = service === undefined ? [host] : dnsNamesOf(service, metadata.namespace ?? namespace);
    return spec.host.includes('*') || names.includes(spec.host);
  };
  const subsets = config
    .filter(isDestinationRule)
    .filter(isAbout)
    .flatMap(({ spec }) => spec.subsets ?? []);
  if (subsets.some(({ name }) => name === subset)) return [];
  return [`no DestinationRule has the subset ${subset} of ${host}: a request that is sent there is refused`];
}

/** A route that says no port takes the Service's only one, or the one that was called: at a gateway its server's. */
function missingPort(
  { spec, metadata }: VirtualService,
  { host, port }: Destination,
  service: Service,
  { config }: Selectable,
): string[] {
  const ports = (service.spec.ports ?? []).map((one) => one.port);
  if (port !== undefined || ports.length < 2) return [];
  const gateways = config.filter(isIstioGateway).filter((gateway) => isBoundTo(spec, metadata, gateway));
  const servers = new Set(
    gateways.flatMap((gateway) => gateway.spec.servers ?? []).map((server) => server.port.number),
  );
  const lost = [...servers].filter((number) => !ports.includes(number));
  return lost.map(
    (number) =>
      `a request that comes in at the gateway's port ${number} is refused: ${host} has the ports ${ports.join(', ')}, and the route says none`,
  );
}

function isBoundTo(
  { gateways = [] }: VirtualService['spec'],
  { namespace: own = 'default' }: KubeObject['metadata'],
  { metadata: { name, namespace = 'default' } }: Gateway,
): boolean {
  return gateways.some((gateway) => gateway === `${namespace}/${name}` || (gateway === name && namespace === own));
}
