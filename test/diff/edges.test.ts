import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callerKey } from '../../src/diff/caller-text.ts';
import { type EdgeSet, edgesOf } from '../../src/diff/pieces/edges.ts';
import { type EnvoyConfig, noConfig } from '../../src/diff/pieces/envoy-config.ts';
import type { JsonObject } from '../../src/diff/pieces/json.ts';
import type { MeshSnapshot, SnapshotPod } from '../../src/diff/pieces/mesh-snapshot.ts';
import { cartRoute, dumpOf, podOf, serviceOf, shopOf } from './envoy-dump.ts';

const onlyAdmin = {
  'ns[shop]-policy[cart]-rule[0]': {
    permissions: [{ any: true }],
    principals: [{ authenticated: { principal_name: { exact: 'spiffe://cluster.local/ns/shop/sa/admin' } } }],
  },
};

describe('edges of two snapshots', () => {
  it('are equal after another start of the same mesh', () => {
    const edges = compare(shopOf({}, 1), shopOf({}, 2));
    assert.deepEqual([edges.edges, edges.changedEdges, edges.toProbe.length], [2, 0, 0]);
  });

  it('are equal if a route or a policy has another name', () => {
    const renamed = (name: string): object => ({ ...cartRoute, name, metadata: metadataOf(name) });
    const policy = { other: onlyAdmin['ns[shop]-policy[cart]-rule[0]'] };
    const before = shopOf({ routes: [renamed('old')], policies: onlyAdmin });
    assert.equal(compare(before, shopOf({ routes: [renamed('new')], policies: policy })).changedEdges, 0);
  });

  it('have one probe for callers with the same configuration', () => {
    const changed = shopOf({ routes: [{ ...cartRoute, route: { ...cartRoute.route, timeout: '1s' } }] });
    const { changedEdges, toProbe } = compare(shopOf({}), changed);
    assert.equal(changedEdges, 2);
    assert.deepEqual(callersIn(toProbe), [['shop/admin-v1', 'shop/web-v1']]);
  });

  it('have the same caller in each run, in whatever order the pods are read', () => {
    const reversed = (mesh: MeshSnapshot): MeshSnapshot => ({ ...mesh, pods: mesh.pods.toReversed() });
    const changed = shopOf({ routes: [{ ...cartRoute, route: { ...cartRoute.route, timeout: '1s' } }] });
    for (const edges of [compare(shopOf({}), changed), compare(reversed(shopOf({})), reversed(changed))])
      assert.deepEqual(
        edges.toProbe.map(({ caller }) => callerKey(caller)),
        ['shop/admin-v1'],
      );
  });

  it('have a probe for each identity that a policy of the callee asks for', () => {
    const { toProbe } = compare(shopOf({}), shopOf({ policies: onlyAdmin }));
    assert.deepEqual(callersIn(toProbe), [['shop/admin-v1'], ['shop/web-v1']]);
  });

  it('have a probe for each identity that a policy of a gateway in the middle asks for', () => {
    const withGateway = (timeout: string): MeshSnapshot => {
      const routed = { ...cartRoute, route: { ...cartRoute.route, timeout } };
      const mesh = shopOf({ routes: [routed], policies: onlyAdmin });
      const services = mesh.services.map((service) => ({ ...service, selector: { app: 'another' } }));
      return withPod({ ...mesh, services }, 'cart-v1', { role: 'gateway' });
    };
    const { toProbe } = compare(withGateway('1s'), withGateway('2s'));
    assert.deepEqual(callersIn(toProbe), [['shop/admin-v1'], ['shop/web-v1']]);
  });

  it('are all probed on request', () => {
    const mesh = shopOf({});
    assert.equal(edgesOf(mesh, mesh, { all: true, outside: '' }).toProbe.length, 1);
  });

  it('differ if an endpoint is another workload', () => {
    const mesh = shopOf({});
    const pods = mesh.pods.map((pod) =>
      pod.workload === 'cart-v1' ? { ...pod, labels: { app: 'cart', version: 'v2' } } : pod,
    );
    assert.equal(compare(mesh, { ...mesh, pods }).changedEdges, 2);
  });

  it('differ if a caller has another identity, and callers with different changes are apart', () => {
    const mesh = shopOf({});
    const { changedEdges, toProbe } = compare(mesh, withPod(mesh, 'web-v1', { serviceAccount: 'guest' }));
    assert.deepEqual([changedEdges, callersIn(toProbe)], [1, [['shop/web-v1']]]);
    const [edge] = toProbe;
    assert.equal(edge?.after.identity, 'spiffe://cluster.local/ns/shop/sa/guest');
  });

  it('differ if connections of the caller or the callee pass by its proxy', () => {
    const mesh = shopOf({});
    const network = '[["-d","80"]]';
    assert.equal(compare(mesh, withPod(mesh, 'web-v1', { network })).changedEdges, 1);
    assert.equal(compare(mesh, withPod(mesh, 'cart-v1', { network })).changedEdges, 2);
  });

  it('differ if a filter that listeners only name, or a runtime setting, differs', () => {
    const mesh = shopOf({});
    const withConfig = (workload: string, change: Partial<EnvoyConfig>): MeshSnapshot => {
      const { config } = mesh.pods.find((pod) => pod.workload === workload) ?? {};
      assert.ok(config);
      return withPod(mesh, workload, { config: { ...config, ...change } });
    };
    const plugin = (text: string): Partial<EnvoyConfig> => ({
      extensions: new Map([['envoy.filters.http.rbac', { name: 'envoy.filters.http.rbac', text }]]),
    });
    assert.equal(compare(withConfig('cart-v1', plugin('a')), withConfig('cart-v1', plugin('b'))).changedEdges, 2);
    assert.equal(compare(mesh, withConfig('web-v1', { runtime: [{ layers: ['a'] }] })).changedEdges, 1);
    assert.equal(compare(mesh, withConfig('cart-v1', { runtime: [{ layers: ['a'] }] })).changedEdges, 2);
  });

  it('differ if a listener at the address of a pod of a Service without an address differs', () => {
    const headless = (filter: string): MeshSnapshot => {
      const mesh = shopOf({});
      const listener = {
        name: '10.77.1.3_80',
        traffic_direction: 'OUTBOUND',
        address: { socket_address: { address: '10.77.1.3', port_value: 80 } },
        filter_chains: [{ filters: [{ name: filter }] }],
      };
      const services = mesh.services.map((service) => ({ ...service, addresses: [] }));
      const { config } = mesh.pods[0] ?? {};
      assert.ok(config);
      return withPod({ ...mesh, services }, 'web-v1', { config: { ...config, listeners: [listener] } });
    };
    assert.equal(compare(headless('a'), headless('a')).changedEdges, 0);
    assert.equal(compare(headless('a'), headless('b')).changedEdges, 1);
  });

  it('name changes of hosts and listeners to which no request is made', () => {
    const mesh = shopOf({});
    const { config } = mesh.pods[0] ?? {};
    assert.ok(config);
    const block = { name: 'block_all', domains: ['*'], routes: [] };
    const hosts = [block, { name: '*.example.com:80', domains: ['*.example.com'], routes: [] }];
    const routes = config.routes.get('80');
    const listenerAt = (address: string, port: number): JsonObject => ({
      traffic_direction: 'OUTBOUND',
      address: { socket_address: { address, port_value: port } },
      filter_chains: [{ filters: [{ name: 'envoy.filters.network.tcp_proxy' }] }],
    });
    const added = [listenerAt('240.0.0.1', 7777), listenerAt('0.0.0.0', 443)];
    const known = ((routes?.virtual_hosts ?? []) as readonly JsonObject[]).filter(({ name }) => name !== 'allow_any');
    const after = withPod(mesh, 'web-v1', {
      config: {
        ...config,
        listeners: [...config.listeners, ...added],
        routes: new Map([['80', { ...routes, virtual_hosts: [...known, ...hosts] }]]),
      },
    });
    const { notCompared } = compare(mesh, after);
    assert.deepEqual(
      notCompared.map(({ subject }) => subject),
      [
        'hosts that the mesh does not know',
        'connections to 240.0.0.1, port 7777',
        'connections to any address, port 443',
        'host *.example.com:80',
      ],
    );
  });

  it('name ports of gateways at which connections without HTTP differ', () => {
    const withGateway = (cluster: string): MeshSnapshot => {
      const filters = [{ name: 'envoy.filters.network.tcp_proxy', typed_config: { cluster } }];
      const listener = {
        address: { socket_address: { address: '0.0.0.0', port_value: 9000 } },
        filter_chains: [{ filters }],
      };
      return withPod(shopOf({}), 'admin-v1', { role: 'gateway', config: { ...noConfig, listeners: [listener] } });
    };
    assert.deepEqual(compare(withGateway('a'), withGateway('a')).notCompared, []);
    assert.deepEqual(
      compare(withGateway('a'), withGateway('b')).notCompared.map(({ subject }) => subject),
      ['gateway shop/admin-v1, connections to port 9000'],
    );
  });

  it('name calls of workloads to a gateway if what it does for clients differs, or the sidecars of the workloads do', () => {
    const withGateway = (timeout: string): MeshSnapshot => {
      const routes = [{ ...cartRoute, route: { ...cartRoute.route, timeout } }];
      const routeConfig = {
        name: 'http.8080',
        virtual_hosts: [{ name: 'shop:80', domains: ['shop.example'], routes }],
      };
      const listener = {
        address: { socket_address: { address: '0.0.0.0', port_value: 8080 } },
        filter_chains: [{ filters: [{ name: 'http', typed_config: { rds: { route_config_name: 'http.8080' } } }] }],
      };
      const config = { ...noConfig, listeners: [listener], routes: new Map([['http.8080', routeConfig]]) };
      const mesh = withPod(shopOf({}), 'admin-v1', { role: 'gateway', config });
      return { ...mesh, services: [...mesh.services, serviceOf('admin', '10.96.1.8')] };
    };
    const subjects = (before: MeshSnapshot, after: MeshSnapshot): string[] =>
      compare(before, after).notCompared.map(({ subject }) => subject);
    const mesh = withGateway('1s');
    const web = mesh.pods.find(({ workload }) => workload === 'web-v1');
    assert.ok(web?.config);
    const changed = withPod(mesh, 'web-v1', { config: { ...web.config, runtime: [{ layers: ['a'] }] } });
    assert.deepEqual(subjects(mesh, mesh), []);
    assert.deepEqual(subjects(mesh, changed), ['web-v1 → Service admin.shop of a gateway']);
    assert.deepEqual(subjects(mesh, withGateway('2s')), ['all callers → Service admin.shop of a gateway']);
  });

  it('differ for a caller without a proxy if a Service without a selector has other endpoints', () => {
    const leadingTo = (pod: number, start: number): MeshSnapshot => {
      const mesh = withPod(shopOf({}, start), 'web-v1', { config: undefined });
      const service = { ...serviceOf('stock', '10.96.1.7'), selector: undefined };
      return { ...mesh, services: [{ ...service, endpoints: [`10.77.${start}.${pod}:8080`] }] };
    };
    assert.equal(compare(leadingTo(3, 1), leadingTo(3, 2)).changedEdges, 0);
    const { toProbe } = compare(leadingTo(3, 1), leadingTo(2, 2));
    const [web] = toProbe.filter(({ caller }) => callerKey(caller) === 'shop/web-v1');
    assert.deepEqual(
      [web?.before, web?.after].map((side) => side?.receivers.map(({ pod }) => pod.workload)),
      [['cart-v1'], ['admin-v1']],
    );
  });

  it('differ if the proxy of a caller or the mock of a callee starts with other settings, and other callers stay one class', () => {
    const mesh = shopOf({});
    const caller = compare(mesh, withPod(mesh, 'web-v1', { program: '["--concurrency=1"]' }));
    assert.deepEqual([caller.changedEdges, callersIn(caller.toProbe)], [1, [['shop/web-v1']]]);
    const callee = compare(mesh, withPod(mesh, 'cart-v1', { program: '["--behaviour=/~status=503"]' }));
    assert.deepEqual([callee.changedEdges, callersIn(callee.toProbe)], [2, [['shop/admin-v1', 'shop/web-v1']]]);
  });

  it('differ if a policy of a Service to which another name leads differs', () => {
    const alias = { ...serviceOf('alias', ''), addresses: [], selector: undefined };
    const withAlias = (policies: object): MeshSnapshot => {
      const mesh = withPod(shopOf({ policies }), 'web-v1', { config: undefined });
      return { ...mesh, services: [...mesh.services, { ...alias, externalName: 'cart.shop.svc.cluster.local' }] };
    };
    const { toProbe } = compare(withAlias({}), withAlias(onlyAdmin));
    const ofWeb = toProbe.filter(({ caller }) => callerKey(caller) === 'shop/web-v1');
    assert.deepEqual(ofWeb.map(({ destination }) => destination.name).toSorted(), ['alias.shop', 'cart.shop']);
  });

  it('differ if a policy of a Service to which the name or the address of an endpoint leads differs', () => {
    for (const address of ['cart.shop.svc.cluster.local', 'cart.shop', 'cart', '10.96.1.1']) {
      const withEntry = (policies: object): MeshSnapshot => {
        const mesh = shopOf({ policies });
        const services = mesh.services.map((service) => ({ ...service, addresses: ['10.96.1.1'] }));
        const { config } = mesh.pods[0] ?? {};
        assert.ok(config);
        const endpoint = { endpoint: { address: { socket_address: { address, port_value: 80 } } } };
        const cluster = { name: 'outside', load_assignment: { endpoints: [{ lb_endpoints: [endpoint] }] } };
        const virtualHost = {
          name: 'ext.example:80',
          domains: ['ext.example'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'outside' } }],
        };
        const routes = config.routes.get('80');
        const hosts = [...((routes?.virtual_hosts ?? []) as readonly JsonObject[]), virtualHost];
        return withPod({ ...mesh, services }, 'web-v1', {
          config: {
            ...config,
            clusters: new Map([...config.clusters, ['outside', cluster]]),
            routes: new Map([['80', { ...routes, virtual_hosts: hosts }]]),
          },
        });
      };
      const { toProbe } = compare(withEntry({}), withEntry(onlyAdmin));
      const names = toProbe.map(({ destination, caller }) => `${callerKey(caller)} ${destination.name}`);
      assert.ok(names.includes('shop/web-v1 ext.example'), `${address}: ${names.join(', ')}`);
    }
  });

  it('differ if a Service differs that the sidecar of the callee asks, by a setting or in a program of a filter', () => {
    const asking = (setting: JsonObject, version: string): MeshSnapshot => {
      const mesh = shopOf({});
      const { config } = mesh.pods.find(({ workload }) => workload === 'cart-v1') ?? {};
      assert.ok(config);
      const { address = '' } = mesh.pods.find(({ workload }) => workload === 'web-v1') ?? {};
      const name = 'outbound|80||web.shop.svc.cluster.local';
      const endpoint = { endpoint: { address: { socket_address: { address, port_value: 8080 } } } };
      const listeners = config.listeners.map((listener) => ({
        ...listener,
        filter_chains: [{ filters: [{ name: 'lua', typed_config: setting }] }],
      }));
      return withPod(withPod(mesh, 'web-v1', { labels: { app: 'web', version } }), 'cart-v1', {
        config: {
          ...config,
          listeners,
          clusters: new Map([[name, { name }]]),
          endpoints: new Map([[name, { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] }]]),
        },
      });
    };
    const name = 'outbound|80||web.shop.svc.cluster.local';
    const program = `function envoy_on_request(handle) handle:httpCall("${name}", {}, "", 100) end`;
    for (const setting of [{ cluster: name }, { inline_code: program }]) {
      const changed = compare(asking(setting, 'v1'), asking(setting, 'v2')).toProbe;
      assert.ok(callersIn(changed).flat().includes('shop/admin-v1'), JSON.stringify(setting));
    }
    assert.deepEqual(callersIn(compare(asking({}, 'v1'), asking({}, 'v2')).toProbe), []);
  });

  it('are equal if a sidecar has had requests to other addresses, which Envoy shows as endpoints', () => {
    const withRequests = (count: number): MeshSnapshot => {
      const mesh = shopOf({});
      const { config } = mesh.pods.find(({ workload }) => workload === 'cart-v1') ?? {};
      assert.ok(config);
      const name = 'inbound|8080||';
      const endpoint = { endpoint: { address: { socket_address: { address: '10.77.1.3', port_value: 8080 } } } };
      const chains = [{ filters: [{ name: 'tcp', typed_config: { cluster: name } }] }];
      const [listener] = config.listeners;
      const endpoints = Array.from({ length: count }, () => endpoint);
      return withPod(mesh, 'cart-v1', {
        config: {
          ...config,
          listeners: [{ ...listener, filter_chains: chains }],
          clusters: new Map([[name, { name, type: 'ORIGINAL_DST' }]]),
          endpoints: new Map([[name, { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] }]]),
        },
      });
    };
    assert.equal(compare(withRequests(0), withRequests(1)).changedEdges, 0);
  });

  it('differ if settings of a filter differ in fields that elsewhere mean nothing, or in the keys of a map', () => {
    const type = 'type.googleapis.com/xds.type.v3.TypedStruct';
    const filter = (value: object): MeshSnapshot =>
      shopOf({ routes: [{ ...cartRoute, typed_per_filter_config: { own: { '@type': type, value } } }] });
    const edges = (one: object, other: object): number => compare(filter(one), filter(other)).changedEdges;
    assert.equal(edges({ tracing: 'on' }, { tracing: 'off' }), 2);
    assert.equal(edges({ name: 'a', domains: [] }, { name: 'b', domains: [] }), 2);
    assert.equal(edges({ policies: { a: 'x', b: 'y' } }, { policies: { a: 'y', b: 'x' } }), 2);
    assert.equal(edges({ a: 'x' }, { a: 'x' }), 0);
  });

  it('differ if two listeners exchange the virtual hosts of their routes', () => {
    const listener = (address: string, name: string): JsonObject => ({
      name: address,
      traffic_direction: 'OUTBOUND',
      address: { socket_address: { address, port_value: 80 } },
      filter_chains: [{ filters: [{ name: 'http', typed_config: { rds: { route_config_name: name } } }] }],
    });
    const hosts = ['a', 'b'].map((prefix) => ({
      name: 'cart',
      domains: ['cart'],
      routes: [{ ...cartRoute, match: { prefix } }],
    }));
    const withRoutes = (order: readonly JsonObject[]): MeshSnapshot => {
      const mesh = shopOf({});
      const { config } = mesh.pods[0] ?? {};
      assert.ok(config);
      const { addresses: [address = ''] = [] } = mesh.services[0] ?? {};
      const listeners = [listener('0.0.0.0', 'one'), listener(address, 'two')];
      const [one, two] = order;
      const routes = new Map([
        ['one', { name: 'one', virtual_hosts: [one ?? null] }],
        ['two', { name: 'two', virtual_hosts: [two ?? null] }],
      ]);
      return withPod(mesh, 'web-v1', { config: { ...config, listeners, routes } });
    };
    assert.equal(compare(withRoutes(hosts), withRoutes(hosts)).changedEdges, 0);
    assert.equal(compare(withRoutes(hosts), withRoutes(hosts.toReversed())).changedEdges, 1);
  });

  it('name ports for metrics whose callers or callees differ, since no probe calls them', () => {
    const withMetrics = (network: string): MeshSnapshot => {
      const mesh = withPod(shopOf({}), 'cart-v1', { network });
      const port = { port: 9090, targetPort: '9090', name: 'http-metrics', protocol: 'http' } as const;
      return { ...mesh, services: mesh.services.map((one) => ({ ...one, ports: [...one.ports, port] })) };
    };
    const subjects = (before: MeshSnapshot, after: MeshSnapshot): string[] =>
      compare(before, after).notCompared.map(({ subject }) => subject);
    assert.deepEqual(subjects(withMetrics(''), withMetrics('')), []);
    assert.deepEqual(subjects(withMetrics(''), withMetrics('x')), ['all callers → cart.shop:9090']);
  });

  it('are read in the time of their parts if each sidecar may ask any service about a request', () => {
    const mesh = askingMesh(16);
    const startedAt = process.cpuUsage();
    assert.equal(compare(mesh, mesh).edges, 16 * 15);
    assert.ok(process.cpuUsage(startedAt).user < 2_000_000, 'less than 2 s of the processor');
  });

  it('name workloads whose gRPC reads the configuration of Istio itself', () => {
    const mesh = withPod(shopOf({}), 'web-v1', { config: undefined, isProxyless: true });
    assert.match(compare(mesh, mesh).notCompared[0]?.subject ?? '', /^calls of shop\/web-v1 over gRPC$/);
  });

  it('say which gateways exist only on one side', () => {
    const mesh = shopOf({});
    const gateway = withPod(mesh, 'admin-v1', { role: 'gateway' }).pods.filter(({ role }) => role === 'gateway');
    const { notCompared } = compare({ ...mesh, pods: [...mesh.pods, ...gateway] }, mesh);
    assert.deepEqual(notCompared, [{ subject: 'gateway shop/admin-v1', reason: 'it exists only in the old snapshot' }]);
  });

  it('say which workloads exist only on one side', () => {
    const mesh = shopOf({});
    const { notCompared } = compare(mesh, { ...mesh, pods: mesh.pods.slice(1) });
    assert.deepEqual(notCompared, [
      { subject: 'calls of shop/web-v1', reason: 'the workload exists only in the old snapshot' },
    ]);
  });
});

/** Returns a mesh of services, each with two pods, whose sidecars take the names of further services from requests. */
function askingMesh(size: number): MeshSnapshot {
  const names = Array.from({ length: size }, (_, index) => `s${index}`);
  const ofPods = names.flatMap((workload, index) =>
    [1, 2].map((pod) => ({ workload, address: `10.1.${index}.${pod}` })),
  );
  const clusters = ofPods.map(({ address }) => ({
    name: address,
    load_assignment: {
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address, port_value: 8080 } } } }] }],
    },
  }));
  const chain = { filter_chain_match: { destination_port: 8080 }, filters: [{ cluster_header: 'x-service' }] };
  const dump = dumpOf({ listeners: [{ name: 'virtualInbound', filter_chains: [chain] }], clusters });
  return {
    pods: ofPods.map((pod) => podOf({ ...pod, dump })),
    services: names.map((name, index) => serviceOf(name, `10.96.0.${index}`)),
  };
}

function compare(before: MeshSnapshot, after: MeshSnapshot): EdgeSet {
  return edgesOf(before, after, { all: false, outside: '' });
}

function withPod(mesh: MeshSnapshot, workload: string, change: Partial<SnapshotPod>): MeshSnapshot {
  return { ...mesh, pods: mesh.pods.map((pod) => (pod.workload === workload ? { ...pod, ...change } : pod)) };
}

function callersIn(edges: EdgeSet['toProbe']): string[][] {
  return edges.map(({ speaksFor }) => speaksFor.map(callerKey));
}

function metadataOf(name: string): object {
  return {
    filter_metadata: { istio: { config: `/apis/networking.istio.io/v1/namespaces/shop/virtual-service/${name}` } },
  };
}
