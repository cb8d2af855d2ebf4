import { foreignAddress } from './foreign.ts';

// Manifests for the cases of refusals. The parameters are texts in YAML's flow style.

export function virtualService(http: string, host = 'service4'): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${host} }
spec: { hosts: [${host}], http: [{ ${http} }] }
`;
}

export function routeTo(host = 'service4'): string {
  return `route: [{ destination: { host: ${host} } }]`;
}

export function destinationRule(spec: string, host = 'service4'): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host} }
spec: { host: ${host}, ${spec} }
`;
}

/** Returns an AuthorizationPolicy for service4. */
export function authorization(spec: string): string {
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: service4 }
spec: { selector: { matchLabels: { app: service4 } }, ${spec} }
`;
}

/** Returns a RequestAuthentication for service4. */
export function authentication(jwtRule: string): string {
  return `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: service4 }
spec: { selector: { matchLabels: { app: service4 } }, jwtRules: [{ ${jwtRule} }] }
`;
}

/** Returns a ServiceEntry for a host outside the mesh. */
export function serviceEntry(host: string, endpoint: string, resolution: 'STATIC' | 'DNS' = 'STATIC'): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${host} }
spec:
  hosts: [${host}]
  location: MESH_EXTERNAL
  resolution: ${resolution}
  ports: [{ number: 8080, name: http, protocol: HTTP }, { number: 9090, name: grpc, protocol: GRPC }]
  endpoints: [{ address: ${endpoint} }]
`;
}

/** Sidecar that an EnvoyFilter changes: the callee's, for inbound calls, or the caller's, for outbound calls. */
export type Sidecar = 'of the callee' | 'of the caller';

function envoyFilter(sidecar: Sidecar, patches: string): string {
  return `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: patch }
spec:
  workloadSelector: { labels: { app: ${sidecar === 'of the callee' ? 'service4' : 'gateway'} } }
  configPatches: [${patches}]
`;
}

function connectionManagerMatch(sidecar: Sidecar): string {
  const context = sidecar === 'of the callee' ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND';
  return `{ context: ${context}, listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager } } } }`;
}

/** Returns an EnvoyFilter that inserts an HTTP filter before all others. */
export function httpFilter(sidecar: Sidecar, name: string, type: string, config: string, morePatches = ''): string {
  const value = `{ name: envoy.filters.http.${name}, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.${name}.v3.${type}, ${config} } }`;
  return envoyFilter(
    sidecar,
    `{ applyTo: HTTP_FILTER, match: ${connectionManagerMatch(sidecar)}, patch: { operation: INSERT_FIRST, value: ${value} } }, ${morePatches}`,
  );
}

/** Returns an EnvoyFilter that sets options of the HTTP connection manager. */
export function httpOptions(sidecar: Sidecar, options: string): string {
  const type = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  return envoyFilter(
    sidecar,
    `{ applyTo: NETWORK_FILTER, match: ${connectionManagerMatch(sidecar)}, patch: { operation: MERGE, value: { typed_config: { "@type": ${type}, ${options} } } } }`,
  );
}

/** Returns an EnvoyFilter that makes the caller's sidecar drop a share of the load of a cluster. */
export function dropOverload(host: string, percentage: string): string {
  const value = `{ load_assignment: { policy: { drop_overloads: [{ category: all, drop_percentage: { ${percentage} } }] } } }`;
  return envoyFilter(
    'of the caller',
    `{ applyTo: CLUSTER, match: { context: SIDECAR_OUTBOUND, cluster: { service: ${host} } }, patch: { operation: MERGE, value: ${value} } }`,
  );
}

/** Parts of a workload that differ from the usual ones. */
interface WorkloadOptions {
  readonly labels?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Ports of the Service. */
  readonly ports?: string;
}

/** Returns a Deployment of one mock and its Service. */
export function workload(
  name: string,
  {
    labels = '',
    annotations = {},
    ports = '{ name: http, port: 8080 }, { name: grpc, port: 9090 }',
  }: WorkloadOptions = {},
): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [${ports}] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name}, ${labels} }, annotations: ${JSON.stringify(annotations)} }
    spec: { containers: [{ name: meshmock, image: meshmock }] }
`;
}

/** Manifests for the cases of refusals, besides the demo. */
export const others = [
  // The foreign servers.
  serviceEntry('foreign.test', foreignAddress.host),
  workload('legacy', { labels: 'sidecar.istio.io/inject: "false"' }),
  // Its Envoy reports the reason of a TLS failure to callers, as all versions before 1.38.1 did.
  workload('classic', {
    annotations: {
      'proxy.istio.io/config':
        'runtimeValues: { envoy.reloadable_features.hide_transport_failure_reason_in_response_body: "false" }',
    },
  }),
].join('---');
