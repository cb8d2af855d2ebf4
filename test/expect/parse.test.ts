import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import type { Expectation } from '../../src/expect/expectation.ts';
import { parseExpectation } from '../../src/expect/parse.ts';
import { textFactTitle } from '../../src/expect/text-facts.ts';

const root = { kind: 'root' } as const;
const to = (name: string, from?: string): Expectation['edge'] => ({ kind: 'calls', from, to: name });
const amount = (
  comparison: '=' | '!=' | '<' | '<=' | '>' | '>=',
  unit: 'percent' | 'ms' | 'calls',
  value: number,
  tolerance = 0,
) => ({ comparison, unit, value, tolerance }) as const;

const rows: [text: string, edge: Expectation['edge'], claim: Expectation['claim'], isNegated?: boolean][] = [
  ['status = 200', root, { kind: 'each', fact: 'status', comparison: '=', value: '200' }],
  ['root status<500', root, { kind: 'each', fact: 'status', comparison: '<', value: '500' }],
  ['reviews status != timeout', to('reviews'), { kind: 'each', fact: 'status', comparison: '!=', value: 'timeout' }],
  [
    'reviews version v2 = 10% ± 4%',
    to('reviews'),
    { kind: 'share', fact: 'version', value: 'v2', amount: amount('=', 'percent', 10, 4) },
  ],
  [
    'reviews version v2=10%+-4%',
    to('reviews'),
    { kind: 'share', fact: 'version', value: 'v2', amount: amount('=', 'percent', 10, 4) },
  ],
  [
    'reviews version v2 = 10% +/- 4.5%',
    to('reviews'),
    { kind: 'share', fact: 'version', value: 'v2', amount: amount('=', 'percent', 10, 4.5) },
  ],
  ['a->b pod b-1 >= 3', to('b', 'a'), { kind: 'share', fact: 'pod', value: 'b-1', amount: amount('>=', 'calls', 3) }],
  ['a → b.ns.svc calls = 2 ± 1', to('b.ns.svc', 'a'), { kind: 'calls', amount: amount('=', 'calls', 2, 1) }],
  [
    'not reviews latency p99 < 1.5s',
    to('reviews'),
    { kind: 'latency', statistic: 'p99', amount: amount('<', 'ms', 1500) },
    true,
  ],
  ['latency mean = 100ms ± 20ms', root, { kind: 'latency', statistic: 'mean', amount: amount('=', 'ms', 100, 20) }],
  ['reviews mtls = yes', to('reviews'), { kind: 'each', fact: 'mtls', comparison: '=', value: 'yes' }],
  [
    'reviews peer = spiffe://cluster.local/ns/a/sa/b',
    to('reviews'),
    { kind: 'each', fact: 'peer', comparison: '=', value: 'spiffe://cluster.local/ns/a/sa/b' },
  ],
  [
    'reviews answered-by = proxy',
    to('reviews'),
    { kind: 'each', fact: 'answered-by', comparison: '=', value: 'proxy' },
  ],
  [
    'not reviews refusal = rbac_denied|no_route',
    to('reviews'),
    { kind: 'each', fact: 'refusal', comparison: '=', value: 'rbac_denied|no_route' },
    true,
  ],
  ['users chunks >= 3', to('users'), { kind: 'each', fact: 'chunks', comparison: '>=', value: '3' }],
  ['events 4 = 50%', root, { kind: 'share', fact: 'events', value: '4', amount: amount('=', 'percent', 50) }],
  ['users first-byte p90 < 50ms', to('users'), { kind: 'first-byte', statistic: 'p90', amount: amount('<', 'ms', 50) }],
  ['attempt <= 3', root, { kind: 'each', fact: 'attempt', comparison: '<=', value: '3' }],
  ['status status = 200', to('status'), { kind: 'each', fact: 'status', comparison: '=', value: '200' }],
  ['calls calls = 1', to('calls'), { kind: 'calls', amount: amount('=', 'calls', 1) }],
];
for (const [text, edge, claim, isNegated = false] of rows) {
  test(`The expectation "${text}" is parsed`, () => {
    assert.deepEqual(parseExpectation(text), { text, isNegated, edge, claim });
  });
}

const wrong: [text: string, offset: number, expected: RegExp][] = [
  ['', 0, /^one of status, version/],
  ['reviews', 0, /^one of status, version/],
  ['reviews colour = red', 8, /^one of status, version/],
  ['reviews status', 14, /^a status such as 503 or 5xx/],
  ['reviews status 200', 18, /^one of =, !=/],
  ['reviews status = ', 17, /^a status/],
  ['reviews status = timout', 17, /^a status such as 503 or 5xx, or one of refused/],
  ['reviews status = 99', 17, /^a status/],
  ['reviews status = 200 foo', 21, /^the end/],
  ['reviews status < timeout', 17, /^a number after </],
  ['reviews version < v2', 16, /^= or !=: a version has no order/],
  ['reviews version v2 = 200%', 21, /^a percentage such as 10% or a number of calls/],
  ['reviews version v2 > 10% ± 2%', 19, /^= or !=, because the amount has a tolerance/],
  ['reviews version v2 = 10% ± 2', 27, /^a percentage/],
  ['reviews latency p98 < 3ms', 16, /^one of min, mean/],
  ['reviews latency p99 < 3', 22, /^a duration/],
  ['reviews mtls = maybe', 15, /^yes or no/],
  ['reviews answered-by = me', 22, /^one of service/],
  ['reviews refusal = denied', 18, /^one of no_healthy_upstream, connect_failure, .*rbac_denied, .*unknown, none$/],
  ['reviews refusal < fault', 16, /^= or !=: a refusal has no order/],
  ['a -> -> status = 200', 5, /^the name of a service/],
  ['reviews calls < 3%', 16, /^a number of calls/],
  ['not', 0, /^one of status/],
];
for (const [text, offset, expected] of wrong) {
  test(`The expectation "${text}" has an error at offset ${offset}`, () => {
    assert.throws(
      () => parseExpectation(text),
      (error) => {
        assert.ok(error instanceof MeshmockError);
        assert.deepEqual([error.code, error.place?.offset], ['usage', offset], error.message);
        assert.match(error.place?.expected ?? '', expected);
        return true;
      },
    );
  });
}

const suggestions: [text: string, corrected: string | undefined][] = [
  ['reviews status 200', 'reviews status = 200'],
  ['status 200', 'status = 200'],
  ['status == 200', 'status = 200'],
  ['status is 200', 'status = 200'],
  ['reviews stauts = 200', 'reviews status = 200'],
  ['reviews stauts 200', 'reviews status = 200'],
  ['Status = 200', 'status = 200'],
  ['answered = proxy', 'answered-by = proxy'],
  ['reviews status = 200 or 503', 'reviews status = 200|503'],
  ['reviews status = 200|timout', 'reviews status = 200|timeout'],
  ['reviews refusal = rbac', 'reviews refusal = rbac_denied'],
  ['reviews version v2 = 0.9', 'reviews version v2 = 90%'],
  ['reviews version v2 100', 'reviews version v2 = 100%'],
  ['reviews version v2 = 90% ± 4', 'reviews version v2 = 90% ± 4%'],
  ['reviews version < v2', 'reviews version = v2'],
  ['reviews latency p99 < 200', 'reviews latency p99 < 200ms'],
  ['reviews latency p99 200ms', 'reviews latency p99 < 200ms'],
  ['reviews calls 3', 'reviews calls = 3'],
  ['reviews calls < 3%', 'reviews calls < 3'],
  ['reviews colour = red', undefined],
  ['reviews version v2 = 200%', undefined],
  ['reviews status', undefined],
  ['', undefined],
];
for (const [text, corrected] of suggestions) {
  test(`The error of "${text}" suggests ${corrected === undefined ? 'nothing' : `"${corrected}"`}`, () => {
    assert.throws(
      () => parseExpectation(text),
      (error) => {
        assert.ok(error instanceof MeshmockError);
        const [, suggested] = /; did you mean "(.*)"\?$/.exec(error.message) ?? [];
        assert.equal(suggested, corrected);
        return true;
      },
    );
  });
}

const equal = (...values: string[]) => ({ kind: 'equals', comparison: '=', values }) as const;

const textRows: [text: string, edge: Expectation['edge'], fact: string, condition: object, amount?: object][] = [
  ['uri = /v2/users?a=b', root, 'uri', equal('/v2/users?a=b')],
  ['users method != GET|HEAD', to('users'), 'method', { ...equal('GET', 'HEAD'), comparison: '!=' }],
  ['a->users host = users:80', to('users', 'a'), 'host', equal('users:80')],
  ['users header X-A = "a | \\"b\\""|\'c "d"\'|e', to('users'), 'header x-a', equal('a | "b"', 'c "d"', 'e')],
  ['users header x-a = ""', to('users'), 'header x-a', equal('')],
  ['users header x-a=1', to('users'), 'header x-a', equal('1')],
  ['header host = shop', root, 'header host', equal('shop')],
  ['root header version = v1', root, 'header version', equal('v1')],
  ['location = https://a/x', root, 'location', equal('https://a/x')],
  ['service = users', root, 'service', equal('users')],
  ['answer-header x-a contains b|c', root, 'answer-header x-a', { kind: 'contains', values: ['b', 'c'] }],
  ['users trailer X-Sum = 7', to('users'), 'trailer x-sum', equal('7')],
  ['trailer host exists', root, 'trailer host', { kind: 'exists' }],
  ['users tls-version = TLSv1.2|TLSv1.3', to('users'), 'tls-version', equal('TLSv1.2', 'TLSv1.3')],
  ['sni = shop.example', root, 'sni', equal('shop.example')],
  ['sni alpn = h2', to('sni'), 'alpn', equal('h2')],
  ['a->users http-version 2 = 50%', to('users', 'a'), 'http-version', equal('2'), amount('=', 'percent', 50)],
  ['users caller-tls-peer exists = 0', to('users'), 'caller-tls-peer', { kind: 'exists' }, amount('=', 'calls', 0)],
  ['users header exists exists', to('users'), 'header exists', { kind: 'exists' }],
  ['users header x-a exists = 0', to('users'), 'header x-a', { kind: 'exists' }, amount('=', 'calls', 0)],
  ['users uri /a = 50% ± 5%', to('users'), 'uri', equal('/a'), amount('=', 'percent', 50, 5)],
  ['users uri "contains" >= 3', to('users'), 'uri', equal('contains'), amount('>=', 'calls', 3)],
  [
    'users protocol contains g = 2',
    to('users'),
    'protocol',
    { kind: 'contains', values: ['g'] },
    amount('=', 'calls', 2),
  ],
  ['users pod contains v2', to('users'), 'pod', { kind: 'contains', values: ['v2'] }],
];
for (const [text, edge, title, condition, share] of textRows) {
  test(`The expectation "${text}" is about a text`, () => {
    const { edge: parsedEdge, claim } = parseExpectation(text);
    assert.ok(claim.kind === 'text');
    assert.deepEqual(
      [parsedEdge, textFactTitle(claim.fact), claim.condition, claim.amount],
      [edge, title, condition, share],
    );
  });
}

const regexRows: [text: string, source: string, isCaseInsensitive?: boolean][] = [
  ['users uri matches /^\\/v[12]\\/a b/', '^/v[12]/a b'],
  ['users host matches /^A|b$/i = 50%', '^A|b$', true],
  ['users uri matches "^/v[12]/"', '^/v[12]/'],
  ['users version matches /^v\\d+$/', '^v\\d+$'],
];
for (const [text, source, isCaseInsensitive = false] of regexRows) {
  test(`The expectation "${text}" has a regular expression`, () => {
    const { claim } = parseExpectation(text);
    assert.ok(claim.kind === 'text' && claim.condition.kind === 'matches');
    const { regex } = claim.condition;
    assert.deepEqual([regex.source, regex.isCaseInsensitive], [source, isCaseInsensitive]);
  });
}

for (const [text, fact, value] of [
  ['header version = v1', 'version', 'v1'],
  ['pod service = 3', 'pod', 'service'],
  ['version contains = 3', 'version', 'contains'],
  ['pod uri >= 10%', 'pod', 'uri'],
]) {
  test(`The expectation "${text}" means what it meant before there were texts`, () => {
    const { claim } = parseExpectation(text ?? '');
    assert.ok(claim.kind === 'each' || claim.kind === 'share');
    assert.deepEqual([claim.fact, claim.value], [fact, value]);
  });
}

for (const [text, offset, message] of [
  ['users uri', 9, /a value/],
  ['users uri =', 11, /found the end$/],
  ['users uri < /a', 10, /=, != or one of contains, matches, exists: a text has no order/],
  ['users header = 1', 13, /the name of a header/],
  ['users trailer = 1', 14, /the name of a trailer/],
  ['users chunks = many', 15, /the number of chunks/],
  ['users tls-version >= TLSv1.2', 18, /a text has no order/],
  ['users uri matches a', 18, /a regular expression such as/],
  ['users uri matches /(?=a)/', 18, /a regular expression of RE2 \(invalid or unsupported Perl syntax/],
  ['users uri matches /[/', 18, /a regular expression of RE2 \(missing closing \]/],
  ['users uri = /a /b', 15, /the end/],
  ['users uri /a', 12, /one of =, !=, </],
] as const) {
  test(`The expectation "${text}" is refused at its place`, () => {
    assert.throws(
      () => parseExpectation(text),
      (error) => error instanceof MeshmockError && error.place?.offset === offset && message.test(error.message),
    );
  });
}
