import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Cause } from '../../src/diff/cause.ts';
import { CauseFinder } from '../../src/diff/causes/cause-finder.ts';
import type { DifferenceKind } from '../../src/diff/difference.ts';
import type { EdgeObjects } from '../../src/diff/edge-objects.ts';
import { changeText } from '../../src/diff/report/change-text.ts';
import { SecretMarks } from '../../src/diff/secret-values.ts';
import { parseManifests } from '../../src/istio/resources/manifest.ts';

const edge: EdgeObjects = {
  areRoutesKnown: false,
  hosts: ['shop.example.com', 'catalog.default.svc.cluster.local'],
  callers: [{ namespace: 'default', name: 'web', labels: { app: 'web' } }],
  receivers: [{ namespace: 'default', name: 'catalog-v1', labels: { app: 'catalog' } }],
  gateways: [{ namespace: 'istio-system', name: 'istio-ingressgateway', labels: undefined }],
};

function virtualService(...http: readonly string[]): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: shop
spec:
  hosts: [shop.example.com]
  http:
${http.map((text) => `    - ${text.replaceAll('\n', '\n      ')}`).join('\n')}
`;
}

function routeTo(host: string): string {
  return `route: [{ destination: { host: ${host} } }]`;
}

function matching(prefix: string, host = 'catalog'): string {
  return `match:\n- uri: { prefix: ${prefix} }\n${routeTo(host)}`;
}

function destinationRule(version: string): string {
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog }
spec:
  host: catalog
  subsets:
    - name: v1
      labels: { version: ${version} }
`;
}

function gateway(host: string): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front }
spec:
  servers:
    - port: { number: 80, name: http, protocol: HTTP }
      hosts: [${host}]
`;
}

const unrelated = (port: number): string => `apiVersion: v1
kind: Service
metadata: { name: other }
spec: { selector: { app: other }, ports: [{ port: ${port} }] }
`;

const route = (place: string): Cause => ({
  kind: 'VirtualService',
  namespace: 'default',
  name: 'shop',
  place,
  where: undefined,
});

/** Returns the cause as KIND NAME, PLACE FILE:LINE; several with `or` between them; undefined without one. */
function causeOf(
  kind: DifferenceKind,
  before: readonly string[],
  after: readonly string[],
  known: readonly Cause[] = [],
  areRoutesKnown = false,
  isRefusal = true,
): string | undefined {
  const manifests = (name: string, texts: readonly string[]) =>
    parseManifests([{ name: `${name}.yaml`, text: texts.join('---\n') }]);
  const finder = new CauseFinder(manifests('old', before), manifests('new', after), 'default', new SecretMarks());
  const found = finder.causesOf(kind, { known, edge: { ...edge, areRoutesKnown }, isRefusal });
  const texts = found.map((cause) => `${cause.kind} ${cause.name}, ${cause.place} ${cause.where}`);
  return texts.length === 0 ? undefined : texts.join(' or ');
}

describe('the cause of a difference', () => {
  it('is the field of the route that changed, not the route that answers in its place', () => {
    const known = [route('http[1]'), route('http[0]')];
    const [old, changed] = [matching('/api/catalog'), matching('/api/catalogue')].map((one) =>
      virtualService(one, routeTo('web')),
    );
    assert.equal(
      causeOf('destination', [old ?? ''], [changed ?? ''], known),
      'VirtualService shop, http[0].match[0].uri.prefix new.yaml:9',
    );
  });

  it('is the field that fits the difference, also in a route that is new or has lost it', () => {
    const plain = virtualService(routeTo('catalog'));
    const patient = virtualService(`${routeTo('catalog')}\ntimeout: 1s\nretries: { attempts: 3 }`);
    const impatient = virtualService(`${routeTo('catalog')}\ntimeout: 0.5s\nretries: { attempts: 3 }`);
    const causes = (kind: DifferenceKind) => [
      causeOf(kind, [patient], [impatient], [route('http[0]')]),
      causeOf(kind, [patient], [plain], [route('http[0]')]),
      causeOf(kind, [], [patient], [route('http[0]')]),
    ];
    assert.deepEqual(causes('timeout'), [
      'VirtualService shop, http[0].timeout new.yaml:9',
      'VirtualService shop, http[0].timeout old.yaml:9',
      'VirtualService shop, http[0].timeout new.yaml:9',
    ]);
    assert.deepEqual(causes('retries').slice(1), [
      'VirtualService shop, http[0].retries old.yaml:10',
      'VirtualService shop, http[0].retries new.yaml:10',
    ]);
  });

  it('is a route by its name, and one that an inserted route has moved', () => {
    const named = (weight: number) =>
      virtualService(matching('/a'), `name: canary\nroute: [{ destination: { host: catalog }, weight: ${weight} }]`);
    assert.equal(
      causeOf('share', [named(10)], [named(20)], [route('route canary')]),
      'VirtualService shop, http[1].route[0].weight new.yaml:12',
    );
    const old = virtualService(routeTo('catalog'));
    assert.equal(
      causeOf('destination', [old], [virtualService(matching('/b', 'web'), routeTo('catalog'))], [route('http[0]')]),
      'VirtualService shop, http[0] new.yaml:8',
    );
  });

  it('is not a policy that only refuses requests, if headers of answers differ', () => {
    const filter = (value: string): string => `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: lua }
spec: { workloadSelector: { labels: { app: catalog } }, configPatches: [{ patch: { value: { typed_config: { inline_code: ${value} } } } }] }
`;
    const policy = (action: string, value: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: catalog }
spec: { action: ${action}, selector: { matchLabels: { app: catalog } }, rules: [{ when: [{ key: "request.headers[x-a]", values: [${value}] }] }] }
`;
    const known: Cause[] = [
      { kind: 'AuthorizationPolicy', namespace: 'default', name: 'catalog', place: 'rules[0]', where: undefined },
    ];
    const cause = (action: string): string | undefined =>
      causeOf('answer_header', [filter('a'), policy(action, 'a')], [filter('b'), policy(action, 'b')], known);
    assert.match(cause('DENY') ?? '', /^EnvoyFilter lua, configPatches\[0\]/);
    assert.match(cause('CUSTOM') ?? '', /^AuthorizationPolicy catalog/);
  });

  it('is not an object that no proxy reads, also if several are possible', () => {
    const policy = (name: string, mode: string): string => `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: ${name} }
spec: { mtls: { mode: ${mode} } }
`;
    const others = (value: string): string[] => [
      `apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\ndata: { key: ${value} }\n`,
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: app }\ndata: { key: ${value} }\n`,
      `apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: app }\nspec: { minAvailable: ${value} }\n`,
    ];
    assert.equal(
      causeOf('direct_answer', [...others('a'), policy('one', 'STRICT')], [...others('b'), policy('one', 'DISABLE')]),
      'PeerAuthentication one, mtls.mode new.yaml:19',
    );
    assert.equal(causeOf('direct_answer', others('a'), others('b')), undefined);
  });

  it('is the labels of a subset if a route changed too, but only its timeout', () => {
    const subset: Cause = {
      kind: 'DestinationRule',
      namespace: 'default',
      name: 'catalog',
      place: undefined,
      where: undefined,
    };
    const timeout = (text: string) => virtualService(`${routeTo('catalog')}\ntimeout: ${text}`);
    assert.equal(
      causeOf(
        'version',
        [timeout('1s'), destinationRule('v1')],
        [timeout('2s'), destinationRule('v2')],
        [route('http[0]'), subset],
      ),
      'DestinationRule catalog, subsets[0].labels.version new.yaml:18',
    );
  });

  it('is an object that concerns the edge, if the configuration of the proxies names none', () => {
    assert.equal(
      causeOf('refused', [unrelated(80), gateway('shop.example.com')], [unrelated(81), gateway('shop.example.org')]),
      'Gateway front, servers[0].hosts[0] new.yaml:12',
    );
  });

  it('is the subset whose labels changed, if the configuration of the proxies is the same but for the endpoints', () => {
    const policy = (method: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: payments }
spec: { selector: { matchLabels: { app: payments } }, rules: [{ to: [{ operation: { methods: [${method}] } }] }] }
`;
    for (const kind of ['refused', 'version', 'share'] as const)
      assert.equal(
        causeOf(kind, [policy('GET'), destinationRule('v1')], [policy('POST'), destinationRule('v9')]),
        'DestinationRule catalog, subsets[0].labels.version new.yaml:13',
      );
  });

  it('is not another route of the same VirtualService, if the routes of the request are known', () => {
    const weighted = (weight: number): string =>
      virtualService(matching('/a'), `route: [{ destination: { host: catalog }, weight: ${weight} }]`);
    assert.equal(
      causeOf('refused', [weighted(90), destinationRule('v1')], [weighted(80), destinationRule('v9')], [], true),
      'DestinationRule catalog, subsets[0].labels.version new.yaml:20',
    );
  });

  it('is one of several objects that concern the edge and are equally likely', () => {
    const entry = (name: string, address: string): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name} }
spec: { hosts: [shop.example.com], resolution: STATIC, endpoints: [{ address: ${address} }] }
`;
    assert.equal(
      causeOf(
        'refused',
        [entry('partner', '10.0.0.1'), entry('spare', '10.0.0.2'), unrelated(80)],
        [entry('partner', '10.0.0.3'), entry('spare', '10.0.0.4'), unrelated(81)],
      ),
      'ServiceEntry partner, endpoints[0].address new.yaml:4 or ServiceEntry spare, endpoints[0].address new.yaml:9',
    );
  });

  it('is the only object that changed, whatever it concerns', () => {
    assert.equal(causeOf('refused', [unrelated(80)], [unrelated(81)]), 'Service other, ports[0].port new.yaml:4');
  });

  it('is a policy with a selector that has no labels, which is for all workloads', () => {
    const policy = (mode: string): string =>
      `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: all }
spec: { selector: { matchLabels: {} }, mtls: { mode: ${mode} } }
`;
    assert.equal(
      causeOf('mtls', [policy('PERMISSIVE'), unrelated(1)], [policy('STRICT'), unrelated(2)]),
      'PeerAuthentication all, mtls.mode new.yaml:4',
    );
  });

  it('is not a policy about requests if they had no answer: the Sidecar of the caller does not know the callee any more', () => {
    const tokens = (audience: string): string =>
      `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: catalog }
spec: { selector: { matchLabels: { app: catalog } }, jwtRules: [{ issuer: a, audiences: [${audience}] }] }
`;
    const sidecar = (mode: string): string =>
      `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: web }
spec: { workloadSelector: { labels: { app: web } }, outboundTrafficPolicy: { mode: ${mode} } }
`;
    const [before, after] = [
      [tokens('a'), sidecar('ALLOW_ANY')],
      [tokens('b'), sidecar('REGISTRY_ONLY')],
    ];
    const known: Cause[] = [
      { kind: 'RequestAuthentication', namespace: 'default', name: 'catalog', place: undefined, where: undefined },
    ];
    const ofRequests = 'RequestAuthentication catalog, jwtRules[0].audiences[0] new.yaml:4';
    const ofConnections = 'Sidecar web, outboundTrafficPolicy.mode new.yaml:9';
    assert.equal(causeOf('refused', before, after, known), ofRequests);
    assert.equal(causeOf('refused', before, after, known, false, false), ofConnections);
    assert.equal(
      causeOf('refused', [tokens('a')], [tokens('b')], known, false, false),
      ofRequests,
      'nothing else changed',
    );
    const withOther = (audience: string, port: number): string[] => [tokens(audience), unrelated(port)];
    assert.equal(
      causeOf('refused', withOther('a', 80), withOther('b', 81), known, false, false),
      undefined,
      'nor an object of another edge that is left',
    );
  });

  it('is the Sidecar that closed the way to other hosts, and not a route that no sidecar has', () => {
    const route = (subset: string): string =>
      virtualService(`route: [{ destination: { host: catalog, subset: ${subset} } }]`);
    const sidecar = (mode: string): string =>
      `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: web }
spec: { workloadSelector: { labels: { app: web } }, outboundTrafficPolicy: { mode: ${mode} } }
`;
    const parse = (...texts: readonly string[]) => parseManifests([{ name: 'new.yaml', text: texts.join('---\n') }]);
    const finder = new CauseFinder(
      parse(route('v1'), sidecar('ALLOW_ANY')),
      parse(route('v2'), sidecar('REGISTRY_ONLY')),
      'default',
      new SecretMarks(),
    );
    const ofSidecars = { ...edge, gateways: [] };
    const [found] = finder.causesOf('refused', { known: [], edge: ofSidecars, isRefusal: false });
    assert.equal(`${found?.kind} ${found?.place}`, 'Sidecar outboundTrafficPolicy.mode');
    const named: Cause[] = [
      { kind: 'VirtualService', namespace: 'default', name: 'shop', place: 'http[0]', where: undefined },
    ];
    const [ofRoute] = finder.causesOf('refused', { known: named, edge: ofSidecars, isRefusal: false });
    assert.equal(ofRoute?.kind, 'VirtualService', 'a sidecar has the route');

    const entry = (host: string): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: partner }
spec: { hosts: [${host}] }
`;
    const withEntry = new CauseFinder(
      parse(entry('shop.example.com'), sidecar('ALLOW_ANY')),
      parse(entry('gone.example'), sidecar('REGISTRY_ONLY')),
      'default',
      new SecretMarks(),
    );
    const [ofEntry] = withEntry.causesOf('refusal', { known: [], edge: ofSidecars, isRefusal: false });
    assert.equal(ofEntry?.kind, 'ServiceEntry', 'a host that is not known any more has no address');
  });

  it('has the values of the field on both sides, also in a route that an inserted one has moved', () => {
    const change = (kind: DifferenceKind, before: readonly string[], after: readonly string[]): string | undefined => {
      const [old, recent] = [before, after].map((texts) =>
        parseManifests([{ name: 'a.yaml', text: texts.join('---\n') }]),
      );
      return changeText(
        new CauseFinder(old ?? [], recent ?? [], 'default', new SecretMarks()).causesOf(kind, {
          known: [],
          edge,
          isRefusal: true,
        })[0]?.change,
      );
    };
    const retries = (on: string, first: readonly string[] = []): string =>
      virtualService(...first, `name: last\n${routeTo('catalog')}\nretries: { attempts: 2, retryOn: "${on}" }`);
    const other = `name: first\n${matching('/b')}`;
    assert.equal(change('retries', [retries('5xx')], [retries('reset', [other])]), ': 5xx → reset');
    const exact = virtualService(matching('/orders').replace('prefix', 'exact'));
    const prefix = virtualService(matching('/orders'));
    assert.equal(change('status', [prefix], [exact]), ': prefix: /orders → exact: /orders');
    const plain = virtualService(routeTo('catalog'));
    const patient = virtualService(`${routeTo('catalog')}\ntimeout: 1s`);
    assert.equal(change('timeout', [plain], [patient]), ': 1s (new)');
    assert.equal(change('timeout', [patient], [plain]), ': 1s (removed)');
    const inserted = virtualService(matching('/b', 'web'), routeTo('catalog'));
    assert.equal(change('destination', [plain], [inserted]), ' (new)', 'a large object');
    assert.equal(change('refused', [plain], [plain, gateway('shop.example.com')]), ' (new)', 'a whole object');
    const secret = (data: string): string => `apiVersion: v1
kind: Secret
metadata: { name: front }
stringData: { password: ${data} }
`;
    assert.equal(change('refused', [secret('one')], [secret('two')]), '', 'a Secret');
    assert.equal(change('refused', [secret('one')], []), ' (removed)', 'a Secret');
  });

  it('is one of several Gateways that are equally likely', () => {
    const second = (text: string): string => text.replace('name: front', 'name: back');
    assert.equal(
      causeOf(
        'refused',
        [gateway('shop.example.com'), second(gateway('shop.example.com'))],
        [gateway('shop.example.org'), second(gateway('shop.example.org'))],
      ),
      'Gateway front, servers[0].hosts[0] new.yaml:7 or Gateway back, servers[0].hosts[0] new.yaml:15',
    );
  });

  it('is not an object that only a cluster has written to', () => {
    const stored = destinationRule('v1').replace(
      'metadata: { name: catalog }',
      'metadata: { name: catalog, uid: a, resourceVersion: "7", generation: 2, managedFields: [] }\nstatus: { ok: true }',
    );
    assert.equal(
      causeOf('version', [destinationRule('v1'), unrelated(80)], [stored, unrelated(81)]),
      'Service other, ports[0].port new.yaml:14',
    );
  });
});
