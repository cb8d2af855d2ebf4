import { isDestinationRule } from '../resources/destination-rule.ts';
import type { KubeObject, Service } from '../resources/objects.ts';
import { portProtocolOf } from '../resources/ports.ts';
import { dnsNamesOf } from '../resources/routes.ts';
import type { AnalysisContext } from './known-hosts.ts';

/**
 * Finds conditions that no call of a mock meets, although calls of the real workloads may: names of Services alone in
 * the header Host, if no call has them there, and TLS.
 *
 * @returns a message for each condition
 */
export function analyzeMocks(object: KubeObject, namespace: string, context: AnalysisContext): string[] {
  const { services } = context;
  const hosts = matchedHosts(object);
  const ports = new Map(
    services.flatMap((service) => {
      const sent = sentPort(service);
      return sent === undefined ? [] : dnsNamesOf(service, namespace).map((name) => [name, sent] as const);
    }),
  );
  const messages = hosts.flatMap((host) => {
    const port = ports.get(host);
    return port === undefined || matchesWithPort(hosts, host) ? [] : hostText(host, port);
  });
  return [...new Set([...messages, ...originatedTls(object, namespace, context)])];
}

interface TrafficPolicy {
  readonly tls?: { readonly mode?: string };
  readonly portLevelSettings?: readonly TrafficPolicy[];
}

/** Finds TLS that a proxy begins for calls to a host, other than Istio's own mutual TLS. */
function originatedTls(object: KubeObject, namespace: string, context: AnalysisContext): string[] {
  if (!isDestinationRule(object)) return [];
  const {
    host,
    trafficPolicy,
    subsets = [],
  } = object.spec as {
    host: string;
    trafficPolicy?: TrafficPolicy;
    subsets?: readonly { readonly trafficPolicy?: TrafficPolicy }[];
  };
  const modesOf = ({ tls, portLevelSettings = [] }: TrafficPolicy = {}): string[] => [
    ...(tls?.mode === undefined ? [] : [tls.mode]),
    ...portLevelSettings.flatMap(modesOf),
  ];
  const modes = [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)].flatMap(modesOf);
  if (hasTlsPort(host, namespace, context)) return [];
  return modes
    .filter((mode) => mode === 'SIMPLE' || mode === 'MUTUAL')
    .map(
      (mode) =>
        `mocks speak TLS only at ports for https or tls, and ${host} has none, so calls with the TLS mode ${mode} fail: the host may answer them in a cluster`,
    );
}

/** Reports whether a Service or a ServiceEntry of a host has a port at which mocks speak TLS. */
function hasTlsPort(host: string, namespace: string, { services, config }: AnalysisContext): boolean {
  const ofServices = services
    .filter((service) => dnsNamesOf(service, namespace).includes(host))
    .flatMap(({ spec }) => spec.ports ?? []);
  const ofEntries = config
    .filter(({ kind }) => kind === 'ServiceEntry')
    .map(({ spec }) => spec as { hosts?: readonly string[]; ports?: readonly { name?: string; protocol?: string }[] })
    .filter(({ hosts = [] }) => hosts.includes(host))
    .flatMap(({ ports = [] }) => ports.map(({ protocol = '' }) => ({ name: protocol.toLowerCase() })));
  return [...ofServices, ...ofEntries].some((port) => portProtocolOf(port) === 'tls');
}

/** Returns a port that calls to a Service have in the header Host; undefined if calls to its port 80 have none. */
function sentPort({ spec: { ports = [] } }: Service): number | undefined {
  if (ports.some((port) => port.port === 80 && portProtocolOf(port) === 'http')) return undefined;
  return ports[0]?.port;
}

function hostText(host: string, port: number): string {
  return `clients send each port but 80 in the header Host, such as ${host}:${port}, so the host ${host} matches none of their calls: add ${host}:*`;
}

/** Reports whether a list has a wildcard that matches a host with any port. */
function matchesWithPort(hosts: readonly string[], host: string): boolean {
  return hosts.some((one) => one.endsWith('*') && `${host}:`.startsWith(one.slice(0, -1)));
}

/** Returns the hosts that one policy or route compares with those of requests. */
function matchedHosts({ kind, spec }: KubeObject): readonly string[] {
  switch (kind) {
    case 'AuthorizationPolicy':
      return policyHosts(spec as PolicySpec | undefined);
    case 'VirtualService':
      return virtualServiceHosts(spec as VirtualServiceSpec | undefined);
    default:
      return [];
  }
}

interface PolicySpec {
  readonly rules?: readonly {
    readonly to?: readonly {
      readonly operation?: { readonly hosts?: readonly string[]; readonly notHosts?: readonly string[] };
    }[];
  }[];
}

function policyHosts(spec: PolicySpec | undefined): readonly string[] {
  const operations = (spec?.rules ?? []).flatMap(({ to = [] }) => to.map(({ operation = {} }) => operation));
  return operations.flatMap(({ hosts = [], notHosts = [] }) => [...hosts, ...notHosts]);
}

interface VirtualServiceSpec {
  readonly http?: readonly {
    readonly match?: readonly { readonly authority?: { readonly exact?: string } }[] | null;
  }[];
}

function virtualServiceHosts(spec: VirtualServiceSpec | undefined): readonly string[] {
  const matches = (spec?.http ?? []).flatMap(({ match }) => match ?? []);
  return matches.flatMap(({ authority }) => authority?.exact ?? []);
}
