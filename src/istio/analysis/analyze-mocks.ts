import { isDestinationRule } from '../resources/destination-rule.ts';
import type { KubeObject } from '../resources/objects.ts';
import { dnsNamesOf } from '../resources/routes.ts';
import type { AnalysisContext } from './known-hosts.ts';

/** Values of one policy or route that are compared with requests. */
interface MatchedValues {
  readonly hosts: readonly string[];
  readonly paths: readonly string[];
}

/**
 * Finds conditions that no call of a mock meets, although calls of the real workloads may: names of Services without a
 * port in the header Host, methods of gRPC, and TLS.
 *
 * @returns a message for each condition
 */
export function analyzeMocks(object: KubeObject, namespace: string, { services }: AnalysisContext): string[] {
  const { hosts, paths } = matchedValues(object);
  const names = new Set(services.flatMap((service) => dnsNamesOf(service, namespace)));
  const messages = [
    ...hosts.filter((host) => names.has(host) && !matchesWithPort(hosts, host)).map(hostText),
    ...paths.filter(isGrpcMethod).map(methodText),
  ];
  return [...new Set([...messages, ...originatedTls(object)])];
}

interface TrafficPolicy {
  readonly tls?: { readonly mode?: string };
  readonly portLevelSettings?: readonly TrafficPolicy[];
}

/** Finds TLS that a proxy begins for calls to a host, other than Istio's own mutual TLS. */
function originatedTls(object: KubeObject): string[] {
  if (!isDestinationRule(object)) return [];
  const { trafficPolicy, subsets = [] } = object.spec as {
    trafficPolicy?: TrafficPolicy;
    subsets?: readonly { readonly trafficPolicy?: TrafficPolicy }[];
  };
  const modesOf = ({ tls, portLevelSettings = [] }: TrafficPolicy = {}): string[] => [
    ...(tls?.mode === undefined ? [] : [tls.mode]),
    ...portLevelSettings.flatMap(modesOf),
  ];
  const modes = [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)].flatMap(modesOf);
  return modes
    .filter((mode) => mode === 'SIMPLE' || mode === 'MUTUAL')
    .map(
      (mode) => `mocks speak no TLS, so calls with the TLS mode ${mode} fail: the host may answer them in a cluster`,
    );
}

function hostText(host: string): string {
  return `mocks send the port in the header Host, such as ${host}:8080, so the host ${host} matches none of their calls: add ${host}:*`;
}

function methodText(path: string): string {
  return `mocks call no gRPC method but meshmock.v1.MeshMock/Call, so no gRPC call of theirs has the path ${path}`;
}

/** Reports whether a list has a wildcard that matches a host with any port. */
function matchesWithPort(hosts: readonly string[], host: string): boolean {
  return hosts.some((one) => one.endsWith('*') && `${host}:`.startsWith(one.slice(0, -1)));
}

/** Reports whether a path is that of a gRPC method, such as `/shop.Basket/Add`, or of a whole gRPC service. */
function isGrpcMethod(path: string): boolean {
  return /^\/(?:\w+\.)+[A-Z]\w*\/(?:\w+|\*)?$/.test(path) && !/^\/(?:meshmock|grpc)\./.test(path);
}

function matchedValues(object: KubeObject): MatchedValues {
  switch (object.kind) {
    case 'AuthorizationPolicy':
      return policyValues(object.spec as PolicySpec | undefined);
    case 'VirtualService':
      return virtualServiceValues(object.spec as VirtualServiceSpec | undefined);
    case 'GRPCRoute':
      return grpcRouteValues(object.spec as GrpcRouteSpec | undefined);
    default:
      return { hosts: [], paths: [] };
  }
}

interface PolicySpec {
  readonly rules?: readonly {
    readonly to?: readonly {
      readonly operation?: Readonly<Partial<Record<'hosts' | 'notHosts' | 'paths' | 'notPaths', readonly string[]>>>;
    }[];
  }[];
}

function policyValues(spec: PolicySpec | undefined): MatchedValues {
  const operations = (spec?.rules ?? []).flatMap(({ to = [] }) => to.map(({ operation = {} }) => operation));
  return {
    hosts: operations.flatMap(({ hosts = [], notHosts = [] }) => [...hosts, ...notHosts]),
    paths: operations.flatMap(({ paths = [], notPaths = [] }) => [...paths, ...notPaths]),
  };
}

interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
}

interface VirtualServiceSpec {
  readonly http?: readonly { readonly match?: readonly { authority?: StringMatch; uri?: StringMatch }[] | null }[];
}

function virtualServiceValues(spec: VirtualServiceSpec | undefined): MatchedValues {
  const matches = (spec?.http ?? []).flatMap(({ match }) => match ?? []);
  return {
    hosts: matches.flatMap(({ authority }) => authority?.exact ?? []),
    paths: matches.flatMap(({ uri }) => uri?.exact ?? uri?.prefix ?? []),
  };
}

interface GrpcRouteSpec {
  readonly rules?: readonly {
    readonly matches?: readonly { readonly method?: { readonly service?: string; readonly method?: string } }[];
  }[];
}

function grpcRouteValues(spec: GrpcRouteSpec | undefined): MatchedValues {
  const methods = (spec?.rules ?? []).flatMap(({ matches = [] }) => matches.flatMap(({ method }) => method ?? []));
  return {
    hosts: [],
    paths: methods.flatMap(({ service, method = '*' }) => (service === undefined ? [] : `/${service}/${method}`)),
  };
}
