import type { DifferenceKind } from '../../../../src/diff/difference.ts';
import type { FieldMutation, Site } from './field-mutation.ts';
import { join } from './virtual-service.ts';

/** Returns an AuthorizationPolicy for the workload of a site. */
export function authorizationPolicy({ name, namespace }: Site, spec: string): string {
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { matchLabels: { app: ${name} } }, ${spec} }`;
}

const decided: readonly DifferenceKind[] = ['refused', 'allowed'];

/** Returns a mutation of the only rule of a policy, with ALLOW and with DENY in turn. */
function rule(
  field: string,
  texts: (site: Site) => readonly [before: string, after: string],
  more: Partial<FieldMutation> = {},
): FieldMutation {
  return {
    kind: 'AuthorizationPolicy',
    field: `rules.${field}`,
    shows: decided,
    change: (site, random) => {
      const action = random.pick(['ALLOW', 'DENY']);
      const [before, after] = texts(site).map((one) => authorizationPolicy(site, `action: ${action}, rules: [${one}]`));
      return { before: before ?? '', after: after ?? '' };
    },
    ...more,
  };
}

const source = (text: string): string => `{ from: [{ source: { ${text} } }] }`;
const operation = (text: string): string => `{ to: [{ operation: { ${text} } }] }`;
const account = (name: string): string => `cluster.local/ns/default/sa/${name}`;

const sources: readonly FieldMutation[] = [
  rule('from.source.principals', ({ callers, ...site }) => [
    source(`principals: [${accountOf(site, callers[0])}]`),
    source(`principals: [${accountOf(site, callers[1])}]`),
  ]),
  rule('from.source.principals (prefix)', ({ callers, ...site }) => [
    source("principals: ['cluster.local/ns/*']"),
    source(`principals: [${accountOf(site, callers[1])}]`),
  ]),
  rule('from.source.notPrincipals', ({ callers, ...site }) => [
    source(`notPrincipals: [${accountOf(site, callers[0])}]`),
    source(`notPrincipals: [${accountOf(site, callers[1])}]`),
  ]),
  rule(
    'from.source.namespaces',
    ({ otherNamespace }) => [source('namespaces: [default]'), source(`namespaces: [${otherNamespace}]`)],
    { needs: 'namespaces' },
  ),
  rule(
    'from.source.notNamespaces',
    ({ otherNamespace }) => [source('notNamespaces: [default]'), source(`notNamespaces: [${otherNamespace}]`)],
    { needs: 'namespaces' },
  ),
  rule('from.source.serviceAccounts', ({ callers, ...site }) => [
    source(`serviceAccounts: [${accountOf(site, callers[0]).replace(/^cluster.local.ns.(.*).sa./, '$1/')}]`),
    source(`serviceAccounts: [${accountOf(site, callers[1]).replace(/^cluster.local.ns.(.*).sa./, '$1/')}]`),
  ]),
  rule('from.source.ipBlocks', () => [source('ipBlocks: [10.0.0.0/8]'), source('ipBlocks: [203.0.113.0/24]')], {
    notCompared: /address|ip/i,
  }),
];

/** Bookinfo's accounts have names of their own. */
function accountOf({ port }: Pick<Site, 'port'>, caller: string): string {
  return account(port === 9080 ? `bookinfo-${caller}` : caller);
}

const operations: readonly FieldMutation[] = [
  rule('to.operation.methods', () => [operation('methods: [GET]'), operation('methods: [POST]')]),
  rule('to.operation.notMethods', () => [operation('notMethods: [GET]'), operation('notMethods: [PUT]')]),
  rule('to.operation.paths', () => [operation('paths: [/admin]'), operation('paths: [/admin, /users]')]),
  rule('to.operation.paths (prefix)', () => [operation('paths: [/admin/*]'), operation("paths: ['/admin*']")]),
  rule('to.operation.paths (suffix)', () => [operation("paths: ['*/info']"), operation("paths: ['*.css']")]),
  rule('to.operation.paths (template)', () => [
    operation("paths: ['/shop/{*}/items']"),
    operation("paths: ['/shop/{**}/items']"),
  ]),
  rule('to.operation.notPaths', () => [operation('notPaths: [/public]'), operation('notPaths: [/private]')]),
  rule('to.operation.hosts', ({ name, namespace }) => [
    operation(`hosts: ['${name}.${namespace}.svc.cluster.local:*', '${name}.${namespace}.svc.cluster.local']`),
    operation('hosts: [other.example]'),
  ]),
  rule('to.operation.notHosts', ({ name }) => [
    operation(`notHosts: ['${name}*']`),
    operation('notHosts: [other.example]'),
  ]),
  rule('to.operation.ports', ({ port }) => [operation(`ports: ["${port}"]`), operation(`ports: ["${port + 1}"]`)]),
  rule('to.operation.notPorts', ({ port }) => [
    operation(`notPorts: ["${port}"]`),
    operation(`notPorts: ["${port + 1}"]`),
  ]),
];

const conditions: readonly FieldMutation[] = [
  rule('when (request.headers)', () => [
    '{ when: [{ key: "request.headers[x-team]", values: [a] }] }',
    '{ when: [{ key: "request.headers[x-team]", values: [a, b] }] }',
  ]),
  rule('when.notValues', () => [
    '{ when: [{ key: "request.headers[x-team]", notValues: [a] }] }',
    '{ when: [{ key: "request.headers[x-team]", notValues: [b] }] }',
  ]),
  rule('when (source.principal)', ({ callers, ...site }) => [
    `{ when: [{ key: source.principal, values: [${accountOf(site, callers[0])}] }] }`,
    `{ when: [{ key: source.principal, values: [${accountOf(site, callers[1])}] }] }`,
  ]),
  rule('when (destination.port)', ({ port }) => [
    `{ when: [{ key: destination.port, values: ["${port}"] }] }`,
    `{ when: [{ key: destination.port, values: ["${port + 1}"] }] }`,
  ]),
  rule('(another rule)', ({ callers, ...site }) => [
    source(`principals: [${accountOf(site, callers[0])}]`),
    `${source(`principals: [${accountOf(site, callers[0])}]`)}, ${operation('paths: [/open]')}`,
  ]),
  rule('(from and to, one removed)', ({ callers, ...site }) => [
    `{ from: [{ source: { principals: [${accountOf(site, callers[0])}] } }], to: [{ operation: { methods: [GET] } }] }`,
    source(`principals: [${accountOf(site, callers[0])}]`),
  ]),
];

const wholes: readonly FieldMutation[] = [
  {
    kind: 'AuthorizationPolicy',
    field: 'action',
    shows: decided,
    change: (site) => {
      const text = authorizationPolicy(site, `action: ALLOW, rules: [${operation('paths: [/x*]')}]`);
      return { before: text, after: text.replace('ALLOW', 'DENY') };
    },
  },
  {
    kind: 'AuthorizationPolicy',
    field: 'action (AUDIT)',
    shows: decided,
    change: (site) => {
      const text = authorizationPolicy(site, `action: DENY, rules: [${operation('paths: [/x*]')}]`);
      return { before: text, after: text.replace('DENY', 'AUDIT') };
    },
  },
  {
    kind: 'AuthorizationPolicy',
    field: 'rules (none)',
    shows: decided,
    change: (site) => ({
      before: authorizationPolicy(site, 'action: ALLOW, rules: [{}]'),
      after: authorizationPolicy(site, 'action: ALLOW'),
    }),
  },
  {
    kind: 'AuthorizationPolicy',
    field: 'selector',
    shows: decided,
    change: (site) => {
      const text = authorizationPolicy(site, 'action: DENY, rules: [{}]');
      return { before: text, after: text.replace(`app: ${site.name} }`, `app: nobody-${site.number} }`) };
    },
  },
  {
    kind: 'AuthorizationPolicy',
    field: 'metadata.annotations (dry-run)',
    shows: [...decided, 'request_header'],
    change: (site) => {
      const text = authorizationPolicy(site, `action: DENY, rules: [${operation('methods: [GET]')}]`);
      return {
        before: text,
        after: text.replace(
          `namespace: ${site.namespace} }`,
          `namespace: ${site.namespace}, annotations: { istio.io/dry-run: 'true' } }`,
        ),
      };
    },
  },
];

export const authorizationFields: readonly FieldMutation[] = [...sources, ...operations, ...conditions, ...wholes];

function peerAuthentication({ name, namespace }: Site, spec: string, selected = name): string {
  return `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { matchLabels: { app: ${selected} } }, ${spec} }`;
}

function peer(field: string, before: string, after: string, shows: readonly DifferenceKind[] = decided): FieldMutation {
  return {
    kind: 'PeerAuthentication',
    field,
    shows,
    change: (site) => ({ before: peerAuthentication(site, before), after: peerAuthentication(site, after) }),
  };
}

export const peerAuthenticationFields: readonly FieldMutation[] = [
  peer('mtls.mode', 'mtls: { mode: PERMISSIVE }', 'mtls: { mode: STRICT }'),
  peer('mtls.mode (looser)', 'mtls: { mode: STRICT }', 'mtls: { mode: PERMISSIVE }'),
  peer('mtls.mode (DISABLE)', 'mtls: { mode: PERMISSIVE }', 'mtls: { mode: DISABLE }', ['mtls', 'identity']),
  {
    ...peer('portLevelMtls', '', ''),
    change: (site) => {
      const text = (mode: string): string =>
        peerAuthentication(site, `mtls: { mode: PERMISSIVE }, portLevelMtls: { ${site.port}: { mode: ${mode} } }`);
      return { before: text('PERMISSIVE'), after: text('STRICT') };
    },
  },
  {
    ...peer('selector', '', ''),
    change: (site) => ({
      before: peerAuthentication(site, 'mtls: { mode: STRICT }'),
      after: peerAuthentication(site, 'mtls: { mode: STRICT }', `nobody-${site.number}`),
    }),
  },
];

function requestAuthentication({ name, namespace }: Site, rules: string): string {
  return `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { matchLabels: { app: ${name} } }, jwtRules: [${rules}] }`;
}

/** The keys of issuers are replaced by those of the mesh, so these need not be right ones. */
const jwks = `jwks: '{"keys":[{"kty":"RSA","kid":"a","alg":"RS256","n":"6dk61wGkl78RVdcQ8ZweAQ830eiLVD6M_aen0W7rQBu1m4FP9Kfytr4Ee0TAeeA98G-aGeCRxhw_Vd8dQNpehs2ZpvQpR6qMqIZKE6djegMg6BzXsqe5cDT-b4IqzVZPIURTRDUwIroqwrn8qL9oA8UZTe5Q8Z72dUvu5JhwX_ZdbN7H4kdIxO255NvHTyTqiBRsSzWGfUgQJ8x5p13nJ6RjHnKbYYL8cqbgIRPhMMBClziPT4jHxdb9pXpId-2jAKekkDnvuNClMZrmv8YfxiggRlRMuIW70xGY5kc2M5kh_oAVAC-rWfKcpAjzu0Oo9EEE8FsWX2kb3oh-3IpMaw","e":"AQAB"}]}'`;

function token(
  field: string,
  shows: readonly DifferenceKind[],
  before: string,
  after: string,
  more: Partial<FieldMutation> = {},
): FieldMutation {
  return {
    kind: 'RequestAuthentication',
    field: `jwtRules.${field}`,
    shows,
    change: (site) => {
      // Without a policy, requests without a token pass.
      const required = authorizationPolicy(
        site,
        'action: ALLOW, rules: [{ from: [{ source: { requestPrincipals: ["*"] } }] }]',
      );
      const text = (rule: string): string => join(required, requestAuthentication(site, `{ ${rule}, ${jwks} }`));
      return { before: text(before), after: text(after) };
    },
    ...more,
  };
}

export const requestAuthenticationFields: readonly FieldMutation[] = [
  token('issuer', decided, 'issuer: a@shop.example', 'issuer: b@shop.example'),
  token(
    'audiences',
    decided,
    'issuer: a@shop.example, audiences: [shop]',
    'issuer: a@shop.example, audiences: [shop, admin]',
  ),
  token(
    'fromHeaders',
    decided,
    'issuer: a@shop.example, fromHeaders: [{ name: x-jwt }]',
    'issuer: a@shop.example, fromHeaders: [{ name: x-token }]',
  ),
  token(
    'fromParams',
    decided,
    'issuer: a@shop.example, fromParams: [token]',
    'issuer: a@shop.example, fromParams: [jwt]',
  ),
  token(
    'fromCookies',
    decided,
    'issuer: a@shop.example, fromCookies: [session]',
    'issuer: a@shop.example, fromCookies: [login]',
  ),
  token(
    'forwardOriginalToken',
    ['request_header'],
    'issuer: a@shop.example',
    'issuer: a@shop.example, forwardOriginalToken: true',
  ),
  token(
    'outputPayloadToHeader',
    ['request_header'],
    'issuer: a@shop.example',
    'issuer: a@shop.example, outputPayloadToHeader: x-payload',
  ),
  token(
    'outputClaimToHeaders',
    ['request_header'],
    'issuer: a@shop.example, outputClaimToHeaders: [{ header: x-sub, claim: sub }]',
    'issuer: a@shop.example, outputClaimToHeaders: [{ header: x-subject, claim: sub }]',
  ),
  {
    kind: 'RequestAuthentication',
    field: 'selector',
    shows: decided,
    change: (site) => {
      const text = requestAuthentication(site, `{ issuer: a@shop.example, ${jwks} }`);
      return { before: text, after: text.replace(`app: ${site.name} }`, `app: nobody-${site.number} }`) };
    },
  },
  {
    kind: 'AuthorizationPolicy',
    field: 'rules.from.source.requestPrincipals',
    shows: decided,
    change: (site) => {
      const text = (principal: string): string =>
        join(
          requestAuthentication(site, `{ issuer: a@shop.example, ${jwks} }`),
          authorizationPolicy(site, `action: ALLOW, rules: [${source(`requestPrincipals: ['${principal}']`)}]`),
        );
      return { before: text('a@shop.example/*'), after: text('a@shop.example/ann') };
    },
  },
  {
    kind: 'AuthorizationPolicy',
    field: 'rules.when (request.auth.claims)',
    shows: decided,
    change: (site) => {
      const text = (group: string): string =>
        join(
          requestAuthentication(site, `{ issuer: a@shop.example, ${jwks} }`),
          authorizationPolicy(
            site,
            `action: ALLOW, rules: [{ when: [{ key: 'request.auth.claims[groups]', values: [${group}] }] }]`,
          ),
        );
      return { before: text('admins'), after: text('editors') };
    },
  },
];
