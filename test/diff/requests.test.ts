import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { ClassRequest } from '../../src/diff/requests/class-request.ts';
import { allChoices, pairwiseChoices } from '../../src/diff/requests/combine.ts';
import type { RequestParts } from '../../src/diff/requests/condition.ts';
import type { EdgeSide, EnvoyFilter, EnvoyVirtualHost, RequestEdge } from '../../src/diff/requests/edge-side.ts';
import { chooseRoute, isAllowed, type ParsedSide, parseSide } from '../../src/diff/requests/parse-side.ts';
import { regexSamples } from '../../src/diff/requests/regex-samples.ts';
import { representatives, requestsFor } from '../../src/diff/requests/requests-for.ts';
import { regexOf } from '../../src/diff/requests/text-match.ts';
import { SecretMarks } from '../../src/diff/secret-values.ts';
import { tcpText } from '../../src/plan/tcp-text.ts';
import fc from '../fast-check.ts';
import { edgeSide, requestParts } from './arbitrary-config.ts';

const edge: RequestEdge = {
  protocol: 'http',
  authority: 'reviews:9080',
  port: 8080,
  scheme: 'http',
  canSignFor: () => true,
  secrets: new SecretMarks(),
};

/** Parts of a request, as routes and rules see them. */
function partsOf({ request }: ClassRequest): RequestParts {
  const [pathname = '', query = ''] = request.path.split('?');
  return {
    path: pathname,
    query: new Map(query === '' ? [] : query.split('&').map((pair) => pair.split('=') as [string, string])),
    method: request.method,
    authority: request.authority ?? edge.authority,
    headers: new Map(request.headers.map(({ name, value }) => [name, value])),
    token: request.token,
    acceptedAudiences: [],
  };
}

/** What both sides decide about a request. */
function decisions(sides: readonly ParsedSide[], parts: RequestParts): string {
  return JSON.stringify(
    sides.map((side) => {
      const fixed = { identity: side.identity, port: edge.port, scheme: edge.scheme };
      return [chooseRoute(side, parts, fixed), isAllowed(side, parts, fixed)];
    }),
  );
}

test('whatever both sides decide about a random request, they decide about a request that was made', () => {
  fc.assert(
    fc.property(
      edgeSide,
      edgeSide,
      fc.array(requestParts, { minLength: 5, maxLength: 20 }),
      (before, after, random) => {
        const { requests, isFullProduct } = requestsFor(edge, before, after);
        fc.pre(isFullProduct);
        const sides = [parseSide(before), parseSide(after)];
        const made = new Set(requests.map((one) => decisions(sides, partsOf(one))));
        for (const parts of random)
          assert.ok(
            made.has(decisions(sides, parts)),
            `${JSON.stringify([parts.method, parts.path])} ${[...made].join(' ')}`,
          );
      },
    ),
    { numRuns: 60 },
  );
});

test('the routes that a request is said to take are those that it takes', () => {
  fc.assert(
    fc.property(edgeSide, edgeSide, (before, after) => {
      const sides = [parseSide(before), parseSide(after)] as const;
      for (const one of requestsFor(edge, before, after).requests) {
        const fixed = { identity: sides[0].identity, port: edge.port, scheme: edge.scheme };
        const choice = chooseRoute(sides[0], partsOf(one), fixed);
        const expected = choice.kind === 'route' ? sides[0].routes[choice.index]?.route : undefined;
        assert.equal(one.before?.route, expected);
      }
    }),
    { numRuns: 40 },
  );
});

test('there are at most some hundreds of requests for an edge, and a pair of routes has one representative', () => {
  fc.assert(
    fc.property(edgeSide, edgeSide, (before, after) => {
      const { requests } = requestsFor(edge, before, after);
      assert.ok(requests.length <= 1000, String(requests.length));
      const chosen = representatives(requests);
      assert.equal(new Set(chosen.map(({ routes }) => routes)).size, chosen.length);
      assert.deepEqual(new Set(chosen.map(({ routes }) => routes)), new Set(requests.map(({ routes }) => routes)));
    }),
    { numRuns: 40 },
  );
});

test('equal sides have the same requests every time', () => {
  fc.assert(
    fc.property(edgeSide, (side) => {
      assert.deepEqual(
        requestsFor(edge, side, side).requests.map(({ request }) => request),
        requestsFor(edge, side, side).requests.map(({ request }) => request),
      );
    }),
    { numRuns: 30 },
  );
});

test('pairs of values are all combined, with less than all combinations', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(sizes, (counts) => {
      const choices = pairwiseChoices(counts, []);
      for (const [a, sizeA] of counts.entries())
        for (const [b, sizeB] of counts.entries())
          if (a < b)
            for (const [valueA, valueB] of allChoices([sizeA, sizeB]))
              assert.ok(choices.some((choice) => choice[a] === valueA && choice[b] === valueB));
      assert.ok(choices.length <= allChoices(counts).length);
    }),
  );
});

test('samples of a regex are what RE2 accepts, for the syntax that JavaScript does not have too', () => {
  const sources = [
    'a{2,}(b|c)+[x-z]?',
    '(?i)abc',
    '(?P<id>[0-9]{3})',
    '[[:alpha:]]+',
    '\\Aa.b\\z',
    '^(.*?;)?(user=jason)(;.*)?$',
    'GET|POST',
    '/[^/]+/AnyM',
    '(?:\\d+\\.){2}\\d+',
    '[^a-z]',
  ];
  for (const source of sources) {
    const samples = regexSamples(source);
    assert.ok(samples.length > 0, source);
    assert.ok(
      samples.every((sample) => regexOf(source)?.isIn(sample)),
      source,
    );
    assert.deepEqual(samples, regexSamples(source));
  }
  assert.deepEqual(regexSamples('('), []);
});

test('two regexes that differ a little have a request that only one of them accepts', () => {
  const side = (regex: string): EdgeSide => ({
    virtualHost: { domains: ['*'], routes: [{ match: { safe_regex: { regex } }, route: { cluster: 'a' } }] },
    inboundFilters: [],
    callerIdentity: undefined,
  });
  for (const [before, after] of [
    ['/v[12]/.*', '/v[123]/.*'],
    ['/users/[0-9]+', '/users/[0-9a-f]+'],
    ['/a(b|c)', '/a(b|c|d)'],
    ['/x.*', '/x.+'],
  ] as const) {
    const { requests } = requestsFor(edge, side(before), side(after));
    assert.ok(
      requests.some((one) => (one.before === undefined) !== (one.after === undefined)),
      `${before} ${after}`,
    );
  }
});

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(path.join(import.meta.dirname, 'fixtures', name), 'utf8'));

const hosts = fixture('routes.json') as Record<string, EnvoyVirtualHost> & { gw: Record<string, EnvoyVirtualHost> };

function sideOf(virtualHost: EnvoyVirtualHost | undefined, inboundFilters: readonly EnvoyFilter[] = []): EdgeSide {
  return { virtualHost, inboundFilters, callerIdentity: 'spiffe://cluster.local/ns/default/sa/service1' };
}

test('each route of the virtual hosts of a real mesh has a request that takes it', () => {
  const cases = [
    { host: hosts.service2, protocol: 'http' },
    { host: hosts.service4, protocol: 'http' },
    { host: hosts.service3grpc, protocol: 'grpc' },
  ] as const;
  for (const { host, protocol } of cases) {
    const authority = host?.domains?.[2] ?? '';
    const { requests, notCompared } = requestsFor({ ...edge, protocol, authority }, sideOf(host), sideOf(host));
    assert.deepEqual(notCompared, []);
    assert.deepEqual(new Set(requests.flatMap(({ before }) => before?.route ?? [])), new Set(host?.routes));
  }
});

test('a route that needs a claim of a token has a request with this claim', () => {
  const filters = (fixture('inbound-filters.json') as EnvoyFilter[]).filter(({ name }) => name?.includes('jwt'));
  const [host] = Object.values(hosts.gw).filter(({ name }) => name?.startsWith('shop.example'));
  const side = sideOf(host, filters);
  const { requests } = requestsFor({ ...edge, authority: 'shop.example' }, side, side);
  const taken = requests.filter(({ before }) => before?.route.match?.prefix === '/api/');
  assert.ok(taken.length > 0);
  assert.ok(taken.every(({ request }) => request.token?.claims.group === 'admin'));
});

test('rules of a real mesh get requests that they deny and that they may allow, and say what a client cannot choose', () => {
  const side = sideOf(undefined, fixture('inbound-filters.json') as EnvoyFilter[]);
  const { requests, notCompared } = requestsFor({ ...edge, authority: 'service3' }, side, side);
  const parsed = parseSide(side);
  const fixed = { identity: side.callerIdentity, port: 8080, scheme: 'http' } as const;
  const verdicts = new Set(requests.map((one) => isAllowed(parsed, partsOf(one), fixed)));
  // Rules about addresses leave open whether a request is allowed.
  assert.deepEqual(verdicts, new Set([false, undefined]));
  const reasons = notCompared.map(({ subject }) => subject.split(' ')[0]);
  assert.deepEqual(
    new Set(reasons),
    new Set(['direct_remote_ip', 'remote_ip', 'destination_ip', 'requested_server_name']),
  );
  const tokens = requests.flatMap(({ request: { token } }) => token ?? []);
  assert.deepEqual(new Set(tokens.map(({ state }) => state)), new Set(['valid', 'expired', 'wrong_signature']));
  assert.deepEqual(
    new Set(tokens.map(({ issuer, place }) => `${issuer} ${JSON.stringify(place)}`)),
    new Set([
      'https://issuer.example {"kind":"header","name":"authorization","prefix":"Bearer "}',
      'second {"kind":"header","name":"x-token","prefix":"Tok "}',
      'second {"kind":"parameter","name":"token"}',
      'second {"kind":"cookie","name":"tc"}',
    ]),
  );
});

test('an audience or a place of tokens that only one side accepts has a request', () => {
  const verifying = (provider: object): EdgeSide => {
    const type = 'type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication';
    const config = { '@type': type, providers: { 'origins-0': { issuer: 'a', ...provider } } };
    return sideOf(undefined, [{ name: 'envoy.filters.http.jwt_authn', typed_config: config }] as EnvoyFilter[]);
  };
  const tokens = (before: object, after: object) =>
    requestsFor(edge, verifying(before), verifying(after)).requests.flatMap(({ request: { token }, conditions }) =>
      token?.state === 'valid' ? [{ token, conditions }] : [],
    );
  for (const sides of [[['shop'], ['shop', 'admin']] as const, [['shop', 'admin'], ['shop']] as const]) {
    const [before, after] = sides.map((audiences) => ({ audiences }));
    assert.deepEqual(
      tokens(before ?? {}, after ?? {})
        .map(({ token }) => token.audiences.join())
        .toSorted(),
      ['admin', 'another-audience', 'shop'],
    );
  }
  const second = tokens({ audiences: ['shop'] }, { audiences: ['shop', 'admin'] });
  const admin = second.find(({ token }) => token.audiences.includes('admin'));
  assert.deepEqual(
    admin?.conditions.filter(({ isSatisfied }) => isSatisfied).map(({ text }) => text),
    ['token of a', 'token of a for admin'],
  );
  const places = tokens(
    { from_headers: [{ name: 'x-jwt' }] },
    { from_headers: [{ name: 'x-jwt' }, { name: 'X-Token' }] },
  );
  assert.deepEqual(places.map(({ token: { place } }) => (place.kind === 'header' ? place.name : '')).toSorted(), [
    'x-jwt',
    'x-token',
  ]);
});

test('the text over TCP has the 5 bytes that a sidecar reads to tell TLS from plain text', () => {
  const side = sideOf(undefined, []);
  const { requests } = requestsFor({ ...edge, protocol: 'tcp' }, side, side);
  const texts = requests.map(({ request: { path: text } }) => tcpText(text));
  assert.equal(texts.length, 1);
  assert.ok(texts.every((text) => Buffer.byteLength(text) >= 5));
});

test('tokens of issuers without a key are not compared', () => {
  const side = sideOf(undefined, fixture('inbound-filters.json') as EnvoyFilter[]);
  const { requests, notCompared } = requestsFor({ ...edge, canSignFor: () => false }, side, side);
  assert.ok(requests.every(({ request: { token } }) => token === undefined));
  assert.ok(notCompared.some(({ subject }) => subject === 'tokens of second'));
});

test('a condition on a header that clients do not set is not compared', () => {
  const match = { prefix: '/', headers: [{ name: 'x-forwarded-client-cert', string_match: { prefix: 'By' } }] };
  const side = sideOf({ domains: ['*'], routes: [{ match, route: { cluster: 'a' } }] });
  const { notCompared } = requestsFor(edge, side, side);
  assert.match(notCompared.map(({ subject }) => subject).join(), /x-forwarded-client-cert=By\*/);
});

test('a path that only one of a prefix and an exact path has is one that people call', () => {
  const to = (match: Record<string, string>): EdgeSide =>
    sideOf({ domains: ['*'], routes: [{ match, route: { cluster: 'a' } }] });
  for (const prefix of ['/orders', '/orders/']) {
    const { requests } = requestsFor(edge, to({ prefix }), to({ path: prefix }));
    const paths = requests.map(({ request }) => request.path);
    assert.deepEqual(paths.toSorted(), ['/', prefix, '/orders/1'].toSorted());
  }
});

test('a route behind one with fewer conditions is not reported', () => {
  const routes = [
    { match: { prefix: '/' }, route: { cluster: 'a' } },
    { match: { path: '/x' }, route: { cluster: 'b' } },
  ];
  const side = sideOf({ domains: ['*'], routes });
  assert.deepEqual(requestsFor(edge, side, side).notCompared, []);
});

test('causes are the changed rules that decide about a request, and all of them if it satisfies none', () => {
  const rule = (path: string): object => ({
    permissions: [{ url_path: { path: { exact: path } } }],
    principals: [{ any: true }],
  });
  const allowing = (...paths: readonly string[]): EdgeSide => {
    const policies = Object.fromEntries(
      paths.map((path, index) => [`ns[shop]-policy[cart]-rule[${index}]`, rule(path)]),
    );
    const type = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC';
    const config = { '@type': type, rules: { action: 'ALLOW', policies } };
    const filter = { name: 'envoy.filters.http.rbac', typed_config: config } as unknown as EnvoyFilter;
    return sideOf({ domains: ['*'], routes: [] }, [filter]);
  };
  const { requests } = requestsFor(edge, allowing('/kept'), allowing('/status', '/charge', '/kept'));
  const places = new Map(requests.map(({ request, causes }) => [request.path, causes.map(({ place }) => place)]));
  assert.deepEqual(
    ['/status', '/charge', '/'].map((path) => places.get(path)),
    [['rules[0]'], ['rules[1]'], ['rules[0]', 'rules[1]']],
    'the rule for /kept has moved only',
  );
});

test('causes are the routes and rules that differ', () => {
  const meta = (name: string) => ({
    filter_metadata: { istio: { config: `/apis/networking.istio.io/v1/namespaces/shop/virtual-service/${name}` } },
  });
  const withTimeout = (timeout: string): EdgeSide =>
    sideOf({
      domains: ['*'],
      routes: [
        { match: { prefix: '/a' }, metadata: meta('cart'), name: '/shop/cart/http[0].match[0]', route: { timeout } },
        { match: { prefix: '/' }, metadata: meta('cart'), name: '/shop/cart/http[1]', route: { timeout: '0s' } },
      ],
    });
  const { requests } = requestsFor(edge, withTimeout('0s'), withTimeout('1s'));
  const causes = requests.map(({ request, causes: [cause] }) => [
    request.path,
    cause && `${cause.name} ${cause.place}`,
  ]);
  assert.deepEqual(causes, [
    ['/', undefined],
    ['/a', 'cart http[0]'],
  ]);
});

test('causes of a route of a delegate are the delegate and the VirtualServices that lead to it', () => {
  const root = {
    filter_metadata: { istio: { config: '/apis/networking.istio.io/v1/namespaces/shop/virtual-service/front' } },
  };
  const leadingTo = (delegate: string): EdgeSide =>
    sideOf({
      domains: ['*'],
      routes: [
        { match: { prefix: '/' }, metadata: root, name: `/shop/front/http[0]/shop/${delegate}/http[2]`, route: {} },
      ],
    });
  const { requests } = requestsFor(edge, leadingTo('old'), leadingTo('new'));
  assert.deepEqual(
    requests.map(({ causes }) => causes.map(({ name, place }) => `${name} ${place}`)),
    [['new http[2]', 'front http[0]', 'old http[2]', 'front http[0]']],
  );
});

test('rules of a dry run have requests too, and refuse none', () => {
  const policy = (path: string): object => ({
    permissions: [{ url_path: { path: { exact: path } } }],
    principals: [{ any: true }],
  });
  const sideWith = (policies: object): EdgeSide => ({
    virtualHost: undefined,
    callerIdentity: undefined,
    inboundFilters: [
      {
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
          shadow_rules: { action: 'DENY', policies },
        },
      },
    ],
  });
  const [before, after] = [{ a: policy('/admin') }, { a: policy('/admin'), b: policy('/users') }].map(sideWith);
  assert.ok(before !== undefined && after !== undefined);
  const { requests } = requestsFor(edge, before, after);
  const paths = requests.map(({ request }) => request.path);
  assert.ok(paths.includes('/admin') && paths.includes('/users') && paths.includes('/'), paths.join());
  assert.ok(requests.every((one) => one.isAllowed));
});

test('a request satisfies a regular expression and the end of a path at once', () => {
  const policies = {
    a: { permissions: [{ url_path: { path: { suffix: '.css' } } }], principals: [{ any: true }] },
    b: { permissions: [{ url_path: { path: { safe_regex: { regex: '/(a|b)/.*' } } } }], principals: [{ any: true }] },
  };
  const type = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC';
  const side = sideOf(undefined, [{ typed_config: { '@type': type, rules: { action: 'DENY', policies } } }]);
  const paths = requestsFor(edge, side, side).requests.map(({ request }) => request.path);
  assert.ok(
    paths.some((one) => /^\/(?:a|b)\/.*\.css$/.test(one)),
    paths.join(),
  );
});

test('requests have the headers that one side removes, if they stay in their class', () => {
  const side = (removed: readonly string[], match: object = {}): EdgeSide => ({
    virtualHost: {
      domains: ['*'],
      routes: [
        { match: { prefix: '/', ...match }, route: { cluster: 'v2' }, request_headers_to_remove: removed },
        { match: { prefix: '/' }, route: { cluster: 'v1' } },
      ],
    },
    inboundFilters: [],
    callerIdentity: undefined,
  });
  const made = (before: EdgeSide, after: EdgeSide): unknown => {
    const { requests, notCompared } = requestsFor(edge, before, after);
    return [requests.map(({ request }) => request.headers), notCompared.map(({ subject }) => subject).sort()];
  };
  const debug = { name: 'x-debug', value: 'probe' };
  assert.deepEqual(made(side([]), side(['X-Debug'])), [[[debug]], []]);
  assert.deepEqual(made(side(['x-debug']), side(['x-debug'])), [[[]], []], 'equal');
  assert.deepEqual(made(side([]), side(['x-request-id'])), [[[]], ['removal of the header x-request-id']]);
  const beta = { headers: [{ name: 'x-debug', string_match: { exact: 'on' } }] };
  const chosen = [[[], [{ name: 'x-debug', value: 'on' }]], []];
  assert.deepEqual(made(side([], beta), side(['x-debug'], beta)), chosen, 'the route needs the header');
});

test('requests have a header already, if one side adds it and the other one sets it', () => {
  const side = (action: string | undefined, name = 'End-User'): EdgeSide => ({
    virtualHost: {
      domains: ['*'],
      routes: [
        {
          match: { prefix: '/' },
          route: { cluster: 'v1' },
          request_headers_to_add: [
            { header: { key: name, value: 'jason' }, ...(action === undefined ? {} : { append_action: action }) },
          ],
        },
      ],
    },
    inboundFilters: [],
    callerIdentity: undefined,
  });
  const made = (before: EdgeSide, after: EdgeSide): unknown =>
    requestsFor(edge, before, after).requests.map(({ request }) => request.headers);
  const set = side('OVERWRITE_IF_EXISTS_OR_ADD');
  assert.deepEqual(made(set, side(undefined)), [[], [{ name: 'end-user', value: 'other' }]]);
  assert.deepEqual(made(set, set), [[]], 'equal');
  const { notCompared } = requestsFor(edge, side('ADD_IF_ABSENT', 'x-request-id'), side(undefined, 'x-request-id'));
  assert.deepEqual(
    notCompared.map(({ subject }) => subject),
    ['x-request-id'],
    'a client cannot choose it',
  );
});
