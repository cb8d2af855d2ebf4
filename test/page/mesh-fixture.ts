import type {
  EdgeDetails,
  EdgeRefusal,
  MeshChange,
  MeshEdge,
  MeshNode,
  MeshObject,
  MeshState,
  TraceList,
  TraceSpan,
  TraceView,
  Traffic,
} from '../../src/page/model/mesh-page-data.ts';

/** Time of the made states. */
export const atMs = Date.parse('2026-11-29T14:05:00');

/** Returns counts of requests by status. */
export function traffic(byStatus: Readonly<Record<string, number>>, more: Partial<Traffic> = {}): Traffic {
  const requests = Object.values(byStatus).reduce((sum, count) => sum + count, 0);
  const sumOf = (pattern: RegExp): number =>
    Object.entries(byStatus).reduce((sum, [status, count]) => sum + (pattern.test(status) ? count : 0), 0);
  return {
    requests,
    perSecond: requests / 60,
    errors: sumOf(/^5|no answer|^grpc (?!OK)/),
    rejected: sumOf(/^4/),
    mtls: requests,
    passedOn: sumOf(/^50[24]/),
    byStatus,
    meanMs: 4.2,
    p95Ms: 11,
    ...more,
  };
}

const plain = { mtls: 0 };

/** Returns a service in the namespace `default`. */
export function service(name: string, versions: readonly string[] = ['v1'], more: Partial<MeshNode> = {}): MeshNode {
  return {
    id: `${name}.default`,
    name,
    namespace: 'default',
    kind: 'service',
    versions: versions.map((version, index) => ({
      version,
      pods: [
        {
          name: `${name}-${version}-5b7d9c8f6d-x2x${index}z`,
          address: `10.20.0.${name.length + index + 2}`,
          hasSidecar: true,
          isReady: true,
          serviceAccount: name,
        },
      ],
    })),
    ...more,
  };
}

/** Returns the calls between two nodes. */
export function edge(from: string, to: string, counts: Traffic, more: Partial<MeshEdge> = {}): MeshEdge {
  return {
    id: `${from} ${to}`,
    from,
    to,
    protocols: ['http'],
    traffic: counts,
    versions: counts.requests === 0 ? [] : [{ from: 'v1', to: 'v1', traffic: counts }],
    total: counts.requests + 20,
    refusals: [],
    ...more,
  };
}

const outside: MeshNode = { id: 'outside', name: 'outside', kind: 'outside', versions: [] };
const ingress = service('istio-ingressgateway', ['v1'], {
  id: 'istio-ingressgateway.istio-system',
  namespace: 'istio-system',
  kind: 'gateway',
  url: 'http://localhost:8081/',
});

const object: MeshObject = {
  id: 'AuthorizationPolicy default/service3',
  kind: 'AuthorizationPolicy',
  namespace: 'default',
  name: 'service3',
  changedMs: atMs - 40_000,
  where: 'istio/examples/service3-for-service2-only.yaml:2',
  about: 'Allows calls to pods with app=service3 only if the caller is service2 of the namespace default.',
};

const policyYaml = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: service3
  namespace: default
spec:
  selector:
    matchLabels:
      app: service3
  rules:
    - from:
        - source:
            principals:
              - cluster.local/ns/default/sa/service2
`;

const route: MeshObject = {
  id: 'VirtualService default/ingress',
  kind: 'VirtualService',
  namespace: 'default',
  name: 'ingress',
  changedMs: atMs - 300_000,
  where: 'istio/demo/ingress.yaml:18',
  about: 'Sends calls that enter by the gateway ingress to gateway.',
};

const refusal: EdgeRefusal = {
  reason: 'rbac_denied',
  count: 12,
  errors: 0,
  by: 'callee',
  explanation:
    'An AuthorizationPolicy denies the request: no rule of it allows a caller with the identity of service1.',
  object: { id: object.id, title: 'AuthorizationPolicy default/service3' },
  example: { request: 'GET /hello' },
  lastMs: atMs - 2000,
};

const start: MeshChange = { number: 1, atMs: atMs - 300_000, by: 'start', objects: [], more: 9 };
const policy: MeshChange = {
  number: 2,
  atMs: atMs - 40_000,
  by: 'apply',
  objects: [
    {
      id: object.id,
      kind: object.kind,
      namespace: 'default',
      name: 'service3',
      change: 'created',
      where: 'istio/examples/service3-for-service2-only.yaml:2',
      diff: policyYaml
        .trimEnd()
        .split('\n')
        .map((line) => `+ ${line}`),
      about: object.about,
    },
  ],
  more: 0,
};

/** Returns a mesh before or after the policy that lets only service2 call service3. */
export function demoState(when: 'before' | 'after' | 'idle'): MeshState {
  const nodes = [
    outside,
    ingress,
    service('gateway', ['v1'], { url: 'http://localhost:8080/' }),
    service('service1'),
    service('service2', ['v1', 'v2']),
    service('service3'),
    service('service4'),
  ];
  const id = (name: string): string => `${name}.default`;
  const isAfter = when === 'after';
  const around = (before: Traffic, after: Traffic): Partial<MeshEdge> =>
    isAfter ? { around: { change: 2, before, after } } : {};
  const counts = (byStatus: Readonly<Record<string, number>>, more: Partial<Traffic> = {}): Traffic =>
    when === 'idle' ? traffic({}) : traffic(byStatus, more);
  const ok = traffic({ '200': 30 });
  const edges = [
    edge('outside', ingress.id, counts(isAfter ? { '200': 12, '502': 12 } : { '200': 24 }, plain), {
      ...around(traffic({ '200': 24 }, plain), traffic({ '200': 12, '502': 12 }, plain)),
    }),
    edge(ingress.id, id('gateway'), counts(isAfter ? { '200': 12, '502': 12 } : { '200': 24 })),
    edge(id('gateway'), id('service1'), counts(isAfter ? { '200': 12, '502': 12 } : { '200': 24 }), {
      ...around(ok, traffic({ '502': 12 })),
    }),
    edge(id('gateway'), id('service2'), counts({ '200': 24 }), {
      ...around(ok, traffic({ '200': 12 })),
      versions: [
        { from: 'v1', to: 'v1', traffic: traffic({ '200': 13 }) },
        { from: 'v1', to: 'v2', traffic: traffic({ '200': 11 }) },
      ],
    }),
    edge(id('service1'), id('service3'), counts(isAfter ? { '200': 12, '403': 12 } : { '200': 24 }), {
      ...(isAfter ? { refusals: [refusal] } : {}),
      ...around(ok, traffic({ '403': 12 })),
    }),
    edge(id('service2'), id('service3'), counts({ '200': 24 }), around(ok, traffic({ '200': 12 }))),
    edge(id('service2'), id('service4'), traffic({}), { protocols: ['grpc'] }),
  ];
  return {
    mesh: 'demo',
    kind: 'istio',
    atMs,
    windowMs: 60_000,
    nodes,
    edges,
    objects: isAfter ? [object, route] : [route],
    changes: isAfter ? [policy, start] : [start],
  };
}

/** Configuration of the edge that the policy refuses. */
export const policyDetails: EdgeDetails = {
  id: 'service1.default service3.default',
  objects: [
    {
      ...object,
      yaml: policyYaml,
      side: 'callee',
      parts: [
        {
          path: 'spec.rules[0]',
          text: 'allows the caller service2 of the namespace default; every other caller gets 403',
          canRefuse: true,
          where: 'istio/examples/service3-for-service2-only.yaml:11',
          yaml: 'from:\n  - source:\n      principals:\n        - cluster.local/ns/default/sa/service2\n',
        },
      ],
    },
  ],
  notes: ['No VirtualService acts on these calls: each goes to any ready pod of service3.'],
};

/** Returns a large mesh: layers of services, some of which call several services of the next layer. */
export function largeState(count: number): MeshState {
  const names = Array.from({ length: count }, (_, index) => `${words[index % words.length]}-${index}`);
  const nodes = names.map((name, index) =>
    service(name, index % 7 === 3 ? ['v1', 'v2'] : ['v1'], index < count / 2 ? {} : { namespace: 'shop' }),
  );
  const idAt = (index: number): string => nodes[index]?.id ?? '';
  const edges = names.flatMap((_, index) => {
    if (index === 0) return [];
    const parents = [Math.floor((index - 1) / 3), ...(index % 6 === 5 ? [Math.floor(index / 2) - 1] : [])];
    return [...new Set(parents)].map((parent) => {
      const status = index % 13 === 12 ? { '200': 50, '503': 9 } : { '200': 40 + index };
      return edge(idAt(parent), idAt(index), index % 9 === 8 ? traffic({}) : traffic(status as Record<string, number>));
    });
  });
  return { mesh: 'large', kind: 'istio', atMs, windowMs: 60_000, nodes, edges, objects: [], changes: [] };
}

const words = ['cart', 'stock', 'price', 'search', 'orders', 'invoice', 'reviews', 'ratings', 'users', 'mail'];

/** List with the trace of `demoTrace`, and another one. */
export const demoTraces: TraceList = {
  traces: [
    {
      traceId: '5f6d61579a9bf0b12ef1d3a8ea1fe6c9',
      startMs: atMs - 5000,
      durationMs: 21.4,
      service: 'gateway',
      name: 'GET /@service1/@service3/hello',
      services: ['gateway', 'service1', 'service3'],
      spans: 8,
      errors: 2,
    },
    {
      traceId: 'b7c9a4f011d24e6c8c21fe0d1a9b3e57',
      startMs: atMs - 9000,
      durationMs: 11.4,
      service: 'istio-ingressgateway',
      name: 'gateway.default.svc.cluster.local:8080/*',
      services: ['istio-ingressgateway', 'gateway', 'service2', 'service3'],
      spans: 12,
      errors: 0,
    },
  ],
};

function span(spanId: string, parentSpanId: string | undefined, more: Partial<TraceSpan>): TraceSpan {
  return {
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    depth: 0,
    service: 'gateway',
    origin: 'app',
    kind: 'server',
    name: 'GET /hello',
    startMs: 0,
    durationMs: 10,
    isError: false,
    status: '200',
    tags: [['http.method', 'GET']],
    ...more,
  };
}

/** Trace of a call of gateway to service1 through both sidecars. */
export const demoTrace: TraceView = {
  traceId: '5f6d61579a9bf0b12ef1d3a8ea1fe6c9',
  startMs: atMs - 5000,
  durationMs: 21.4,
  leftOut: 0,
  spans: [
    span('a1', undefined, { durationMs: 21.4, name: 'GET /@service1/@service3/hello', status: '502', isError: true }),
    span('a2', 'a1', { depth: 1, kind: 'client', startMs: 0.6, durationMs: 20.1, name: 'GET', status: '502' }),
    span('a3', 'a2', {
      depth: 2,
      kind: 'client',
      origin: 'sidecar',
      startMs: 1.4,
      durationMs: 18.6,
      name: 'service1.default.svc.cluster.local:8080/*',
      tags: [
        ['component', 'proxy'],
        ['response_flags', '-'],
        ['upstream_cluster', 'outbound|8080||service1.default.svc.cluster.local'],
      ],
    }),
    span('a4', 'a3', {
      depth: 3,
      origin: 'sidecar',
      service: 'service1',
      startMs: 3,
      durationMs: 15.2,
      name: 'service1:8080/*',
    }),
    span('a5', 'a4', {
      depth: 4,
      service: 'service1',
      startMs: 4.1,
      durationMs: 13,
      name: 'GET /@service3/hello',
      status: '502',
      isError: true,
    }),
    span('a6', 'a5', {
      depth: 5,
      service: 'service1',
      kind: 'client',
      startMs: 4.9,
      durationMs: 11.6,
      name: 'GET',
      status: '403',
    }),
    span('a7', 'a6', {
      depth: 6,
      origin: 'sidecar',
      service: 'service1',
      kind: 'client',
      startMs: 5.8,
      durationMs: 9.8,
      name: 'service3.default.svc.cluster.local:8080/*',
      status: '403',
    }),
    span('a8', 'a7', {
      depth: 7,
      origin: 'sidecar',
      service: 'service3',
      startMs: 8.3,
      durationMs: 3.1,
      name: 'service3:8080/*',
      status: '403',
    }),
  ],
};
