import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCaseFile } from '../../src/cli/files/case-file.ts';
import { differencesOf } from '../../src/diff/compare/compare.ts';
import type { Comparison } from '../../src/diff/comparison.ts';
import type { Observation } from '../../src/diff/observation.ts';
import type { Probe } from '../../src/diff/probe.ts';
import { SecretMarks } from '../../src/diff/secret-values.ts';
import { requestTitle } from '../../src/diff/written-cases/case-request.ts';
import { caseOfDifference, type WriteSettings, writeCases } from '../../src/diff/written-cases/write-cases.ts';
import { comparison, destination, noLonger, observation, outcome, probe, request, service, workload } from './make.ts';

const settings: WriteSettings = {
  namespace: 'default',
  manifests: ['old'],
  needsFill: false,
  apply: ['new'],
  isEverything: false,
  tokenOf: () => undefined,
  secrets: new SecretMarks(),
};

test('the name of a case has the state of the token, with its article', () => {
  const place = { kind: 'header', name: 'authorization', prefix: 'Bearer ' } as const;
  const claims = { issuer: 'me', subject: 'a', audiences: [], claims: {}, place };
  const titleOf = (state: 'valid' | 'expired'): string =>
    requestTitle(probe({ request: request({ token: { state, ...claims } }) }), new SecretMarks());
  assert.match(titleOf('valid'), / with a valid token$/);
  assert.match(titleOf('expired'), / with an expired token$/);
});

function compared(...pairs: readonly (readonly [Probe, Observation, Observation])[]): Comparison {
  return comparison({
    probes: pairs.map(([one]) => one),
    differences: pairs.flatMap(([one, before, after]) =>
      differencesOf(one, before, after, { secrets: new SecretMarks(), falseAlarmRate: 1e-6, causesOf: () => [] }),
    ),
    observations: new Map(pairs.map(([one, before, after]) => [one.id, { before, after }])),
  });
}

const refused = observation([outcome({ kind: 'refused', reason: 'rbac_denied', by: 'callee' })]);
const answered = observation([outcome(service('reviews', 'v1'))]);

test('a difference is a case that holds before the change, and one that holds after it', () => {
  const one = probe({
    caller: workload('ratings', 'shop'),
    destination: destination('details'),
    request: request({ method: 'POST', path: '/details/1?q=a', headers: [{ name: 'end-user', value: 'jason' }] }),
  });
  const before = observation([outcome(service('details', 'v1'), { status: 201 })]);
  const { text, count } = writeCases(compared([one, before, refused]), settings);
  assert.equal(
    text,
    `manifests: [old]
before:
  - name: "ratings: POST details:9080/details/1?q=a end-user=jason: status = 201, version = v1"
    from: ratings.shop
    call: /@details:9080[end-user=jason];method=POST/details/1?q=a
    expect: [details status = 201, details version = v1]
apply: [new]
cases:
  - name: "ratings: POST details:9080/details/1?q=a end-user=jason: status = 403, refusal = rbac_denied"
    from: ratings.shop
    call: /@details:9080[end-user=jason];method=POST/details/1?q=a
    expect: [details status = 403, details refusal = rbac_denied]
`,
  );
  assert.equal(count, 2);
});

test('meshmock test reads the written cases of all kinds of probes', () => {
  const slow = { kind: 'slow', delayMs: 1025, timeoutsMs: [500], longerMs: noLonger } as const;
  const failing = { kind: 'failing', failure: { kind: 'status', status: 503 } } as const;
  const shares = { kind: 'shares', count: 600, configured: [90, 10, 100] } as const;
  const burst = { kind: 'burst', count: 10, delayMs: 700 } as const;
  const gateway = {
    kind: 'gateway',
    gateway: 'shop/front',
    host: 'shop.example',
    port: 8443,
    scheme: 'https',
  } as const;
  const split = observation([
    outcome(service('reviews', 'v1'), { count: 540 }),
    outcome(service('reviews', 'v2'), { count: 60 }),
  ]);
  const overflow = outcome({ kind: 'refused', reason: 'overflow', by: 'caller' }, { count: 6, status: 503 });
  const headers = (value: string): Observation =>
    observation([
      outcome(service('reviews', 'v1'), {
        received: {
          method: 'GET',
          path: '/a b',
          authority: 'reviews:9080',
          headers: value === '' ? {} : { 'x-team': value },
          isMutualTls: true,
          identity: 'spiffe://cluster.local/ns/default/sa/productpage',
          tls: undefined,
        },
      }),
    ]);
  const timedOut = outcome({ kind: 'refused', reason: 'timeout', by: 'caller' }, { status: 504 });
  const whole = compared(
    [probe({ mode: slow }), { ...answered, durationMs: 1030 }, observation([timedOut], { durationMs: 505 })],
    [
      probe({ mode: slow, request: request({ protocol: 'grpc', method: 'POST', path: '/a.B/C' }) }),
      { ...answered, durationMs: 1030 },
      observation([{ ...timedOut, status: 503, grpcStatus: 'UNAVAILABLE' }], { durationMs: 505 }),
    ],
    [probe({ mode: failing }), { ...answered, attempts: 3 }, { ...answered, attempts: 1 }],
    [probe({ mode: shares }), observation([outcome(service('reviews', 'v1'), { count: 600 })]), split],
    [
      probe({ mode: burst }),
      observation([outcome(service('reviews', 'v1'), { count: 10 })]),
      observation([outcome(service('reviews', 'v1'), { count: 4 }), overflow]),
    ],
    [probe(), headers(''), headers('one | "two"')],
    [
      probe({ caller: gateway, request: request({ authority: 'other.example' }) }),
      answered,
      observation([outcome({ kind: 'redirect', location: 'https://shop.example/=x' }, { status: 301 })]),
    ],
    [probe({ caller: { kind: 'outside' } }), answered, observation([outcome({ kind: 'none', code: 'reset' })])],
    [
      probe({ request: request({ protocol: 'grpc', method: 'POST', path: '/a.B/C' }) }),
      answered,
      observation([outcome({ kind: 'direct', body: 'tea "pot"' }, { status: 418 })]),
    ],
  );
  const { text, notWritten } = writeCases(whole, settings);
  assert.deepEqual(notWritten, []);
  const file = parseCaseFile(text, 'test.yaml', { timeoutMs: 1000, retryUntilMs: 0 });
  assert.equal(file.before.length, whole.probes.length);
  assert.equal(file.cases.length, whole.probes.length);
  const expected = file.cases.map(({ expectations }) => expectations.map((one) => one.text));
  assert.deepEqual(expected, [
    ['reviews status = 504', 'reviews refusal = timeout', 'reviews latency max < 768ms'],
    ['reviews status = 503|504|timeout', 'reviews latency max < 768ms'],
    ['reviews attempt = 1'],
    ['reviews version v1 = 90% ± 7%', 'reviews version v2 = 10% ± 7%'],
    ['reviews refusal overflow > 0%'],
    ['reviews status = 200', 'reviews version = v1', 'reviews header x-team = "one | \\"two\\""'],
    ['status = 301', 'location = "https://shop.example/=x"'],
    ['reviews status = reset'],
    ['reviews status = 418', 'reviews answer-body = "tea \\"pot\\""'],
  ]);
});

test('what is the same on both sides is always so, if everything is written', () => {
  const whole = compared([probe(), answered, answered], [probe(), answered, refused]);
  const file = (isEverything: boolean): string => writeCases(whole, { ...settings, isEverything }).text;
  assert.match(file(true), /\nalways:\n {2}- name: /);
  assert.doesNotMatch(file(false), /always/);
});

test('what no case can show is said', () => {
  const token = {
    state: 'valid',
    issuer: 'https://issuer.example',
    subject: 'a',
    audiences: [],
    claims: {},
    place: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  } as const;
  const whole = compared([probe({ request: request({ token }) }), answered, refused]);
  assert.match(writeCases(whole, settings).notWritten[0]?.reason ?? '', /no key is known/);
  const { text } = writeCases(whole, { ...settings, tokenOf: () => 'abc' });
  assert.match(text, /call: \/@reviews:9080\[authorization=Bearer%20abc\]\//);
});

test('an explanation has the case of its difference', () => {
  const whole = compared([probe(), answered, refused]);
  const [difference] = whole.differences;
  assert.ok(difference !== undefined);
  assert.match(caseOfDifference(difference, whole, settings) ?? '', /expect: \[reviews status = 403, reviews refusal/);
});

test('a port that a gateway loses has a case before the change only, since a case cannot call it after', () => {
  const caller = { kind: 'gateway', gateway: 'default/gw', host: 'shop.example', port: 81, scheme: 'http' } as const;
  const one = probe({ caller, destination: { ...destination('shop.example', 81), host: 'shop.example' } });
  const gone = observation([outcome({ kind: 'none', code: 'unreachable' }, { status: undefined })]);
  const { text, notWritten } = writeCases(compared([one, answered, gone]), settings);
  assert.match(text, /^before:\n {2}- name: "GET shop\.example/m);
  assert.doesNotMatch(text, /unreachable/);
  assert.deepEqual(
    notWritten.map(({ reason }) => reason),
    ['a case cannot call a port that no gateway has'],
  );
});
