import type { DifferenceKind } from '../../../../src/diff/difference.ts';
import type { Random } from '../../../random.ts';
import type { FieldChange, FieldMutation, Site } from './field-mutation.ts';

/** Returns a VirtualService of a site. The parameter is its list of HTTP routes, in YAML's flow style. */
export function virtualService({ name, namespace, host }: Site, http: string, more = ''): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: ${namespace} }
spec: { hosts: [${host}], ${more} http: [${http}] }`;
}

/** Returns a DestinationRule with a subset for each version. */
export function subsetsOf({ name, namespace, host, versions }: Site): string {
  const subsets = versions.map((version) => `{ name: ${version}, labels: { version: ${version} } }`);
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: ${namespace} }
spec: { host: ${host}, subsets: [${subsets}] }`;
}

export const join = (...texts: readonly string[]): string => texts.join('\n---\n');

const plainRoute = ({ host }: Site): string => `{ route: [{ destination: { host: ${host} } }] }`;
const teapot = 'directResponse: { status: 418, body: { string: teapot } }';

type Texts = readonly [before: string, after: string];

/** Returns a mutation of a condition: requests that satisfy it get another answer. */
function condition(field: string, texts: (site: Site, random: Random) => Texts): FieldMutation {
  return {
    kind: 'VirtualService',
    field: `http.match.${field}`,
    shows: ['direct_answer', 'destination'],
    change: (site, random) => {
      const [before, after] = texts(site, random).map((match) =>
        virtualService(site, `{ match: [${match}], ${teapot} }, ${plainRoute(site)}`),
      );
      return { before: before ?? '', after: after ?? '' };
    },
  };
}

/** Returns a mutation of the only route: its text in the braces of the route. */
function action(
  field: string,
  shows: readonly DifferenceKind[],
  texts: (site: Site, random: Random) => Texts,
  more: Partial<FieldMutation> = {},
): FieldMutation {
  return {
    kind: 'VirtualService',
    field: `http.${field}`,
    shows,
    change: (site, random) => {
      const [before, after] = texts(site, random).map((route) =>
        join(subsetsOf(site), virtualService(site, `{ ${route} }`)),
      );
      return { before: before ?? '', after: after ?? '' };
    },
    ...more,
  };
}

const to = ({ host }: Site, more = ''): string => `route: [{ destination: { host: ${host} } ${more} }]`;
const toSubset = ({ host }: Site, subset: string, weight = 100): string =>
  `{ destination: { host: ${host}, subset: ${subset} }, weight: ${weight} }`;
const word = (random: Random): string => `w${random.id(4)}`;

const conditions: readonly FieldMutation[] = [
  condition('uri.exact', (_, random) => [
    `{ uri: { exact: /${word(random)} } }`,
    `{ uri: { exact: /${word(random)} } }`,
  ]),
  condition('uri.prefix', (_, random) => {
    const path = word(random);
    return [`{ uri: { prefix: /${path}/ } }`, `{ uri: { prefix: /${path}/v2/ } }`];
  }),
  condition('uri.prefix (its slash)', (_, random) => {
    const path = word(random);
    return [`{ uri: { prefix: /${path}/ } }`, `{ uri: { prefix: /${path} } }`];
  }),
  condition('uri.regex', (_, random) => {
    const path = word(random);
    return [`{ uri: { regex: '/${path}/[0-9]+' } }`, `{ uri: { regex: '/${path}/[0-9a-f]+' } }`];
  }),
  condition('ignoreUriCase', (_, random) => {
    const uri = `uri: { exact: /${word(random)} }`;
    return [`{ ${uri} }`, `{ ${uri}, ignoreUriCase: true }`];
  }),
  condition('method.exact', (_, random) => [
    '{ method: { exact: GET } }',
    `{ method: { exact: ${random.pick(['POST', 'PUT', 'DELETE'])} } }`,
  ]),
  condition('method.regex', () => ["{ method: { regex: 'GET|PUT' } }", "{ method: { regex: 'GET|PATCH' } }"]),
  condition('headers.exact', (_, random) => [
    `{ headers: { end-user: { exact: ${word(random)} } } }`,
    `{ headers: { end-user: { exact: ${word(random)} } } }`,
  ]),
  condition('headers.prefix', () => [
    '{ headers: { end-user: { prefix: ja } } }',
    '{ headers: { end-user: { prefix: jas } } }',
  ]),
  condition('headers.regex', () => [
    "{ headers: { x-build: { regex: 'v[0-9]+' } } }",
    "{ headers: { x-build: { regex: 'v[0-9]+-rc' } } }",
  ]),
  condition('headers (presence)', () => ['{ headers: { x-debug: {} } }', '{ headers: { x-trace: {} } }']),
  condition('withoutHeaders', (_, random) => [
    `{ withoutHeaders: { cookie: { exact: ${word(random)} } } }`,
    `{ withoutHeaders: { cookie: { exact: ${word(random)} } } }`,
  ]),
  condition('queryParams.exact', (_, random) => [
    `{ queryParams: { page: { exact: ${word(random)} } } }`,
    `{ queryParams: { page: { exact: ${word(random)} } } }`,
  ]),
  condition('queryParams.regex', () => [
    "{ queryParams: { page: { regex: '[0-9]+' } } }",
    "{ queryParams: { page: { regex: '[0-9]{2}' } } }",
  ]),
  condition('queryParams.prefix', () => [
    '{ queryParams: { page: { prefix: a } } }',
    '{ queryParams: { page: { prefix: ab } } }',
  ]),
  condition('authority.prefix', ({ name, namespace }) => [
    `{ authority: { prefix: ${name}.${namespace} } }`,
    `{ authority: { prefix: other.${namespace} } }`,
  ]),
  condition('scheme.exact', () => ['{ scheme: { exact: http } }', '{ scheme: { exact: https } }']),
  condition('sourceLabels', ({ callers }) => [
    `{ sourceLabels: { app: ${callers[0]} } }`,
    `{ sourceLabels: { app: ${callers[1]} } }`,
  ]),
  {
    ...condition('sourceNamespace', ({ otherNamespace }) => [
      '{ sourceNamespace: default }',
      `{ sourceNamespace: ${otherNamespace} }`,
    ]),
    needs: 'namespaces',
  },
  condition('port', ({ port }) => [`{ port: ${port} }`, `{ port: ${port + 1} }`]),
  condition('(and, or)', (_, random) => {
    const [uri, header] = [`uri: { prefix: /${word(random)} }`, 'headers: { end-user: { exact: jason } }'];
    return [`{ ${uri}, ${header} }`, `{ ${uri} }, { ${header} }`];
  }),
  {
    kind: 'VirtualService',
    field: 'http (order of routes)',
    shows: ['status', 'direct_answer'],
    change: (site) => {
      const one = '{ match: [{ uri: { prefix: /a } }], directResponse: { status: 418, body: { string: one } } }';
      const other = '{ match: [{ uri: { prefix: /a/b } }], directResponse: { status: 409, body: { string: other } } }';
      const rest = plainRoute(site);
      return {
        before: virtualService(site, `${other}, ${one}, ${rest}`),
        after: virtualService(site, `${one}, ${other}, ${rest}`),
      };
    },
  },
];

const destinations: readonly FieldMutation[] = [
  action('route.destination.host', ['destination', 'version'], (site) => [
    to(site),
    `route: [{ destination: { host: ${site.spare} } }]`,
  ]),
  {
    ...action('route.destination.subset', ['version', 'destination'], (site) => [
      `route: [${toSubset(site, 'v1')}]`,
      `route: [${toSubset(site, 'v2')}]`,
    ]),
    needs: 'versions',
  },
  {
    ...action('route.weight', ['share', 'destination'], (site, random) => {
      const weight = random.pick([70, 80, 90, 95]);
      return [
        `route: [${toSubset(site, 'v1')}]`,
        `route: [${toSubset(site, 'v1', weight)}, ${toSubset(site, 'v2', 100 - weight)}]`,
      ];
    }),
    needs: 'versions',
  },
  {
    ...action('route.weight (both)', ['share'], (site) => [
      `route: [${toSubset(site, 'v1', 50)}, ${toSubset(site, 'v2', 50)}]`,
      `route: [${toSubset(site, 'v1', 80)}, ${toSubset(site, 'v2', 20)}]`,
    ]),
    needs: 'versions',
  },
  action('route.destination.port', ['refused'], (site) => [
    to(site),
    `route: [{ destination: { host: ${site.host}, port: { number: 9999 } } }]`,
  ]),
  action('route.headers.request.set', ['request_header'], (site, random) => [
    to(site, `, headers: { request: { set: { x-lane: ${word(random)} } } }`),
    to(site, `, headers: { request: { set: { x-lane: ${word(random)} } } }`),
  ]),
  action('route.headers.request.remove', ['request_header'], (site) => [
    to(site, ', headers: { request: { set: { x-lane: a, x-team: b } } }'),
    to(site, ', headers: { request: { set: { x-lane: a }, remove: [x-team] } }'),
  ]),
  action('headers.request.add', ['request_header'], (site) => [
    to(site),
    `headers: { request: { add: { x-lane: a } } }, ${to(site)}`,
  ]),
  action('headers.request.set (authority)', ['authority'], (site) => [
    to(site),
    `headers: { request: { set: { ':authority': other.example } } }, ${to(site)}`,
  ]),
  action(
    'headers.response.set',
    ['answer_header'],
    (site) => [to(site), `headers: { response: { set: { x-lane: a } } }, ${to(site)}`],
    { notCompared: /headers of answers/ },
  ),
  action('redirect.uri', ['redirect'], () => ['redirect: { uri: /old }', 'redirect: { uri: /new }']),
  action('redirect.authority', ['redirect'], () => [
    'redirect: { authority: a.example }',
    'redirect: { authority: b.example }',
  ]),
  action('redirect.redirectCode', ['redirect', 'status'], () => [
    'redirect: { uri: /x, redirectCode: 301 }',
    'redirect: { uri: /x, redirectCode: 307 }',
  ]),
  action('redirect.scheme', ['redirect'], () => ['redirect: { uri: /x }', 'redirect: { uri: /x, scheme: https }']),
  action('redirect.port', ['redirect'], () => ['redirect: { uri: /x, port: 81 }', 'redirect: { uri: /x, port: 82 }']),
  action('directResponse.status', ['status', 'direct_answer'], () => [
    'directResponse: { status: 503, body: { string: closed } }',
    'directResponse: { status: 404, body: { string: closed } }',
  ]),
  action('directResponse.body.string', ['direct_answer'], (_, random) => [
    `directResponse: { status: 200, body: { string: ${word(random)} } }`,
    `directResponse: { status: 200, body: { string: ${word(random)} } }`,
  ]),
  action('rewrite.uri', ['path'], (site, random) => [
    `rewrite: { uri: /${word(random)} }, ${to(site)}`,
    `rewrite: { uri: /${word(random)} }, ${to(site)}`,
  ]),
  action('rewrite.authority', ['authority'], (site) => [
    to(site),
    `rewrite: { authority: inner.example }, ${to(site)}`,
  ]),
  action('rewrite.uriRegexRewrite.rewrite', ['path'], (site) => [
    `rewrite: { uriRegexRewrite: { match: '^/(.*)$', rewrite: '/a/\\1' } }, ${to(site)}`,
    `rewrite: { uriRegexRewrite: { match: '^/(.*)$', rewrite: '/b/\\1' } }, ${to(site)}`,
  ]),
];

const resilience: readonly FieldMutation[] = [
  action('timeout', ['timeout'], (site, random) => [
    to(site),
    `timeout: ${random.pick(['0.3s', '0.5s', '1s'])}, ${to(site)}`,
  ]),
  action('timeout (longer)', ['timeout'], (site) => [`timeout: 0.4s, ${to(site)}`, `timeout: 1.2s, ${to(site)}`]),
  action('retries.attempts', ['retries'], (site, random) => [
    `retries: { attempts: 1, retryOn: 5xx }, ${to(site)}`,
    `retries: { attempts: ${random.pick([0, 3, 4])}, retryOn: 5xx }, ${to(site)}`,
  ]),
  action('retries.retryOn', ['retries'], (site) => [
    `retries: { attempts: 2, retryOn: 5xx }, ${to(site)}`,
    `retries: { attempts: 2, retryOn: gateway-error }, ${to(site)}`,
  ]),
  action('retries.retryOn (a status)', ['retries'], (site) => [
    `retries: { attempts: 2, retryOn: '503' }, ${to(site)}`,
    `retries: { attempts: 2, retryOn: '429,503' }, ${to(site)}`,
  ]),
  action('retries.perTryTimeout', ['timeout', 'retries'], (site) => [
    `retries: { attempts: 1, perTryTimeout: 0.3s, retryOn: 'reset' }, ${to(site)}`,
    `retries: { attempts: 1, perTryTimeout: 1s, retryOn: 'reset' }, ${to(site)}`,
  ]),
  action(
    'retries.backoff',
    ['retries'],
    (site) => [
      `retries: { attempts: 2, retryOn: 5xx, backoff: 25ms }, ${to(site)}`,
      `retries: { attempts: 2, retryOn: 5xx, backoff: 2s }, ${to(site)}`,
    ],
    { notCompared: /retr|backoff/ },
  ),
  action('fault.abort.httpStatus', ['fault'], (site) => [
    `fault: { abort: { httpStatus: 500, percentage: { value: 100 } } }, ${to(site)}`,
    `fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }, ${to(site)}`,
  ]),
  action('fault.abort.percentage', ['fault'], (site, random) => [
    `fault: { abort: { httpStatus: 500, percentage: { value: 100 } } }, ${to(site)}`,
    `fault: { abort: { httpStatus: 500, percentage: { value: ${random.pick([20, 50, 80])} } } }, ${to(site)}`,
  ]),
  action('fault.delay', ['fault'], (site) => [
    to(site),
    `fault: { delay: { fixedDelay: 1s, percentage: { value: 100 } } }, ${to(site)}`,
  ]),
  action('fault.delay.fixedDelay', ['fault'], (site) => [
    `fault: { delay: { fixedDelay: 0.5s, percentage: { value: 100 } } }, ${to(site)}`,
    `fault: { delay: { fixedDelay: 1.5s, percentage: { value: 100 } } }, ${to(site)}`,
  ]),
  action('fault.delay.percentage', ['fault'], (site) => [
    `fault: { delay: { fixedDelay: 0.5s, percentage: { value: 100 } } }, ${to(site)}`,
    `fault: { delay: { fixedDelay: 0.5s, percentage: { value: 20 } } }, ${to(site)}`,
  ]),
  action('mirror.host', ['mirror'], (site) => [to(site), `mirror: { host: ${site.spare} }, ${to(site)}`]),
  action('mirrorPercentage', ['mirror'], (site) => [
    `mirror: { host: ${site.spare} }, ${to(site)}`,
    `mirror: { host: ${site.spare} }, mirrorPercentage: { value: 40 }, ${to(site)}`,
  ]),
];

const wholes: readonly FieldMutation[] = [
  {
    kind: 'VirtualService',
    field: 'hosts',
    shows: ['direct_answer', 'destination'],
    change: (site) => {
      const text = virtualService(site, `{ ${teapot} }`);
      return { before: text, after: text.replace(`hosts: [${site.host}]`, `hosts: [nobody-${site.number}.example]`) };
    },
  },
  {
    kind: 'VirtualService',
    field: 'exportTo',
    needs: 'namespaces',
    shows: ['direct_answer', 'destination'],
    change: (site) => ({
      before: virtualService(site, `{ ${teapot} }`),
      after: virtualService(site, `{ ${teapot} }`, "exportTo: ['.'],"),
    }),
  },
  {
    kind: 'VirtualService',
    field: 'gateways',
    shows: ['direct_answer', 'destination'],
    change: (site) => ({
      before: virtualService(site, `{ ${teapot} }`),
      after: virtualService(site, `{ ${teapot} }`, `gateways: [other-${site.number}],`),
    }),
  },
  {
    kind: 'VirtualService',
    field: 'tcp.route.destination.host',
    needs: 'tcp',
    shows: ['destination', 'version', 'refused'],
    change: (site) =>
      tcpChange(
        site,
        [`{ host: ${site.host}, port: { number: ${site.tcpPort} } }`],
        [`{ host: nobody-${site.number}.example }`],
      ),
  },
  {
    kind: 'VirtualService',
    field: 'http.route.destination.host (gRPC)',
    needs: 'grpc',
    shows: ['destination', 'direct_answer', 'fault'],
    change: (site) => ({
      before: virtualService(site, plainRoute(site)),
      after: virtualService(
        site,
        `{ match: [{ port: ${site.grpcPort} }], fault: { abort: { grpcStatus: UNAVAILABLE, percentage: { value: 100 } } }, ${to(site)} }, ${plainRoute(site)}`,
      ),
    }),
  },
];

function tcpChange(
  { name, namespace, host, tcpPort }: Site,
  before: readonly string[],
  after: readonly string[],
): FieldChange {
  const text = (destinationsOf: readonly string[]): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  hosts: [${host}]
  tcp: [{ match: [{ port: ${tcpPort} }], route: [${destinationsOf.map((one) => `{ destination: ${one} }`)}] }]`;
  return { before: text(before), after: text(after) };
}

export const virtualServiceFields: readonly FieldMutation[] = [
  ...conditions,
  ...destinations,
  ...resilience,
  ...wholes,
];
