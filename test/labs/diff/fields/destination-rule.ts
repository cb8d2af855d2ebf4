import type { DifferenceKind } from '../../../../src/diff/difference.ts';
import type { FieldMutation, Site } from './field-mutation.ts';
import { join, subsetsOf, virtualService } from './virtual-service.ts';

/** Returns a DestinationRule of a site. The parameter is its specification besides the host, in YAML's flow style. */
function destinationRule({ name, namespace, host }: Site, spec: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: ${namespace} }
spec: { host: ${host}, ${spec} }`;
}

function policy(
  field: string,
  shows: readonly DifferenceKind[],
  before: string,
  after: string,
  more: Partial<FieldMutation> = {},
): FieldMutation {
  return {
    kind: 'DestinationRule',
    field: `trafficPolicy.${field}`,
    shows,
    change: (site) => ({
      before: destinationRule(site, `trafficPolicy: { ${before} }`),
      after: destinationRule(site, `trafficPolicy: { ${after} }`),
    }),
    ...more,
  };
}

const strict = ({ name, namespace }: Site): string => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { matchLabels: { app: ${name} } }, mtls: { mode: STRICT } }`;

export const destinationRuleFields: readonly FieldMutation[] = [
  policy('tls.mode', ['mtls', 'identity'], 'tls: { mode: ISTIO_MUTUAL }', 'tls: { mode: DISABLE }'),
  policy('tls.mode (SIMPLE)', ['refused'], 'tls: { mode: ISTIO_MUTUAL }', 'tls: { mode: SIMPLE }'),
  {
    ...policy('tls.mode (STRICT callee)', ['refused'], '', ''),
    change: (site) => ({
      before: join(strict(site), destinationRule(site, 'trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }')),
      after: join(strict(site), destinationRule(site, 'trafficPolicy: { tls: { mode: DISABLE } }')),
    }),
  },
  policy(
    'connectionPool.http.http1MaxPendingRequests',
    ['limit'],
    'connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 30 } }',
    'connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 2 } }',
  ),
  policy(
    'connectionPool.http.http2MaxRequests',
    ['limit'],
    'connectionPool: { http: { http2MaxRequests: 40 } }',
    'connectionPool: { http: { http2MaxRequests: 3 } }',
  ),
  policy(
    'connectionPool.tcp.maxConnections',
    ['limit'],
    'connectionPool: { tcp: { maxConnections: 40 }, http: { http1MaxPendingRequests: 1 } }',
    'connectionPool: { tcp: { maxConnections: 2 }, http: { http1MaxPendingRequests: 1 } }',
    { notCompared: /number of connections/ },
  ),
  policy(
    'connectionPool.tcp.connectTimeout',
    [],
    'connectionPool: { tcp: { connectTimeout: 1s } }',
    'connectionPool: { tcp: { connectTimeout: 30ms } }',
    { notCompared: /connect timeout/ },
  ),
  policy(
    'connectionPool.http.maxRequestsPerConnection',
    [],
    'connectionPool: { http: { maxRequestsPerConnection: 10 } }',
    'connectionPool: { http: { maxRequestsPerConnection: 1 } }',
    { notCompared: /connection (settings|limits)/ },
  ),
  policy(
    'connectionPool.http.idleTimeout',
    [],
    'connectionPool: { http: { idleTimeout: 60s } }',
    'connectionPool: { http: { idleTimeout: 5s } }',
    { notCompared: /connection settings/ },
  ),
  policy(
    'outlierDetection.consecutive5xxErrors',
    ['outlier_detection'],
    'outlierDetection: { consecutive5xxErrors: 1000, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100 }',
    'outlierDetection: { consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100 }',
  ),
  policy('loadBalancer.simple', [], 'loadBalancer: { simple: ROUND_ROBIN }', 'loadBalancer: { simple: RANDOM }', {
    notCompared: /load balancing/,
  }),
  policy(
    'loadBalancer.consistentHash',
    [],
    'loadBalancer: { consistentHash: { httpHeaderName: x-user } }',
    'loadBalancer: { consistentHash: { httpHeaderName: x-team } }',
    { notCompared: /consistent hashing/ },
  ),
  {
    ...policy('portLevelSettings.tls.mode', ['mtls', 'identity'], '', ''),
    change: (site) => {
      const text = (mode: string): string =>
        destinationRule(
          site,
          `trafficPolicy: { portLevelSettings: [{ port: { number: ${site.port} }, tls: { mode: ${mode} } }] }`,
        );
      return { before: text('ISTIO_MUTUAL'), after: text('DISABLE') };
    },
  },
  {
    kind: 'DestinationRule',
    field: 'subsets.labels',
    needs: 'versions',
    shows: ['version', 'destination'],
    change: (site) => {
      const route = virtualService(site, `{ route: [{ destination: { host: ${site.host}, subset: one } }] }`);
      const text = (version: string): string =>
        join(route, destinationRule(site, `subsets: [{ name: one, labels: { version: ${version} } }]`));
      return { before: text('v1'), after: text('v2') };
    },
  },
  {
    kind: 'DestinationRule',
    field: 'subsets.labels (no pod)',
    shows: ['refused'],
    change: (site) => {
      const route = virtualService(site, `{ route: [{ destination: { host: ${site.host}, subset: one } }] }`);
      const text = (version: string): string =>
        join(route, destinationRule(site, `subsets: [{ name: one, labels: { version: ${version} } }]`));
      return { before: text('v1'), after: text('v9') };
    },
  },
  {
    kind: 'DestinationRule',
    field: 'subsets.name',
    shows: ['refused'],
    change: (site) => {
      const route = virtualService(site, `{ route: [{ destination: { host: ${site.host}, subset: v1 } }] }`);
      return {
        before: join(route, subsetsOf(site)),
        after: join(route, subsetsOf(site).replace('name: v1', 'name: one')),
      };
    },
  },
  {
    kind: 'DestinationRule',
    field: 'subsets.trafficPolicy.tls.mode',
    shows: ['mtls', 'identity'],
    change: (site) => {
      const route = virtualService(site, `{ route: [{ destination: { host: ${site.host}, subset: one } }] }`);
      const text = (mode: string): string =>
        join(
          route,
          destinationRule(
            site,
            `subsets: [{ name: one, labels: { version: v1 }, trafficPolicy: { tls: { mode: ${mode} } } }]`,
          ),
        );
      return { before: text('ISTIO_MUTUAL'), after: text('DISABLE') };
    },
  },
  {
    kind: 'DestinationRule',
    field: 'host',
    shows: ['mtls', 'identity'],
    change: (site) => {
      const text = destinationRule(site, 'trafficPolicy: { tls: { mode: DISABLE } }');
      return { before: text, after: text.replace(`host: ${site.host}`, `host: nobody-${site.number}.example`) };
    },
  },
  {
    kind: 'DestinationRule',
    field: 'workloadSelector',
    shows: ['mtls', 'identity'],
    change: (site) => {
      // A selector chooses pods of the namespace of the object, which here is that of the callers.
      const text = (selector: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${site.name}-callers, namespace: default }
spec: { host: ${site.host}, ${selector} trafficPolicy: { tls: { mode: DISABLE } } }`;
      const of = (caller: string): string => text(`workloadSelector: { matchLabels: { app: ${caller} } },`);
      return { before: of(site.callers[0]), after: of(site.callers[1]) };
    },
  },
  {
    kind: 'DestinationRule',
    field: 'exportTo',
    needs: 'namespaces',
    shows: ['mtls', 'identity'],
    change: (site) => {
      const text = (more: string): string => destinationRule(site, `${more} trafficPolicy: { tls: { mode: DISABLE } }`);
      return { before: text(''), after: text("exportTo: ['.'],") };
    },
  },
];
