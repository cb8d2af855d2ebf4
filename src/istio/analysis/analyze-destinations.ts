import { type DestinationRule, isDestinationRule } from '../resources/destination-rule.ts';
import { type Gateway, isIstioGateway } from '../resources/gateways.ts';
import type { KubeObject, Service } from '../resources/objects.ts';
import { dnsNamesOf } from '../resources/routes.ts';
import type { Destination, VirtualService } from '../resources/virtual-service.ts';
import { type AnalysisContext, unknownHosts, unknownHostText } from './known-hosts.ts';

/**
 * Finds destinations of a VirtualService that no proxy can reach. istiod accepts them, but requests get a 503.
 *
 * @returns a message for each destination
 */
export function analyzeDestinations(object: VirtualService, namespace: string, context: AnalysisContext): string[] {
  const destinations = (object.spec.http ?? [])
    .flatMap(({ route }) => route ?? [])
    .map(({ destination }) => destination);
  const messages = destinations.flatMap((destination) => {
    if (unknownHosts([destination.host], namespace, context).length > 0)
      return [`${unknownHostText(destination.host, namespace)}: requests to it fail`];
    const service = context.services.find((one) => dnsNamesOf(one, namespace).includes(destination.host));
    return [
      ...undefinedSubset(destination, service, namespace, context),
      ...(service === undefined ? [] : missingPort(object, destination, service, context)),
    ];
  });
  return [...new Set(messages)];
}

function undefinedSubset(
  { host, subset }: Destination,
  service: Service | undefined,
  namespace: string,
  { config }: AnalysisContext,
): string[] {
  if (subset === undefined) return [];
  const isForHost = ({ metadata, spec }: DestinationRule): boolean => {
    const names = service === undefined ? [host] : dnsNamesOf(service, metadata.namespace ?? namespace);
    return spec.host.includes('*') || names.includes(spec.host);
  };
  const subsets = config
    .filter(isDestinationRule)
    .filter(isForHost)
    .flatMap(({ spec }) => spec.subsets ?? []);
  if (subsets.some(({ name }) => name === subset)) return [];
  return [`no DestinationRule defines the subset ${subset} of ${host}: requests to it fail`];
}

/**
 * Finds ports of gateways that a destination does not have. A route that names no port uses the Service's only port.
 * If the Service has several, the route uses the port that was called: at a gateway, its server's port.
 */
function missingPort(
  { spec, metadata }: VirtualService,
  { host, port }: Destination,
  service: Service,
  { config }: AnalysisContext,
): string[] {
  const ports = (service.spec.ports ?? []).map((one) => one.port);
  if (port !== undefined || ports.length < 2) return [];
  const gateways = config.filter(isIstioGateway).filter((gateway) => isBoundTo(spec, metadata, gateway));
  const servers = new Set(
    gateways.flatMap((gateway) => gateway.spec.servers ?? []).map((server) => server.port.number),
  );
  const missing = [...servers].filter((number) => !ports.includes(number));
  return missing.map(
    (number) =>
      `requests at the gateway's port ${number} fail: ${host} has the ports ${ports.join(', ')}, and the route names no port`,
  );
}

function isBoundTo(
  { gateways = [] }: VirtualService['spec'],
  { namespace: serviceNamespace = 'default' }: KubeObject['metadata'],
  { metadata: { name, namespace = 'default' } }: Gateway,
): boolean {
  return gateways.some(
    (gateway) => gateway === `${namespace}/${name}` || (gateway === name && namespace === serviceNamespace),
  );
}
