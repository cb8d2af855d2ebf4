import { parseEnvoyDump } from '../../src/diff/pieces/envoy-config.ts';
import type { MeshSnapshot, SnapshotPod, SnapshotService } from '../../src/diff/pieces/mesh-snapshot.ts';

/** Parts of a pod for a test. */
interface TestPod {
  readonly workload: string;
  readonly version?: string;
  readonly serviceAccount?: string;
  readonly address: string;
  readonly dump?: string;
}

/** Returns a pod with the labels of its workload. */
export function podOf({ workload, version = 'v1', serviceAccount = workload, address, dump }: TestPod): SnapshotPod {
  return {
    name: `${workload}-${version}-abcde`,
    namespace: 'shop',
    workload: `${workload}-${version}`,
    role: 'mock',
    labels: { app: workload, version, 'pod-template-hash': address },
    serviceAccount,
    address,
    network: '',
    program: '',
    config: dump === undefined ? undefined : parseEnvoyDump(dump),
  };
}

export function serviceOf(name: string, address: string): SnapshotService {
  return {
    name,
    namespace: 'shop',
    addresses: [address],
    selector: { app: name },
    endpoints: [],
    ports: [{ port: 80, targetPort: '8080', name: 'http', protocol: 'http' }],
    settings: 'ClusterIP',
  };
}

const admin = 'type.googleapis.com/envoy.admin.v3.';

/** Returns the dump of an Envoy in the form of `/config_dump`. */
export function dumpOf(parts: {
  readonly listeners?: readonly object[];
  readonly routes?: readonly object[];
  readonly clusters?: readonly object[];
  readonly endpoints?: readonly object[];
}): string {
  const { listeners = [], routes = [], clusters = [], endpoints = [] } = parts;
  const version = { version_info: String(Math.random()), last_updated: new Date().toISOString() };
  return JSON.stringify({
    configs: [
      {
        '@type': `${admin}ListenersConfigDump`,
        dynamic_listeners: listeners.map((listener) => ({ active_state: { ...version, listener } })),
      },
      {
        '@type': `${admin}RoutesConfigDump`,
        dynamic_route_configs: routes.map((one) => ({ ...version, route_config: one })),
      },
      {
        '@type': `${admin}ClustersConfigDump`,
        dynamic_active_clusters: clusters.map((cluster) => ({ ...version, cluster })),
      },
      {
        '@type': `${admin}EndpointsConfigDump`,
        dynamic_endpoint_configs: endpoints.map((one) => ({ endpoint_config: one })),
      },
    ],
  });
}

/** Route to the Service `cart`, with any further fields. */
export const cartRoute = { match: { prefix: '/' }, route: { cluster: 'outbound|80||cart.shop.svc.cluster.local' } };

/** Returns the dump of a caller of the Service `cart`. */
export function callerDump(cartAddress: string, routes: readonly object[]): string {
  const cluster = 'outbound|80||cart.shop.svc.cluster.local';
  return dumpOf({
    listeners: [
      {
        name: '0.0.0.0_80',
        traffic_direction: 'OUTBOUND',
        address: { socket_address: { address: '0.0.0.0', port_value: 80 } },
        filter_chains: [
          { filters: [{ name: 'http', typed_config: { stat_prefix: cartAddress, rds: { route_config_name: '80' } } }] },
        ],
      },
    ],
    routes: [
      {
        name: '80',
        virtual_hosts: [
          {
            name: 'cart.shop.svc.cluster.local:80',
            domains: ['cart.shop.svc.cluster.local', 'cart', '10.96.0.9'],
            routes,
          },
          {
            name: 'allow_any',
            domains: ['*'],
            routes: [{ match: { prefix: '/' }, route: { cluster: 'Passthrough' } }],
          },
        ],
      },
    ],
    clusters: [{ name: cluster, type: 'EDS', eds_cluster_config: { service_name: cluster } }],
    endpoints: [
      {
        cluster_name: cluster,
        endpoints: [
          {
            lb_endpoints: [{ endpoint: { address: { socket_address: { address: cartAddress, port_value: 8080 } } } }],
          },
        ],
      },
    ],
  });
}

/** Returns the dump of a callee with the policies of an RBAC filter. */
export function calleeDump(policies: object): string {
  return dumpOf({
    listeners: [
      {
        name: 'virtualInbound',
        traffic_direction: 'INBOUND',
        filter_chains: [
          {
            filter_chain_match: { destination_port: 8080 },
            filters: [
              {
                name: 'envoy.filters.network.http_connection_manager',
                typed_config: {
                  http_filters: [{ name: 'envoy.filters.http.rbac', typed_config: { rules: { policies } } }],
                },
              },
            ],
          },
        ],
      },
    ],
  });
}

/** Returns a mesh with the callers `web` and `admin` and the callee `cart`. */
export function shopOf(
  { routes = [cartRoute], policies = {} }: { readonly routes?: readonly object[]; readonly policies?: object },
  start = 1,
): MeshSnapshot {
  // Each start of a mesh has other addresses.
  const address = (pod: number): string => `10.77.${start}.${pod}`;
  const dump = callerDump(address(3), routes);
  return {
    pods: [
      podOf({ workload: 'web', address: address(1), dump }),
      podOf({ workload: 'admin', address: address(2), dump }),
      podOf({ workload: 'cart', address: address(3), dump: calleeDump(policies) }),
    ],
    services: [serviceOf('cart', `10.96.${start}.9`)],
  };
}
