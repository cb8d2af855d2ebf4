import type { DifferenceKind } from '../../../../src/diff/difference.ts';
import type { FieldMutation, Site } from './field-mutation.ts';

type Texts = readonly [before: string, after: string];

/** Returns a route whose parent is the Service of a site. */
function route(site: Site, kind: 'HTTPRoute' | 'GRPCRoute', rules: string, port: number): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: { name: ${site.name}, namespace: ${site.namespace} }
spec:
  parentRefs: [{ group: '', kind: Service, name: ${site.name}, port: ${port} }]
  rules: [${rules}]`;
}

const backend = ({ name, port }: Site, weight = 1): string => `{ name: ${name}, port: ${port}, weight: ${weight} }`;
const backends = (site: Site): string => `backendRefs: [${backend(site)}]`;

/** Returns a mutation of the only rule of a route. */
function rule(
  field: string,
  shows: readonly DifferenceKind[],
  texts: (site: Site) => Texts,
  more: Partial<FieldMutation> = {},
): FieldMutation {
  return {
    kind: 'HTTPRoute',
    field: `rules.${field}`,
    shows,
    change: (site) => {
      const [before, after] = texts(site).map((one) => route(site, 'HTTPRoute', `{ ${one} }`, site.port));
      return { before: before ?? '', after: after ?? '' };
    },
    ...more,
  };
}

/** Requests that satisfy the condition get a redirect. */
function condition(field: string, texts: Texts): FieldMutation {
  return rule(`matches.${field}`, ['redirect', 'destination'], (site) => {
    const [before, after] = texts.map(
      (one) =>
        `matches: [${one}], filters: [{ type: RequestRedirect, requestRedirect: { hostname: a.example } }] }, { ${backends(site)}`,
    );
    return [before ?? '', after ?? ''];
  });
}

const filter = (type: string, field: string, text: string): string =>
  `filters: [{ type: ${type}, ${field}: { ${text} } }]`;

const httpRoutes: readonly FieldMutation[] = [
  condition('path (Exact)', ['{ path: { type: Exact, value: /a } }', '{ path: { type: Exact, value: /b } }']),
  condition('path (PathPrefix)', [
    '{ path: { type: PathPrefix, value: /a } }',
    '{ path: { type: PathPrefix, value: /a/b } }',
  ]),
  condition('path.type', ['{ path: { type: PathPrefix, value: /a } }', '{ path: { type: Exact, value: /a } }']),
  // A path that is a prefix takes precedence over a regular expression, even the shortest one.
  rule('matches.path (RegularExpression)', ['refused', 'allowed'], (site) => [
    `matches: [{ path: { type: RegularExpression, value: '/v[0-9]+' } }], ${backends(site)}`,
    `matches: [{ path: { type: RegularExpression, value: '/v[0-9]+/x' } }], ${backends(site)}`,
  ]),
  condition('method', ['{ method: GET }', '{ method: PUT }']),
  condition('headers', ['{ headers: [{ name: x-team, value: a }] }', '{ headers: [{ name: x-team, value: b }] }']),
  condition('headers.type', [
    "{ headers: [{ name: x-team, value: 'a+' }] }",
    "{ headers: [{ name: x-team, value: 'a+', type: RegularExpression }] }",
  ]),
  condition('queryParams', [
    '{ queryParams: [{ name: page, value: a }] }',
    '{ queryParams: [{ name: page, value: b }] }',
  ]),
  condition('(and, or)', [
    '{ method: POST, headers: [{ name: x-team, value: a }] }',
    '{ method: POST }, { headers: [{ name: x-team, value: a }] }',
  ]),
  // A Service of another namespace needs a ReferenceGrant, so that the route has no destination.
  rule('backendRefs.name', ['destination', 'refused'], (site) => [
    backends(site),
    `backendRefs: [{ name: ${site.spare.split('.')[0]}, namespace: default, port: ${site.port} }]`,
  ]),
  rule('backendRefs.port', ['refused'], (site) => [
    backends(site),
    `backendRefs: [{ name: ${site.name}, port: 9999 }]`,
  ]),
  rule('filters.requestHeaderModifier.set', ['request_header'], (site) => [
    `${filter('RequestHeaderModifier', 'requestHeaderModifier', 'set: [{ name: x-lane, value: a }]')}, ${backends(site)}`,
    `${filter('RequestHeaderModifier', 'requestHeaderModifier', 'set: [{ name: x-lane, value: b }]')}, ${backends(site)}`,
  ]),
  rule('filters.requestHeaderModifier.add', ['request_header'], (site) => [
    backends(site),
    `${filter('RequestHeaderModifier', 'requestHeaderModifier', 'add: [{ name: x-lane, value: b }]')}, ${backends(site)}`,
  ]),
  rule(
    'filters.responseHeaderModifier.set',
    ['answer_header'],
    (site) => [
      backends(site),
      `${filter('ResponseHeaderModifier', 'responseHeaderModifier', 'set: [{ name: x-lane, value: b }]')}, ${backends(site)}`,
    ],
    { notCompared: /headers of answers/ },
  ),
  rule('filters.requestRedirect.hostname', ['redirect'], () => [
    filter('RequestRedirect', 'requestRedirect', 'hostname: a.example'),
    filter('RequestRedirect', 'requestRedirect', 'hostname: b.example'),
  ]),
  rule('filters.requestRedirect.statusCode', ['redirect', 'status'], () => [
    filter('RequestRedirect', 'requestRedirect', 'hostname: a.example, statusCode: 301'),
    filter('RequestRedirect', 'requestRedirect', 'hostname: a.example, statusCode: 302'),
  ]),
  rule('filters.requestRedirect.path', ['redirect'], () => [
    filter('RequestRedirect', 'requestRedirect', 'path: { type: ReplaceFullPath, replaceFullPath: /a }'),
    filter('RequestRedirect', 'requestRedirect', 'path: { type: ReplaceFullPath, replaceFullPath: /b }'),
  ]),
  rule('filters.urlRewrite.path', ['path'], (site) => [
    `${filter('URLRewrite', 'urlRewrite', 'path: { type: ReplaceFullPath, replaceFullPath: /a }')}, ${backends(site)}`,
    `${filter('URLRewrite', 'urlRewrite', 'path: { type: ReplaceFullPath, replaceFullPath: /b }')}, ${backends(site)}`,
  ]),
  rule('filters.urlRewrite.hostname', ['authority'], (site) => [
    backends(site),
    `${filter('URLRewrite', 'urlRewrite', 'hostname: inner.example')}, ${backends(site)}`,
  ]),
  rule('timeouts.request', ['timeout'], (site) => [backends(site), `timeouts: { request: 500ms }, ${backends(site)}`]),
  rule('timeouts.request (longer)', ['timeout'], (site) => [
    `timeouts: { request: 400ms }, ${backends(site)}`,
    `timeouts: { request: 1200ms }, ${backends(site)}`,
  ]),
  rule('filters.requestMirror', ['mirror'], (site) => [
    backends(site),
    `${filter('RequestMirror', 'requestMirror', `backendRef: { name: ${site.name}, port: ${site.port} }`)}, ${backends(site)}`,
  ]),
  {
    kind: 'HTTPRoute',
    field: 'hostnames (gateway)',
    needs: 'gateway api',
    shows: ['refused', 'allowed', 'destination'],
    hosts: ({ number }) => [`r${number}.example`, `gone${number}.example`],
    change: (site) => {
      const text = (host: string): string => atFront(site, `hostnames: [${host}]`, `{ ${backends(site)} }`);
      return { before: text(`r${site.number}.example`), after: text(`gone${site.number}.example`) };
    },
  },
  {
    kind: 'HTTPRoute',
    field: 'rules.filters.responseHeaderModifier (gateway)',
    needs: 'gateway api',
    shows: ['answer_header'],
    hosts: ({ number }) => [`r${number}.example`, `gone${number}.example`],
    change: (site) => {
      const text = (value: string): string =>
        atFront(
          site,
          `hostnames: [r${site.number}.example]`,
          `{ ${filter('ResponseHeaderModifier', 'responseHeaderModifier', `set: [{ name: x-lane, value: ${value} }]`)}, ${backends(site)} }`,
        );
      return { before: text('a'), after: text('b') };
    },
  },
  {
    kind: 'HTTPRoute',
    field: 'rules.filters.urlRewrite (gateway)',
    needs: 'gateway api',
    shows: ['path'],
    hosts: ({ number }) => [`r${number}.example`, `gone${number}.example`],
    change: (site) => {
      const text = (prefix: string): string =>
        atFront(
          site,
          `hostnames: [r${site.number}.example]`,
          `{ matches: [{ path: { type: PathPrefix, value: /shop } }], ${filter('URLRewrite', 'urlRewrite', `path: { type: ReplacePrefixMatch, replacePrefixMatch: ${prefix} }`)}, ${backends(site)} }`,
        );
      return { before: text('/'), after: text('/inner') };
    },
  },
  {
    kind: 'HTTPRoute',
    field: 'parentRefs (gateway)',
    needs: 'gateway api',
    shows: ['refused', 'destination'],
    hosts: ({ number }) => [`r${number}.example`, `gone${number}.example`],
    change: (site) => {
      const text = atFront(site, `hostnames: [r${site.number}.example]`, `{ ${backends(site)} }`);
      return { before: text, after: text.replace('name: front', 'name: back') };
    },
  },
];

function atFront(site: Site, more: string, rules: string): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: r${site.number}, namespace: ${site.namespace} }
spec: { parentRefs: [{ name: front, namespace: default }], ${more}, rules: [${rules}] }`;
}

function grpc(field: string, shows: readonly DifferenceKind[], texts: (site: Site) => Texts): FieldMutation {
  return {
    kind: 'GRPCRoute',
    field: `rules.${field}`,
    needs: 'grpc',
    shows,
    change: (site) => {
      const port = site.grpcPort ?? 0;
      const [before, after] = texts({ ...site, port }).map((one) => route(site, 'GRPCRoute', `{ ${one} }`, port));
      return { before: before ?? '', after: after ?? '' };
    },
  };
}

const laneOf = (value: string): string =>
  filter('RequestHeaderModifier', 'requestHeaderModifier', `set: [{ name: x-lane, value: ${value} }]`);

const grpcRoutes: readonly FieldMutation[] = [
  grpc('matches.method.service', ['request_header', 'refused'], (site) => [
    `matches: [{ method: { service: a.A } }], ${laneOf('a')}, ${backends(site)} }, { ${backends(site)}`,
    `matches: [{ method: { service: a.B } }], ${laneOf('a')}, ${backends(site)} }, { ${backends(site)}`,
  ]),
  grpc('matches.method.method', ['request_header', 'refused'], (site) => [
    `matches: [{ method: { service: a.A, method: Get } }], ${laneOf('a')}, ${backends(site)} }, { ${backends(site)}`,
    `matches: [{ method: { service: a.A, method: Put } }], ${laneOf('a')}, ${backends(site)} }, { ${backends(site)}`,
  ]),
  grpc('matches.headers', ['request_header', 'refused'], (site) => [
    `matches: [{ headers: [{ name: x-team, value: a }] }], ${laneOf('a')}, ${backends(site)} }, { ${backends(site)}`,
    `matches: [{ headers: [{ name: x-team, value: b }] }], ${laneOf('a')}, ${backends(site)} }, { ${backends(site)}`,
  ]),
  grpc('filters.requestHeaderModifier', ['request_header'], (site) => [
    `${laneOf('a')}, ${backends(site)}`,
    `${laneOf('b')}, ${backends(site)}`,
  ]),
  grpc('backendRefs.port', ['refused'], (site) => [
    backends(site),
    `backendRefs: [{ name: ${site.name}, port: 9999 }]`,
  ]),
];

export const gatewayApiFields: readonly FieldMutation[] = [...httpRoutes, ...grpcRoutes];
