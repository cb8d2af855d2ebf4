import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExpectationCheck } from '../../src/expect/expectation-check.ts';
import { parseExpectation } from '../../src/expect/parse.ts';
import { parsePath } from '../../src/plan/parse.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { CallResult, Reply, Summary } from '../../src/reply/reply.ts';

function call(target: string, facts: Partial<CallResult> = {}, reply?: Partial<Reply>): CallResult {
  const service = target.split('.')[0] ?? '';
  const answered =
    reply === undefined ? {} : { reply: { service, status: 200, version: 'v1', pod: `${service}-1`, ...reply } };
  return {
    target: `${target}:8080`,
    scheme: 'http',
    status: 200,
    answeredBy: 'service',
    durationMs: 5,
    ...answered,
    ...facts,
  };
}

/** A gateway calls reviews ten times, once with v2 and 503. The others call ratings. Details refuses the connection. */
const identity = 'spiffe://cluster.local/ns/default/sa/gateway';
const tree: CallResult = call(
  'gateway',
  {},
  {
    calls: [
      ...Array.from({ length: 9 }, (_, index) =>
        call(
          'reviews.default.svc.cluster.local',
          { durationMs: index + 1 },
          {
            mesh: { peerIdentity: identity, attempt: index === 0 ? 2 : 1 },
            calls: [call('ratings', {}, {})],
          },
        ),
      ),
      call(
        'reviews',
        { status: 503, durationMs: 100 },
        { version: 'v2', pod: 'reviews-2', status: 503, mesh: { peerIdentity: identity } },
      ),
      {
        target: 'details:8080',
        scheme: 'http',
        answeredBy: 'nobody',
        error: { code: 'refused', message: 'no' },
        durationMs: 1,
      },
    ],
  },
);

const repeatedCall: CallResult = {
  target: 'reviews:8080',
  scheme: 'http',
  answeredBy: 'service',
  status: 503,
  summary: {
    count: 100,
    byStatus: { 200: 90, 503: 9, reset: 1 },
    byVersion: { v1: 90, v2: 9 },
    byPod: { 'reviews-1': 90, 'reviews-2': 9 },
    byAttempt: { 1: 100 },
    byAnswer: { service: 99, nobody: 1 },
    latencyMs: { min: 1, mean: 3, p50: 2, p90: 5, p95: 8, p99: 20, max: 90 },
    samples: [{ is: ['first'], index: 0, call: call('reviews', {}, { calls: [call('ratings', {}, {})] }) }],
  },
};
const repeated = call('gateway', {}, { calls: [repeatedCall] });
const repeatedTwice = call('gateway', {}, { calls: [repeatedCall, repeatedCall] });

const answeredCall = { ...repeatedCall, summary: { ...(repeatedCall.summary as Summary), byAnswer: { service: 100 } } };
const answeredOnly = call('gateway', {}, { calls: [answeredCall] });
const answeredTwice = call('gateway', {}, { calls: [answeredCall, answeredCall] });
const repeatedSubset = call(
  'gateway',
  {},
  {
    calls: [
      {
        ...repeatedCall,
        target: 'reviews-v2:8080',
        summary: { ...(repeatedCall.summary as Summary), byService: { reviews: 99 } },
      },
    ],
  },
);
/** A service that calls itself twice, by its name and by its address. */
const selfCall = call(
  'gateway',
  { status: 502 },
  { calls: [call('gateway', { status: 503 }, { status: 503 }), call('127.0.0.1', {}, { service: 'gateway' })] },
);
const received = (uri: string, headers?: Record<string, string>): Partial<Reply> => ({
  request: { protocol: 'http', method: 'GET', uri, ...(headers === undefined ? {} : { headers }) },
});
/** Calls whose callees show what they received; the last one does not. The proxy redirects the call to old. */
const texts = call(
  'gateway',
  { headers: { 'x-a': '1', 'set-cookie': '[redacted]' } },
  {
    ...received('/@users,users,old/x', { host: 'gateway:8080' }),
    calls: [
      call('users', {}, received('/v2/a', { host: 'users', 'x-a': 'one two', authorization: '[redacted]' })),
      call('users', {}, received('/v2/b', { host: 'users:80' })),
      call('users', {}, received('/v1/c', { host: 'users' })),
      call('silent', {}, received('/x')),
      call('silent', {}, {}),
      {
        target: 'old:8080',
        scheme: 'http',
        answeredBy: 'proxy',
        status: 301,
        headers: { location: 'https://new.test/x', server: 'envoy' },
      },
      {
        target: 'cut:8080',
        scheme: 'http',
        answeredBy: 'service',
        status: 200,
        headers: { 'x-meshmock': 'cut/v1' },
        pruned: { bytes: 1, reason: 'no room' },
      },
    ],
  },
);
const both = call('gateway', {}, { calls: [repeatedCall, call('ratings', {}, {})] });
const pruned = call('gateway', {}, { calls: [call('reviews', {}, { prunedCalls: 3 })] });
const subset = call(
  'gateway',
  {},
  {
    calls: [call('reviews-v2', {}, { service: 'reviews', calls: [call('ratings', {}, {})] })],
  },
);

/** Calls whose answers do not show whether reviews called ratings. */
const silent = (facts: Partial<CallResult>): CallResult =>
  call('gateway', {}, { calls: [{ ...call('reviews'), ...facts }] });
const late = silent({ answeredBy: 'nobody', error: { code: 'timeout', message: 'late' } });
const refused = silent({ answeredBy: 'nobody', error: { code: 'refused', message: 'no' } });
const headless = silent({ headers: { 'x-meshmock': 'reviews/v1' } });
const denied = { refusal: { reason: 'rbac_denied', explanation: 'No.' } } as const;
/** Refusals by the callee's sidecar, by the caller's sidecar, and by a circuit breaker. */
const refusedByCallee = silent({
  status: 403,
  answeredBy: 'proxy',
  mesh: { proxy: 'envoy', upstreamMs: 1, ...denied },
});
const refusedByCaller = silent({ status: 403, answeredBy: 'proxy', mesh: { proxy: 'istio-envoy', ...denied } });
const overflown = silent({
  status: 503,
  answeredBy: 'proxy',
  summary: { count: 12, byAnswer: { service: 3, proxy: 9 }, byRefusal: { overflow: 9 } },
});
const tried = call('gateway', {}, { calls: [call('reviews', { attempts: ['503', '200'] }, {})] });
const manyPods: CallResult = call(
  'gateway',
  {},
  {
    calls: [{ ...repeatedCall, summary: { count: 1000, byPod: { 'p-1': 500, '(others)': 500 } } }],
  },
);
const countedReset: CallResult = call(
  'gateway',
  {},
  {
    calls: [
      call('reviews', {}, {}),
      { ...call('reviews'), answeredBy: 'nobody', error: { code: 'reset', message: 'no' } },
    ],
  },
);

/** The gateway has a span, reviews an unsampled context, ratings a sampled one, and details none. */
const withContext = (flags: string): Partial<Reply> => ({
  request: {
    ...{ protocol: 'http', method: 'GET', uri: '/x' },
    headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-${flags}` },
  },
});
const traced = call(
  'gateway',
  {},
  {
    spanId: 'b'.repeat(16),
    calls: [
      call('reviews', {}, withContext('00')),
      call('ratings', {}, withContext('01')),
      call('details', {}, { traceId: 'a'.repeat(32) }),
    ],
  },
);

/** Plans of the answers that do not have the usual plan. */
const plans = new Map([[both, '/@reviews*100(/@ratings/x),ratings/x']]);
const planOf = (seen: CallResult): Plan => parsePath(plans.get(seen) ?? '/@reviews/@ratings/x');

const rows: [tree: CallResult, text: string, passed: boolean, seen: RegExp][] = [
  [tree, 'status = 200', true, /^200 ×1 \(100%\)$/],
  [tree, 'reviews status = 200', false, /^200 ×9 \(90%\), 503 ×1 \(10%\)$/],
  [tree, 'reviews status < 504', true, /./],
  [tree, 'reviews status < 503', false, /./],
  [tree, 'reviews status 503 = 10%', true, /./],
  [tree, 'reviews status 503 = 1', true, /./],
  [tree, 'reviews status 503 = 14% ± 4%', true, /./],
  [tree, 'reviews status 503 = 14.1% ± 4%', false, /./],
  [tree, 'reviews version v2 = 10% ± 4%', true, /^v1 ×9 \(90%\), v2 ×1 \(10%\)$/],
  [tree, 'reviews version v1 = 90', false, /\(90%\), v2 ×1 \(10%\); did you mean 90%\?$/],
  [tree, 'reviews version v1 = 5', false, /\(10%\)$/],
  [tree, 'reviews version v3 = 0%', true, /./],
  [tree, 'reviews version = v1', false, /./],
  [tree, 'reviews pod reviews = 100%', true, /./],
  [tree, 'reviews attempt 2 = 1', true, /^1 ×9 \(90%\), 2 ×1 \(10%\)$/],
  [tree, 'reviews attempt <= 2', true, /./],
  [tree, 'reviews refusal = none', true, /^none ×10/],
  [tree, 'not reviews refusal = rbac_denied', true, /^none ×10/],
  [tree, 'not details refusal = rbac_denied', false, /^refusal unknown for 1 call$/],
  [refusedByCallee, 'reviews refusal = rbac_denied', true, /^rbac_denied ×1/],
  [refusedByCallee, 'reviews refusal = no_route|rbac_denied', true, /./],
  [refusedByCallee, 'reviews refusal != fault', true, /./],
  [refusedByCallee, 'not reviews refusal = rbac_denied', false, /./],
  [refusedByCallee, 'reviews answered-by = proxy', true, /^proxy ×1/],
  [
    refusedByCallee,
    'ratings calls = 0',
    false,
    /the calls below an answer that is not a reply \(by proxy\) are unknown/,
  ],
  [refusedByCaller, 'ratings calls = 0', true, /^no call to ratings/],
  [overflown, 'reviews refusal overflow = 75%', true, /^none ×3 \(25%\), overflow ×9 \(75%\)$/],
  [tree, 'reviews mtls = yes', true, /^yes ×10/],
  [tree, 'ratings mtls = no', true, /^no ×9/],
  [tree, 'details mtls = no', false, /^mtls unknown for 1 call$/],
  [traced, 'root sampled = yes', true, /^yes ×1/],
  [traced, 'reviews sampled = no', true, /^no ×1/],
  [traced, 'ratings sampled = yes', true, /^yes ×1/],
  [traced, 'not details sampled = no', false, /^sampled unknown for 1 call$/],
  [tree, 'not details mtls = yes', false, /^mtls unknown for 1 call$/],
  [tree, 'not details latency p99 < 1s', false, /had no answer/],
  [tree, 'details version v2 = 0%', false, /^version unknown for 1 call$/],
  [tree, 'details attempt = 1', false, /^attempt unknown for 1 call$/],
  [tree, 'reviews peer = gateway', true, /./],
  [tree, `reviews peer = ${identity}`, true, /./],
  [tree, 'reviews peer = productpage', false, /./],
  [tree, 'details status = refused', true, /^refused ×1/],
  [tree, 'details status < 500', false, /./],
  [tree, 'details answered-by = nobody', true, /./],
  [tree, 'details version = v1', false, /^version unknown for 1 call$/],
  [tree, 'ratings calls = 9', true, /^9 calls$/],
  [tree, 'reviews->ratings calls = 9', true, /./],
  [tree, 'gateway->ratings calls = 0', true, /./],
  [tree, 'gateway->ratings status = 200', false, /^no call to ratings from gateway; calls went to reviews/],
  [tree, 'not gateway->ratings status = 200', false, /^no call/],
  [tree, 'reviews latency max = 100ms', true, /^max 100 ms of 10 calls$/],
  [tree, 'reviews latency p90 = 9ms', true, /./],
  [tree, 'reviews latency p50 < 5ms', false, /^p50 5 ms/],
  [tree, 'reviews latency mean = 14.5ms', true, /./],
  [tree, 'nobody status = 200', false, /^no call to nobody; calls went to reviews/],
  [
    repeated,
    'reviews version v2 = 10% ± 2%',
    true,
    /^v1 ×90 \(90.9%\), v2 ×9 \(9.1%\); version unknown for 1 of 100 calls$/,
  ],
  [repeated, 'reviews status reset = 1', true, /./],
  [answeredOnly, 'reviews latency p99 = 20ms', true, /of 100 calls/],
  [repeated, 'reviews latency p99 = 20ms', false, /^1 of 100 calls had no answer$/],
  [repeated, 'reviews calls = 100', true, /./],
  [repeated, 'reviews mtls = no', false, /a repeated call \(\*N\) does not count the mtls; repeat the request instead/],
  [repeated, 'not reviews mtls = no', false, /repeat the request instead/],
  [
    repeated,
    'ratings status = 200',
    false,
    /^the calls below a repeated call \(\*N\) are not counted; repeat the request instead$/,
  ],
  [repeated, 'ratings calls = 0', false, /^the calls below a repeated call/],
  [repeated, 'not ratings calls = 5', false, /repeat the request instead$/],
  [repeated, 'gateway->ratings calls = 0', true, /./],
  [both, 'ratings status = 200', false, /^200 ×1 \(100%\); the calls below a repeated call/],
  [both, 'ratings status = 404', false, /./],
  [both, 'ratings calls >= 1', true, /./],
  [both, 'not ratings calls = 0', true, /./],
  [both, 'ratings status 200 >= 1', true, /./],
  [both, 'not ratings status = 404', true, /200 ×1 \(100%\); the calls below/],
  [pruned, 'ratings calls = 0', false, /3 calls were removed from the answer/],
  [answeredTwice, 'reviews latency max = 90ms', true, /./],
  [answeredTwice, 'reviews latency mean = 3ms', true, /./],
  [tree, 'root->reviews calls = 10', true, /./],
  [tree, 'gateway calls = 1', true, /^1 call$/],
  [texts, 'users uri matches /^\\/v[12]\\//', true, /^\/v1\/c ×1 \(33.3%\), \/v2\/a ×1 \(33.3%\), \/v2\/b ×1/],
  [texts, 'users uri contains /v2/ = 2', true, /./],
  [texts, 'users uri matches /^\\/v2/ = 67% ± 1%', true, /./],
  [texts, 'users uri = /v2/a|/v2/b|/v1/c', true, /./],
  [texts, 'users uri != /v1/c', false, /./],
  [texts, 'users method = GET', true, /^GET ×3/],
  [texts, 'users protocol = http', true, /./],
  [texts, 'users service = users', true, /./],
  [texts, 'users host = users', false, /^users ×2 \(66.7%\), users:80 ×1/],
  [texts, 'users host users = 2', true, /./],
  [texts, 'users header x-a "one two" = 1', true, /^\(none\) ×2 \(66.7%\), one two ×1 \(33.3%\)$/],
  [texts, 'users header x-a exists = 1', true, /./],
  [texts, 'users header x-a exists', false, /./],
  [texts, 'users header x-b exists = 0', true, /^\(none\) ×3/],
  [texts, 'users header constructor exists = 0', true, /^\(none\) ×3/],
  [texts, 'users header __proto__ contains a', false, /^\(none\) ×3/],
  [texts, 'users header authorization exists = 1', true, /\[redacted\] ×1/],
  [
    texts,
    'users header authorization = secret',
    false,
    /^\(none\) ×2 \(100%\); header authorization unknown for 1 of 3 calls$/,
  ],
  [texts, 'users header authorization secret = 0', false, /unknown for 1 of 3 calls/],
  [texts, 'silent header x-a exists = 0', false, /^header x-a unknown for 2 calls$/],
  [texts, 'not silent header x-a exists', false, /unknown for 2 calls/],
  [texts, 'silent uri = /x', false, /^\/x ×1 \(100%\); uri unknown for 1 of 2 calls$/],
  [texts, 'silent uri = /y', false, /./],
  [texts, 'old location = https://new.test/x', true, /./],
  [texts, 'old answer-header x-a exists = 0', true, /./],
  [texts, 'users answer-header x-a exists = 0', false, /^answer-header x-a unknown for 3 calls$/],
  [texts, 'cut answer-header x-a exists = 0', false, /unknown for 1 call$/],
  [texts, 'cut answer-header x-meshmock contains cut/', true, /./],
  [texts, 'root answer-header x-a = 1', true, /./],
  [texts, 'root answer-header constructor exists', false, /./],
  [texts, 'root answer-header __proto__ matches /a/', false, /./],
  [texts, 'cut answer-header constructor exists = 0', false, /unknown for 1 call$/],
  [texts, 'root answer-header set-cookie exists', true, /./],
  [texts, 'root answer-header x-b exists = 0', true, /./],
  [tree, 'reviews version matches /^v\\d$/', true, /^v1 ×9 \(90%\), v2 ×1/],
  [tree, 'reviews peer contains /sa/gateway', true, /./],
  [repeated, 'reviews uri = /x', false, /a repeated call \(\*N\) does not count the uri; repeat the request instead/],
  [selfCall, 'gateway calls = 2', true, /^2 calls$/],
  [selfCall, 'gateway status 503 = 1', true, /^200 ×1 \(50%\), 503 ×1 \(50%\)$/],
  [selfCall, 'root status = 502', true, /./],
  [tree, 'nobody calls = 0', true, /^no call to nobody; calls went to reviews/],
  [tree, 'reviews status = 200|503', true, /./],
  [tree, 'reviews status 4xx|5xx = 10%', true, /./],
  [tree, 'reviews status = 2xx', false, /./],
  [tree, 'details status = 5xx|refused', true, /./],
  [repeatedSubset, 'reviews calls = 100', true, /./],
  [subset, 'reviews-v2->ratings status = 200', true, /./],
  [subset, 'reviews->ratings status = 200', true, /./],
  [late, 'ratings calls = 0', false, /the calls below a call without an answer \(timeout\) are unknown/],
  [late, 'not ratings calls = 5', false, /are unknown/],
  [late, 'other calls = 0', true, /^no call to other; calls went to reviews$/],
  [late, 'gateway->ratings calls = 0', true, /./],
  [late, 'reviews->ratings calls = 0', false, /are unknown/],
  [late, 'reviews status = timeout', true, /./],
  [late, 'reviews latency p99 < 1s', false, /^1 of 1 call had no answer$/],
  [refused, 'ratings calls = 0', true, /./],
  [headless, 'ratings calls = 0', false, /the calls below an answer that is not a reply \(by service\) are unknown/],
  [headless, 'reviews version = v1', true, /./],
  [tried, 'ratings calls = 0', false, /only the last attempt of a retried call is shown/],
  [manyPods, 'reviews pod p-2 = 0', false, /pod unknown for 500 of 1000 calls/],
  [manyPods, 'reviews pod != p-2', false, /pod unknown for/],
  [manyPods, 'not reviews pod p-2 = 3', false, /pod unknown for/],
  [manyPods, 'reviews pod p-1 >= 500', true, /./],
  [countedReset, 'reviews version v2 = 0', false, /^v1 ×1 \(100%\); version unknown for 1 of 2 calls$/],
  [countedReset, 'not reviews version v2 = 1', false, /version unknown for/],
  [countedReset, 'reviews version = v1', false, /version unknown for/],
  [countedReset, 'not reviews version = v2', true, /version unknown for/],
  [countedReset, 'reviews version v1 = 100%', true, /version unknown for/],
  [repeated, 'reviews attempt = 1', false, /does not count the attempt/],
  [answeredTwice, 'reviews latency p99 = 20ms', false, /cannot be combined/],
  [repeatedTwice, 'reviews status 503 = 18', true, /./],
];
for (const [seen, text, passed, pattern] of rows) {
  test(`The expectation "${text}" ${passed ? 'passes' : 'fails'}`, () => {
    const check = new ExpectationCheck(parseExpectation(text), planOf(seen));
    check.observe(seen);
    const verdict = check.verdict();
    assert.deepEqual([verdict.expectation, verdict.passed], [text, passed], verdict.seen);
    assert.match(verdict.seen, pattern);
  });
}

/** Texts of results that are undetermined. */
const undecided =
  /no call to|unknown|repeat the request|combined|removed from|does not name|may or may not|had no answer|only the last/;

test('An expectation and its negation have opposite results, unless the result is undetermined', () => {
  let reversed = 0;
  for (const [seen, text, passed] of rows.filter(([, text]) => !text.startsWith('not '))) {
    const check = new ExpectationCheck(parseExpectation(`not ${text}`), planOf(seen));
    check.observe(seen);
    const verdict = check.verdict();
    if (passed) assert.equal(verdict.passed, false, text);
    else if (!undecided.test(verdict.seen)) assert.equal(verdict.passed, true, text);
    else continue;
    reversed++;
  }
  assert.ok(reversed > 40);
});

test('The calls of several answers are counted together', () => {
  const check = new ExpectationCheck(parseExpectation('reviews version v2 = 10%'), planOf(tree));
  for (let index = 0; index < 50; index++) check.observe(tree);
  assert.deepEqual(check.verdict(), {
    expectation: 'reviews version v2 = 10%',
    passed: true,
    seen: 'v1 ×450 (90%), v2 ×50 (10%)',
  });
});
