import type { DifferenceKind } from '../../../../src/diff/difference.ts';
import type { FieldMutation, Site } from './field-mutation.ts';
import { join } from './virtual-service.ts';

const hostOf = ({ number }: Site): string => `h${number}.example`;

const hostsOf = (site: Site): string[] => [hostOf(site)];

interface GatewaySettings {
  readonly hosts?: string;
  readonly port?: number;
  readonly selector?: string;
  readonly more?: string;
}

function gateway(
  site: Site,
  { hosts, port = 80, selector = 'ingressgateway', more = '' }: GatewaySettings = {},
): string {
  return `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: g${site.number}, namespace: ${site.namespace} }
spec:
  selector: { istio: ${selector} }
  servers: [{ port: { number: ${port}, name: http-${port}, protocol: HTTP }, hosts: [${hosts ?? hostOf(site)}] ${more} }]`;
}

/** Returns the routes of a site's host at a gateway. */
function routes(site: Site, http: string, more = ''): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: g${site.number}, namespace: ${site.namespace} }
spec: { hosts: [${hostOf(site)}], gateways: [g${site.number}], ${more} http: [{ ${http} }] }`;
}

const to = ({ host, port }: Site): string => `route: [{ destination: { host: ${host}, port: { number: ${port} } } }]`;

function server(
  field: string,
  shows: readonly DifferenceKind[],
  before: (site: Site) => GatewaySettings,
  after: (site: Site) => GatewaySettings,
): FieldMutation {
  return {
    kind: 'Gateway',
    field,
    shows,
    hosts: hostsOf,
    change: (site) => ({
      before: join(gateway(site, before(site)), routes(site, to(site))),
      after: join(gateway(site, after(site)), routes(site, to(site))),
    }),
  };
}

/** Returns a mutation of a VirtualService at a gateway. */
function atGateway(
  field: string,
  shows: readonly DifferenceKind[],
  texts: (site: Site) => readonly [before: string, after: string],
): FieldMutation {
  return {
    kind: 'VirtualService',
    field: `${field} (gateway)`,
    shows,
    hosts: hostsOf,
    change: (site) => {
      const [before, after] = texts(site).map((http) => join(gateway(site), routes(site, http)));
      return { before: before ?? '', after: after ?? '' };
    },
  };
}

const cors = (more: string): string =>
  `corsPolicy: { allowOrigins: [{ exact: https://shop.example }], allowMethods: [GET], ${more} }`;

export const gatewayFields: readonly FieldMutation[] = [
  server(
    'servers.hosts',
    ['refused', 'status', 'destination'],
    () => ({}),
    ({ number }) => ({ hosts: `gone${number}.example` }),
  ),
  server(
    'servers.hosts (added)',
    ['allowed', 'destination'],
    ({ number }) => ({ hosts: `gone${number}.example` }),
    (site) => ({
      hosts: `gone${site.number}.example, ${hostOf(site)}`,
    }),
  ),
  server(
    'servers.tls.httpsRedirect',
    ['redirect'],
    () => ({}),
    () => ({ more: ', tls: { httpsRedirect: true }' }),
  ),
  server(
    'selector',
    ['refused', 'destination'],
    () => ({}),
    () => ({ selector: 'egressgateway' }),
  ),
  server(
    'servers.port.number',
    ['refused', 'destination'],
    () => ({}),
    () => ({ port: 8090 }),
  ),
  atGateway('http.headers.response.set', ['answer_header'], (site) => [
    `headers: { response: { set: { x-lane: a } } }, ${to(site)}`,
    `headers: { response: { set: { x-lane: b } } }, ${to(site)}`,
  ]),
  atGateway('http.headers.response.add', ['answer_header'], (site) => [
    to(site),
    `headers: { response: { add: { x-lane: a } } }, ${to(site)}`,
  ]),
  atGateway('http.corsPolicy.allowOrigins', ['answer_header', 'direct_answer', 'destination'], (site) => [
    `${cors('')}, ${to(site)}`,
    `${cors('').replace('https://shop', 'https://admin')}, ${to(site)}`,
  ]),
  atGateway('http.corsPolicy.allowMethods', ['answer_header'], (site) => [
    `${cors('')}, ${to(site)}`,
    `${cors('').replace('[GET]', '[GET, PUT]')}, ${to(site)}`,
  ]),
  atGateway('http.corsPolicy.allowHeaders', ['answer_header'], (site) => [
    `${cors('allowHeaders: [x-a]')}, ${to(site)}`,
    `${cors('allowHeaders: [x-a, x-b]')}, ${to(site)}`,
  ]),
  atGateway('http.corsPolicy.allowCredentials', ['answer_header'], (site) => [
    `${cors('allowCredentials: false')}, ${to(site)}`,
    `${cors('allowCredentials: true')}, ${to(site)}`,
  ]),
  atGateway('http.corsPolicy.exposeHeaders', ['answer_header'], (site) => [
    `${cors('exposeHeaders: [x-a]')}, ${to(site)}`,
    `${cors('exposeHeaders: [x-b]')}, ${to(site)}`,
  ]),
  atGateway('http.corsPolicy.maxAge', ['answer_header'], (site) => [
    `${cors("maxAge: '60s'")}, ${to(site)}`,
    `${cors("maxAge: '3600s'")}, ${to(site)}`,
  ]),
  atGateway('http.match.uri.prefix', ['direct_answer', 'destination'], (site) => [
    `match: [{ uri: { prefix: /shop } }], ${to(site)} }, { directResponse: { status: 418, body: { string: teapot } }`,
    `match: [{ uri: { prefix: /shop/v2 } }], ${to(site)} }, { directResponse: { status: 418, body: { string: teapot } }`,
  ]),
  atGateway('http.match.gateways', ['direct_answer', 'destination'], (site) => [
    `match: [{ gateways: [g${site.number}] }], ${to(site)} }, { directResponse: { status: 418, body: { string: teapot } }`,
    `match: [{ gateways: [other] }], ${to(site)} }, { directResponse: { status: 418, body: { string: teapot } }`,
  ]),
  atGateway('http.route.destination.host', ['destination'], (site) => [
    to(site),
    to(site).replace(site.host, site.spare),
  ]),
  atGateway('http.rewrite.uri', ['path'], (site) => [
    `match: [{ uri: { prefix: /shop/ } }], rewrite: { uri: / }, ${to(site)}`,
    `match: [{ uri: { prefix: /shop/ } }], rewrite: { uri: /inner/ }, ${to(site)}`,
  ]),
  {
    kind: 'VirtualService',
    field: 'http.delegate (gateway)',
    shows: ['destination', 'direct_answer'],
    hosts: hostsOf,
    change: (site) => {
      const inner = (name: string, http: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}${site.number}, namespace: ${site.namespace} }
spec: { http: [{ ${http} }] }`;
      const text = (name: string): string =>
        join(
          gateway(site),
          inner('inner-a', to(site)),
          inner('inner-b', 'directResponse: { status: 418, body: { string: teapot } }'),
          routes(site, `delegate: { name: ${name}${site.number}, namespace: ${site.namespace} }`),
        );
      return { before: text('inner-a'), after: text('inner-b') };
    },
  },
];
