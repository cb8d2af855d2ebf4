import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differencesOf } from '../../src/diff/compare/compare.ts';
import { neededModes } from '../../src/diff/compare/modes.ts';
import { observationOf } from '../../src/diff/compare/observe.ts';
import type { RequestPieces, RoutePiece } from '../../src/diff/compare/pieces.ts';
import {
  differs,
  reportFalseAlarmRate,
  sharesSample,
  shareText,
  testFalseAlarmRate,
} from '../../src/diff/compare/shares.ts';
import type { Observation, Outcome, ReceivedTls } from '../../src/diff/observation.ts';
import type { Probe, ProbeMode } from '../../src/diff/probe.ts';
import { SecretMarks } from '../../src/diff/secret-values.ts';
import type { CallResult } from '../../src/reply/reply.ts';
import fc from '../fast-check.ts';
import { noLonger, observation, outcome, probe, service } from './make.ts';

const settings = { secrets: new SecretMarks(), falseAlarmRate: 1e-6, causesOf: () => [] };

/** Returns the differences of a probe as texts. */
function compared(before: Observation, after: Observation, overrides: Partial<Probe> = {}): string[] {
  return differencesOf(probe(overrides), before, after, settings).map(
    ({ severity, kind, from, to }) => `${severity} ${kind}: ${from} → ${to}`,
  );
}

const one = (value: Outcome): Observation => observation([value]);
const v1 = outcome(service('reviews', 'v1'));
const refusal = (reason: 'rbac_denied' | 'no_route' | 'fault' | 'timeout', status: number): Outcome =>
  outcome({ kind: 'refused', reason, by: 'caller' }, { status });

test('each pair of answers has its kind of difference', () => {
  const cases: readonly (readonly [Outcome, Outcome, string[]])[] = [
    [v1, v1, []],
    [v1, refusal('rbac_denied', 403), ['refused refused: 200 reviews v1 → 403 rbac_denied']],
    [refusal('rbac_denied', 403), v1, ['allowed allowed: 403 rbac_denied → 200 reviews v1']],
    [refusal('rbac_denied', 403), refusal('no_route', 404), ['answer refusal: 403 rbac_denied → 404 no_route']],
    [v1, refusal('fault', 500), ['resilience fault: 200 reviews v1 → 500 fault']],
    [refusal('fault', 500), refusal('fault', 418), ['resilience fault: 500 fault → 418 fault']],
    [v1, outcome(service('reviews', 'v2')), ['destination version: 200 reviews v1 → 200 reviews v2']],
    [v1, outcome(service('ratings', 'v1')), ['destination destination: 200 reviews v1 → 200 ratings v1']],
    [v1, { ...v1, status: 201 }, ['answer status: 200 reviews v1 → 201 reviews v1']],
    [
      v1,
      outcome({ kind: 'redirect', location: '/x' }, { status: 301 }),
      ['destination redirect: 200 reviews v1 → 301 to /x'],
    ],
    [
      v1,
      outcome({ kind: 'direct', body: 'teapot' }, { status: 418 }),
      ['destination direct_answer: 200 reviews v1 → 418 direct response "teapot"'],
    ],
    [
      v1,
      outcome({ kind: 'none', code: 'reset' }, { status: undefined }),
      ['refused refused: 200 reviews v1 → no answer (reset)'],
    ],
  ];
  for (const [before, after, expected] of cases) assert.deepEqual(compared(one(before), one(after)), expected);
});

test('what chance decides is not a difference', () => {
  const other = outcome(service('reviews', 'v2'));
  const mode = { kind: 'plain', byChance: 'destination' } as const;
  assert.deepEqual(compared(one(v1), one(other), { mode }), []);
  assert.deepEqual(compared(one(v1), one(refusal('rbac_denied', 403)), { mode }).length, 1);
  const faults = { kind: 'plain', byChance: 'answer' } as const;
  assert.deepEqual(compared(one(v1), one(refusal('fault', 500)), { mode: faults }), []);
});

test('what the callee received is compared, if the same service answered', () => {
  const received = {
    method: 'GET',
    path: '/a',
    authority: 'reviews:9080',
    headers: { 'x-a': '1' },
    isMutualTls: true,
    identity: 'spiffe://a',
    tls: undefined,
  };
  const changed = { ...received, path: '/b', headers: { 'x-b': '2' }, isMutualTls: false, identity: undefined };
  assert.deepEqual(compared(one({ ...v1, received }), one({ ...v1, received: changed })), [
    'request path: callee gets /a → /b',
    'request request_header: callee gets x-a: 1 → none',
    'request request_header: callee gets x-b: none → 2',
    'request mtls: mTLS → plain text',
  ]);
  assert.deepEqual(compared(one({ ...v1, received }), one(v1)), []);
});

test('a header that chance chooses for one destination is not a difference, and listed if its settings differ', () => {
  const variants = (...values: readonly string[]): RoutePiece => ({
    route: {
      weighted_clusters: {
        clusters: values.map((value) => ({
          name: 'a',
          weight: 50,
          request_headers_to_add: [{ header: { key: 'X-Variant', value } }],
        })),
      },
    },
  });
  const needed = (before: RoutePiece, after: RoutePiece) => neededModes(pieces(before), pieces(after));
  const equal = needed(variants('a', 'b'), variants('a', 'b'));
  const byChance = { requests: ['x-variant'], answers: [] };
  assert.deepEqual(equal.modes, [{ kind: 'plain', byChance: 'nothing', chanceHeaders: byChance }]);
  assert.deepEqual(equal.notCompared, []);
  assert.deepEqual(needed(variants('a', 'b'), variants('a', 'c')).notCompared, [
    { subject: 'header x-variant of requests', reason: 'chance chooses it for requests to one service' },
  ]);
  assert.deepEqual(needed(variants('a', 'a'), variants('a', 'a')).modes, [{ kind: 'plain', byChance: 'nothing' }]);
  const got = (value: string, other: string): Observation => {
    const tls = { isMutualTls: true, identity: undefined, tls: undefined };
    const headers = { 'x-variant': value, 'x-other': other };
    return one({ ...v1, received: { method: 'GET', path: '/', authority: 'a', headers, ...tls } });
  };
  const [mode] = equal.modes;
  assert.ok(mode);
  assert.deepEqual(compared(got('a', '1'), got('b', '1'), { mode }), []);
  assert.deepEqual(compared(got('a', '1'), got('b', '2'), { mode }), [
    'request request_header: callee gets x-other: 1 → 2',
  ]);
  const many = { kind: 'shares', count: 1, configured: [], chanceHeaders: byChance } as const;
  assert.deepEqual(compared(got('a', '1'), got('b', '1'), { mode: many }), []);
});

test('headers by chance whose shares change are listed', () => {
  const settings = { key: 'X-Variant', value: 'a' };
  const shares = (changed: number, field = 'request_headers_to_add'): RoutePiece => ({
    route: {
      weighted_clusters: {
        clusters: [
          { name: 'a', weight: changed, [field]: [{ header: settings }] },
          { name: 'a', weight: 100 - changed },
        ],
      },
    },
  });
  const always = (field = 'request_headers_to_add'): RoutePiece => ({
    route: { cluster: 'a' },
    [field]: [{ header: settings }],
  });
  const listed = (before: RoutePiece, after: RoutePiece): string[] =>
    neededModes(pieces(before), pieces(after)).notCompared.map(({ subject }) => subject);
  assert.deepEqual(listed(shares(50), shares(90)), ['header x-variant of requests']);
  assert.deepEqual(listed(shares(50), always()), ['header x-variant of requests']);
  assert.deepEqual(listed(shares(50), shares(50)), []);
  assert.deepEqual(listed(shares(100), always()), [], 'no chance chooses it');
  const answers = 'response_headers_to_add';
  assert.deepEqual(listed(shares(50, answers), shares(90, answers)), ['headers of answers']);
  assert.deepEqual(listed(shares(50, answers), always(answers)), ['headers of answers']);
  assert.deepEqual(listed(shares(50, answers), shares(50, answers)), []);
});

test('names and certificates are compared, if the callee itself ends TLS', () => {
  const seen = (tls: ReceivedTls | undefined): Observation => {
    const parts = { method: 'GET', path: '/', authority: 'bank', headers: {}, isMutualTls: false, identity: undefined };
    return one({ ...v1, received: { ...parts, tls } });
  };
  const bank = { serverName: 'bank.outside', certificate: undefined };
  assert.deepEqual(compared(seen(bank), seen(bank)), []);
  assert.deepEqual(compared(seen(bank), seen({ serverName: 'vault.outside', certificate: 'shop' })), [
    'request server_name: callee gets the name in TLS: bank.outside → vault.outside',
    'request certificate: callee gets a certificate of: none → shop',
  ]);
  assert.deepEqual(compared(seen(undefined), seen(bank)), ['request mtls: callee gets plain text → TLS']);
});

test('an error of another server counts as a refusal, since a proxy on the way has made it', () => {
  const foreign = (status: number): Observation => one({ ...v1, answer: { kind: 'foreign' }, status });
  const text = '404 from a server that is no mock';
  assert.deepEqual(compared(one(v1), foreign(404)), [`refused refused: 200 reviews v1 → ${text}`]);
  assert.deepEqual(compared(foreign(404), one(v1)), [`allowed allowed: ${text} → 200 reviews v1`]);
  const refused = one(refusal('rbac_denied', 403));
  assert.deepEqual(compared(refused, foreign(404)), [`answer refusal: 403 rbac_denied → ${text}`]);
  assert.deepEqual(compared(one(v1), foreign(200)), [
    'destination destination: 200 reviews v1 → 200 from a server that is no mock',
  ]);
});

test('timeouts are compared by those of the configuration', () => {
  const mode = { kind: 'slow', delayMs: 1650, timeoutsMs: [500, 1000], longerMs: noLonger } as const;
  const after = (durationMs: number): Observation => observation([refusal('timeout', 504)], { durationMs });
  assert.deepEqual(compared(after(507), after(530), { mode }), []);
  assert.deepEqual(compared(after(1640), after(1004), { mode }), []);
  assert.deepEqual(compared(after(507), after(1004), { mode }), [
    'resilience timeout: times out: after 500 ms → after 1 s',
  ]);
  assert.deepEqual(compared(observation([v1], { durationMs: 1655 }), after(510), { mode }), [
    'resilience timeout: times out: never → after 500 ms',
  ]);
});

test('a timeout that the callee does not reach is that of the configuration, and not "never"', () => {
  const mode = (before: object, after: object): Extract<ProbeMode, { kind: 'slow' }> => {
    const { modes } = neededModes(pieces({ route: before }), pieces({ route: after }));
    const [slow] = modes.filter((one) => one.kind === 'slow');
    assert.ok(slow);
    return slow;
  };
  const answered = observation([v1], { durationMs: 1655 });
  const refused = observation([refusal('timeout', 504)], { durationMs: 1004 });
  assert.deepEqual(compared(refused, answered, { mode: mode({ timeout: '1s' }, { timeout: '60s' }) }), [
    'resilience timeout: times out: after 1 s → after 60 s (configured)',
  ]);
  assert.deepEqual(compared(answered, refused, { mode: mode({ timeout: '60s' }, { timeout: '1s' }) }), [
    'resilience timeout: times out: after 60 s (configured) → after 1 s',
  ]);
  assert.deepEqual(compared(refused, answered, { mode: mode({ timeout: '1s' }, { timeout: '0s' }) }), [
    'resilience timeout: times out: after 1 s → never',
  ]);
});

test('retries are compared by the attempts at the callee', () => {
  const mode = { kind: 'failing', failure: { kind: 'status', status: 503 } } as const;
  const tried = (attempts: number): Observation => observation([{ ...v1, status: 503 }], { attempts });
  assert.deepEqual(compared(tried(3), tried(3), { mode }), []);
  assert.deepEqual(compared(tried(3), tried(2), { mode }), ['resilience retries: 2 retries → 1 retry']);
  const elsewhere = observation([outcome(service('reviews', 'v2'), { status: 503 })], { attempts: 3 });
  assert.deepEqual(compared(tried(3), elsewhere, { mode }), [], 'chance chooses a version');
});

test('shares are compared by their counts, and shown as the configuration has them', () => {
  const mode = { kind: 'shares', count: 600, configured: [100, 90, 10] } as const;
  const split = (second: number): Observation =>
    observation([
      outcome(service('reviews', 'v1'), { count: 600 - second }),
      ...(second === 0 ? [] : [outcome(service('reviews', 'v2'), { count: second })]),
    ]);
  assert.deepEqual(compared(split(0), split(57), { mode }), ['share share: v1 100% → v1 90%, v2 10%']);
  assert.deepEqual(compared(split(57), split(66), { mode }), []);
  const stray = outcome({ kind: 'none', code: 'reset' }, { count: 2 });
  const noisy = { ...split(57), outcomes: [...split(57).outcomes, stray] };
  assert.deepEqual(compared(split(0), noisy, { mode }), ['share share: v1 100% → v1 90%, v2 10%']);
  const faults = observation([
    { ...v1, count: 300 },
    { ...refusal('fault', 500), count: 300 },
  ]);
  assert.match(compared(split(0), faults, { mode })[0] ?? '', /^resilience fault: /);
  const moved = observation([outcome({ kind: 'redirect', location: '/x' }, { count: 600, status: 301 })]);
  assert.deepEqual(compared(split(0), moved, { mode }), ['destination redirect: v1 100% → 301 to /x 100%']);
  const [denied, ended] = [refusal('rbac_denied', 403), refusal('timeout', 504)].map((answer) =>
    one({ ...answer, count: 600 }),
  );
  assert.deepEqual(compared(denied ?? split(0), ended ?? split(0), { mode }), [
    'answer refusal: 403 rbac_denied 100% → 504 timeout 100%',
  ]);
});

test('copies of requests are compared', () => {
  const copied = { ...one(v1), mirrors: [{ service: 'shadow', version: 'v1', count: 1 }] };
  assert.deepEqual(compared(one(v1), copied), ['share mirror: copies: none → shadow v1 gets 100%']);
  assert.deepEqual(compared(copied, copied), []);
});

test('equal shares are almost never reported as different', () => {
  // The probability is bounded exactly: it is the sum over all counts that are reported.
  const share = fc.double({ min: 0.01, max: 0.99, noNaN: true });
  fc.assert(
    fc.property(share, fc.constantFrom(60, 120), (probability, all) => {
      const chances = binomial(all, probability);
      let reported = 0;
      for (const [before, chance] of chances.entries())
        for (const [after, other] of chances.entries())
          if (chance * other > 1e-12 && differs({ count: before, all }, { count: after, all }, 1e-3))
            reported += chance * other;
      assert.ok(reported <= 1e-3, String(reported));
    }),
    { numRuns: 20 },
  );
});

function binomial(all: number, share: number): number[] {
  let chance = (1 - share) ** all;
  return Array.from({ length: all + 1 }, (_, count) => {
    const current = chance;
    chance *= ((all - count) / (count + 1)) * (share / (1 - share));
    return current;
  });
}

test('the number of requests tells shares apart, or says that it does not', () => {
  assert.deepEqual(sharesSample([1, 0], [0.9, 0.1]), { count: 576, isEnough: true });
  assert.deepEqual(sharesSample([0.5, 0.5], [0.51, 0.49]), { count: 3000, isEnough: false });
  for (const [before, after] of [
    [1, 0.9],
    [0.9, 0.8],
    [0.5, 0.25],
    [1, 0],
  ] as const) {
    const { count } = sharesSample([before, 1 - before], [after, 1 - after]);
    const counts = [before, after].map((share) => ({ count: Math.round(count * share), all: count }));
    const [first, second] = counts;
    assert.ok(first !== undefined && second !== undefined && differs(first, second, testFalseAlarmRate(1)));
  }
  assert.ok(Math.abs(testFalseAlarmRate(1) * 100 - reportFalseAlarmRate) < 1e-12);
});

test('a share is shown as the one of the configuration that it is near', () => {
  assert.equal(shareText(543, 600, [90, 10]), '90%');
  assert.equal(shareText(543, 600, []), '91%');
  assert.equal(shareText(0, 600, [90, 10]), '0%');
  assert.equal(shareText(0, 600, [0.5]), '0%');
  assert.equal(shareText(600, 600, [99.5]), '100%');
  assert.equal(shareText(3, 100, [90, 10]), '10%', 'as far from it as chance goes');
  assert.equal(shareText(3, 600, [0.5]), '0.5%');
});

const pieces = (route: RoutePiece | undefined, overrides: Partial<RequestPieces> = {}): RequestPieces => ({
  route,
  cluster: undefined,
  protocol: 'http',
  podsOf: () => [],
  showsAnswerHeaders: true,
  ...overrides,
});

test('what changed decides in which modes a request is probed', () => {
  const plain = { kind: 'plain', byChance: 'nothing' };
  const toOne = { route: { cluster: 'one', timeout: '0s' } };
  assert.deepEqual(neededModes(pieces(toOne), pieces(toOne)).modes, [plain]);
  const timed = { route: { cluster: 'one', timeout: '0.500s' } };
  assert.deepEqual(neededModes(pieces(toOne), pieces(timed)).modes, [
    plain,
    { kind: 'slow', delayMs: 1025, timeoutsMs: [500], longerMs: noLonger },
  ]);
  const long = { route: { cluster: 'one', timeout: '60s' } };
  assert.match(neededModes(pieces(toOne), pieces(long)).notCompared[0]?.reason ?? '', /longer than 12 s/);
  const later = { route: { cluster: 'one', timeout: '0.510s' } };
  assert.match(neededModes(pieces(timed), pieces(later)).notCompared[0]?.reason ?? '', /less than 50 ms/);
  const retried = { route: { cluster: 'one', retry_policy: { retry_on: '5xx,reset', num_retries: 2 } } };
  const paused = { route: { ...toOne.route, retry_policy: { ...retried.route?.retry_policy, retry_back_off: {} } } };
  assert.deepEqual(neededModes(pieces(retried), pieces(paused)).notCompared, [
    { subject: 'pauses between retries', reason: 'the number of attempts does not show them' },
  ]);
  const modes = neededModes(pieces(toOne), pieces(retried)).modes.slice(1);
  assert.deepEqual(
    modes.map((mode) => (mode.kind === 'failing' ? mode.failure : mode)),
    [
      { kind: 'status', status: 503 },
      { kind: 'status', status: 500 },
    ],
  );
  const limits = { circuit_breakers: { thresholds: [{ max_pending_requests: 3, max_connections: 4_294_967_295 }] } };
  assert.deepEqual(neededModes(pieces(toOne), pieces(toOne, { cluster: limits })).modes[1], {
    kind: 'burst',
    count: 10,
    delayMs: 700,
  });
});

test('retries on failures of connections are provoked if the callee has no sidecar, and listed otherwise', () => {
  const policy = (retryOn: string, retries: number): RoutePiece => ({
    route: { cluster: 'one', retry_policy: { retry_on: retryOn, num_retries: retries } },
  });
  const needed = (before: RoutePiece, after: RoutePiece, showsResets = false): [unknown[], string[]] => {
    const { modes, notCompared } = neededModes(pieces(before, { showsResets }), pieces(after, { showsResets }));
    const failures = modes.flatMap((mode) => (mode.kind === 'failing' ? [mode.failure] : []));
    return [failures, notCompared.map(({ subject }) => subject)];
  };
  const none: RoutePiece = { route: { cluster: 'one' } };
  const standard = policy('connect-failure,refused-stream,unavailable,cancelled', 2);
  assert.deepEqual(needed(standard, none), [[], ['retries on connect-failure, refused-stream']]);
  assert.deepEqual(needed(none, policy('reset', 2)), [[], ['retries on reset']]);
  assert.deepEqual(needed(policy('reset', 3), policy('reset', 1), true), [[{ kind: 'reset', attempts: 2 }], []]);
  const overGrpc = { showsResets: true, protocol: 'grpc' } as const;
  const ofGrpc = neededModes(pieces(policy('reset', 3), overGrpc), pieces(policy('reset', 1), overGrpc));
  assert.deepEqual(
    ofGrpc.notCompared.map(({ subject }) => subject),
    ['retries on reset'],
  );
  const [errors, unlisted] = needed(policy('5xx', 2), policy('reset', 2));
  assert.equal(errors.length, 2);
  assert.deepEqual(unlisted, [], 'both retry on failures of connections');
  assert.deepEqual(needed(policy('5xx', 2), none)[1], [], 'requests on 503 show the same change');
  const statuses = needed(none, policy('gateway-error', 2))[0].map((one) => (one as { status: number }).status);
  assert.deepEqual(statuses, [503, 502, 504]);
  assert.deepEqual(needed(none, policy('retriable-headers', 2))[1], ['retries on retriable-headers']);
  const mode = { kind: 'failing', failure: { kind: 'reset', attempts: 1 } } as const;
  const ended = one(outcome({ kind: 'none', code: 'reset' }, { status: undefined }));
  const retried = observation([v1], { attempts: 2 });
  assert.deepEqual(compared(ended, retried, { mode }), ['resilience retries: no answer (reset) → 200 after 1 retry']);
  assert.deepEqual(compared(retried, retried, { mode }), []);
});

test('changes of headers that neither requests nor answers show are listed', () => {
  const subjects = (after: RoutePiece): string[] =>
    neededModes(pieces({ route: {} }), pieces({ route: {}, ...after })).notCompared.map(({ subject }) => subject);
  assert.deepEqual(subjects({ response_headers_to_remove: ['Server'] }), ['header server of answers']);
  const removed = { request_headers_to_remove: ['user-agent', 'x-debug'] };
  assert.deepEqual(subjects(removed), ['removal of the header user-agent'], 'requests have x-debug');
  const added = ['User-Agent', 'x-debug', ':authority'].map((key) => ({ header: { key, value: 'probe' } }));
  assert.deepEqual(subjects({ request_headers_to_add: added }), ['header user-agent of requests']);
});

test('headers of answers that a route or one of its destinations changes are shown by callees that send them', () => {
  const modeOf = (before: RoutePiece, after: RoutePiece, overrides: Partial<RequestPieces> = {}): unknown =>
    neededModes(pieces(before, overrides), pieces(after, overrides)).modes.find(
      ({ kind }) => kind === 'answer_headers',
    );
  const inMesh = { showsAnswerHeaders: false };
  const removing = { route: { cluster: 'one' }, response_headers_to_remove: ['X-Trace'] };
  const plain = { route: { cluster: 'one' } };
  const expected = { kind: 'answer_headers', names: ['x-trace'], count: 1 };
  assert.deepEqual(modeOf(plain, removing), expected);
  assert.deepEqual(modeOf(plain, removing, inMesh), expected);
  assert.equal(modeOf(removing, removing, inMesh), undefined);
  const adding = { ...plain, response_headers_to_add: [{ header: { key: 'x-new', value: 'a' } }] };
  assert.equal(modeOf(plain, adding), undefined, 'each answer at a gateway shows it');
  assert.deepEqual(modeOf(plain, adding, inMesh), { ...expected, names: [] });
  const weighted = (settings: object): RoutePiece => ({
    route: {
      weighted_clusters: {
        clusters: [
          { name: 'a', weight: 50 },
          { name: 'b', weight: 50, ...settings },
        ],
      },
    },
  });
  assert.deepEqual(modeOf(weighted({}), weighted({ response_headers_to_remove: ['x-trace'] }), inMesh), {
    ...expected,
    count: 17,
  });
  const twice = (value: string): RoutePiece => ({
    route: {
      weighted_clusters: {
        clusters: ['a', value].map((one) => ({
          name: 'a',
          weight: 50,
          response_headers_to_add: [{ header: { key: 'x-variant', value: one } }],
        })),
      },
    },
  });
  assert.equal(modeOf(twice('b'), twice('c'), inMesh), undefined, 'chance chooses the header');
  assert.deepEqual(
    neededModes(pieces(twice('b'), inMesh), pieces(twice('c'), inMesh)).notCompared.map(({ subject }) => subject),
    ['headers of answers'],
  );
  const { notCompared } = neededModes(pieces(plain, { protocol: 'grpc' }), pieces(adding, { protocol: 'grpc' }));
  assert.deepEqual(
    notCompared.map(({ subject }) => subject),
    ['headers of answers'],
  );
});

test('headers of answers are compared for each destination that answered on both sides', () => {
  const mode = { kind: 'answer_headers', names: ['x-trace'], count: 17 } as const;
  const v2 = service('reviews', 'v2');
  const headers = (answerHeaders: Record<string, string>) => ({ answerHeaders });
  const before = observation([
    outcome(v1.answer, headers({ 'x-trace': 'probe' })),
    outcome(v2, headers({ 'x-trace': 'probe' })),
  ]);
  const after = observation([outcome(v2, headers({ 'x-trace': 'probe' })), outcome(v1.answer, headers({}))]);
  assert.deepEqual(compared(before, after, { mode }), ['cosmetic answer_header: answer x-trace: probe → none']);
  assert.deepEqual(compared(before, before, { mode }), []);
});

test('requests are counted if chances changed, by the versions of pods too', () => {
  const weighted = (first: number): RoutePiece => ({
    route: {
      weighted_clusters: {
        clusters: [
          { name: 'v1', weight: first },
          { name: 'v2', weight: 100 - first },
        ],
      },
    },
  });
  const [mode] = neededModes(pieces(weighted(100)), pieces(weighted(90))).modes;
  assert.deepEqual(mode, { kind: 'shares', count: 576, configured: [100, 0, 90, 10] });
  assert.deepEqual(neededModes(pieces(weighted(90)), pieces(weighted(90))).modes, [
    { kind: 'plain', byChance: 'destination' },
  ]);
  const podsOf = (cluster: string): string[] => (cluster === 'all' ? ['reviews v1', 'reviews v2'] : ['reviews v1']);
  const all = pieces({ route: { cluster: 'all' } }, { podsOf });
  assert.deepEqual(neededModes(all, all).modes, [{ kind: 'plain', byChance: 'destination' }]);
  assert.equal(neededModes(all, pieces({ route: { cluster: 'v1' } }, { podsOf })).modes[0]?.kind, 'shares');
  const fault = {
    'envoy.filters.http.fault': {
      abort: { http_status: 500, percentage: { numerator: 500_000, denominator: 'MILLION' } },
    },
  };
  const faulty = pieces({ route: { cluster: 'v1' }, typed_per_filter_config: fault });
  assert.deepEqual(neededModes(faulty, faulty).modes, [{ kind: 'plain', byChance: 'answer' }]);
});

const context = {
  probeId: 'probe',
  mirrors: [],
  attempts: undefined,
  evidence: { tree: '', command: '' },
  isAtGateway: false,
};

test('an observation leaves out what differs between two equal requests', () => {
  const answer = (requestId: string, hash: string): CallResult => ({
    target: 'reviews:9080',
    scheme: 'http',
    status: 200,
    answeredBy: 'service',
    durationMs: Number(hash),
    reply: {
      service: 'reviews',
      version: 'v1',
      pod: `reviews-${hash}`,
      status: 200,
      request: {
        protocol: 'http',
        method: 'GET',
        uri: '/',
        headers: {
          host: 'reviews:9080',
          'x-request-id': requestId,
          traceparent: requestId,
          'x-envoy-attempt-count': '1',
          'x-forwarded-client-cert': `By=a;Hash=${hash};URI=b`,
          'end-user': 'jason',
        },
      },
      mesh: { peerIdentity: 'spiffe://a' },
    },
  });
  const [first, second] = [observationOf([answer('1', '5')], context), observationOf([answer('2', '6')], context)];
  assert.deepEqual(first.outcomes, second.outcomes);
  assert.deepEqual(first.outcomes[0]?.received?.headers, { 'end-user': 'jason' });
  assert.deepEqual(differencesOf(probe(), first, second, settings), []);
});

test('an observation tells a refusal from an answer of the configuration', () => {
  const call = (overrides: Partial<CallResult>): CallResult => ({
    target: 'reviews:9080',
    scheme: 'http',
    answeredBy: 'proxy',
    mesh: { proxy: 'envoy' },
    ...overrides,
  });
  const answerOf = (overrides: Partial<CallResult>) => observationOf([call(overrides)], context).outcomes[0]?.answer;
  const denied = { reason: 'rbac_denied', explanation: '' } as const;
  assert.deepEqual(answerOf({ status: 403, mesh: { proxy: 'envoy', upstreamMs: 1, refusal: denied } }), {
    kind: 'refused',
    reason: 'rbac_denied',
    by: 'callee',
  });
  assert.deepEqual(answerOf({ status: 301, headers: { location: '/x' } }), { kind: 'redirect', location: '/x' });
  assert.deepEqual(answerOf({ status: 418, body: 'teapot', answeredBy: 'foreign' }), {
    kind: 'direct',
    body: 'teapot',
  });
  assert.deepEqual(answerOf({ status: 200, answeredBy: 'foreign', mesh: { proxy: 'envoy', upstreamMs: 3 } }), {
    kind: 'foreign',
  });
  assert.deepEqual(answerOf({ answeredBy: 'nobody', error: { code: 'refused', message: '' } }), {
    kind: 'none',
    code: 'refused',
  });
});

test('an observation of many requests has the counts of their summary', () => {
  const summary: CallResult = {
    target: 'reviews:9080 *10',
    scheme: 'http',
    answeredBy: 'service',
    summary: {
      count: 10,
      byStatus: { 200: 8, 503: 2 },
      byService: { reviews: 8 },
      byVersion: { v1: 5, v2: 3 },
      byRefusal: { overflow: 2 },
      byPod: { 'reviews-1': 5, 'reviews-2': 3 },
    },
  };
  const seen = observationOf([summary], context);
  assert.deepEqual(
    seen.outcomes.map(({ count, answer }) => [count, answer.kind === 'service' ? answer.version : answer.kind]),
    [
      [5, 'v1'],
      [3, 'v2'],
      [2, 'refused'],
    ],
  );
  assert.deepEqual(seen.pods, { 'reviews-1': 5, 'reviews-2': 3 });
});
