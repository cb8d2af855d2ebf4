import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cause } from '../../src/diff/cause.ts';
import { CauseFinder } from '../../src/diff/causes/cause-finder.ts';
import { differencesOf } from '../../src/diff/compare/compare.ts';
import { neededModes } from '../../src/diff/compare/modes.ts';
import type { RequestPieces } from '../../src/diff/compare/pieces.ts';
import type { Comparison } from '../../src/diff/comparison.ts';
import type { DifferenceKind } from '../../src/diff/difference.ts';
import { evidenceOf } from '../../src/diff/engine/evidence.ts';
import type { Observation } from '../../src/diff/observation.ts';
import type { EdgeParts } from '../../src/diff/pieces/edge-parts.ts';
import { clusterChanges } from '../../src/diff/probes/cluster-changes.ts';
import { jsonReport, junitSuite } from '../../src/diff/report/data-reports.ts';
import { explainLine } from '../../src/diff/report/explain.ts';
import { markdownReport } from '../../src/diff/report/markdown-report.ts';
import { reportLines } from '../../src/diff/report/report-lines.ts';
import { textReport } from '../../src/diff/report/text-report.ts';
import { requestsFor } from '../../src/diff/requests/requests-for.ts';
import { withoutSecrets } from '../../src/diff/secret-fields.ts';
import { shownText } from '../../src/diff/secret-texts.ts';
import { SecretMarks, secretPart, shownPath } from '../../src/diff/secret-values.ts';
import { expectationsOf } from '../../src/diff/written-cases/case-expectations.ts';
import { caseOfDifference, writeCases } from '../../src/diff/written-cases/write-cases.ts';
import { parseManifests } from '../../src/istio/resources/manifest.ts';
import { comparison, observation, outcome, probe, request, service, workload } from './make.ts';

const edge = { areRoutesKnown: false, hosts: ['front.default.svc.cluster.local'], receivers: [], gateways: [] };

function causeOf(kind: DifferenceKind, before: string, after: string, secrets = new SecretMarks()): Cause | undefined {
  const [old, changed] = [before, after].map((text) => parseManifests([{ name: 'a.yaml', text }]));
  const callers = [{ namespace: 'default', name: 'web', labels: undefined }];
  const receivers = [{ namespace: 'default', name: 'front', labels: undefined }];
  const [cause] = new CauseFinder(old ?? [], changed ?? [], 'default', secrets).causesOf(kind, {
    known: [],
    edge: { ...edge, callers, receivers },
    isRefusal: true,
  });
  return cause;
}

function virtualService(http: string): string {
  return `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: front }, spec: { hosts: [front], http: [${http}] } }`;
}

const secret = 'Basic c2VjcmV0';

test('no report shows the values of secret headers, and all of them have the same text for the same value', () => {
  const secrets = new SecretMarks();
  const setting = (value: string): string =>
    virtualService(
      `{ headers: { request: { set: { Authorization: "${value}" } } }, route: [{ destination: { host: front } }] }`,
    );
  const cause = causeOf('request_header', setting(secret), setting('Basic cGFzc3Rv'), secrets);
  const headers = [{ name: 'authorization', value: secret }];
  const text = `authorization=${secret}`;
  const one = probe({
    request: request({ headers, path: `/a?token=${secret}&b=1` }),
    conditions: [{ text, shown: `authorization=${secrets.of(secret)}`, isSatisfied: true, aspect: 'header' }],
  });
  const other = probe({ conditions: [{ text, isSatisfied: false, aspect: 'header' }] });
  const evidence = evidenceOf(one, [], secrets);
  const seen = observation([outcome(service('reviews', 'v1'))], { evidence });
  const refused = observation([outcome({ kind: 'refused', reason: 'rbac_denied', by: 'callee' })], { evidence });
  const difference = {
    kind: 'refused',
    severity: 'refused',
    probe: one,
    from: '200',
    to: '403',
    causes: cause === undefined ? [] : [cause],
  } as const;
  const compared: Comparison = comparison({
    secrets,
    probes: [one, other],
    callers: [workload('productpage')],
    differences: [difference],
    observations: new Map([[one.id, { before: seen, after: refused }]]),
  });
  const settings = { namespace: 'default', tokenOf: () => undefined, secrets };
  const caseOf = () => caseOfDifference(difference, compared, settings);
  const [line] = reportLines(compared);
  assert.ok(line);
  const written = writeCases(compared, { ...settings, manifests: [], apply: [], needsFill: false, isEverything: true });
  const reports = [
    textReport(compared, { width: undefined, paint: (_, shown) => shown }),
    explainLine(line, compared, { width: undefined, caseOf }),
    jsonReport(compared),
    markdownReport(compared, caseOf),
    JSON.stringify(junitSuite(compared, (each) => explainLine(each, compared, { width: undefined, caseOf }))),
    JSON.stringify(written),
  ];
  for (const report of reports) assert.doesNotMatch(report, /c2VjcmV0|cGFzc3Rv/);
  assert.match(reports[0] ?? '', /Authorization: \(secret 1\) → \(secret 2\)/);
  assert.match(reports[0] ?? '', / authorization=\(secret 1\) /);
  assert.match(reports[1] ?? '', /-H 'authorization: \(secret 1\)' 'http:.*\/a\?token=\(secret 1\)&b=1'/);
  assert.match(reports[2] ?? '', /"before": "\(secret 1\)",\n *"after": "\(secret 2\)"/);
  assert.match(reports[3] ?? '', /Authorization: \(secret 1\) → \(secret 2\)/);
  assert.match(reports[4] ?? '', /Authorization: \(secret 1\) → \(secret 2\)/);
  assert.match(written.notWritten[0]?.reason ?? '', /^the value of the header authorization may be secret$/);
});

test('secret values are those of headers by their names, in objects of all kinds', () => {
  const laterValue = (before: string, after: string): unknown => {
    const state = causeOf('request_header', before, after)?.change?.after;
    return state?.kind === 'value' ? state.value : state?.kind;
  };
  const route = (filter: string): string =>
    `{ apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: { name: front }, spec: { parentRefs: [{ kind: Service, group: "", name: front }], rules: [{ filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [${filter}] } }] }] } }`;
  assert.equal(
    laterValue(route('{ name: X-Api-Key, value: one }'), route('{ name: X-Api-Key, value: three }')),
    '(secret 2)',
  );
  assert.equal(laterValue(route('{ name: x-color, value: one }'), route('{ name: x-color, value: three }')), 'three');
  const policy = (value: string): string =>
    `{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: front }, spec: { rules: [{ when: [{ key: "request.headers[cookie]", values: ["${value}"] }] }] } }`;
  assert.equal(laterValue(policy('a=1'), policy('a=12')), '(secret 2)');
  const whole = (value: string): string =>
    virtualService(
      `{ match: [{ headers: { x-token: { exact: "${value}" }, x-a: { exact: b } } }], retries: { attempts: 1 } }`,
    );
  assert.deepEqual(laterValue(virtualService('{}'), whole('abc')), {
    'x-token': { exact: '(secret 1)' },
    'x-a': { exact: 'b' },
  });
});

test('a written case expects that a request has a secret header, not its hidden value', () => {
  const one = probe({});
  const received = {
    ...{ method: 'GET', path: '/', authority: 'a', isMutualTls: true, identity: undefined, tls: undefined },
    headers: { authorization: '[redacted]' },
  };
  const seen = observation([outcome(service('reviews', 'v1'), { received })]);
  const from = 'callee gets authorization: none';
  const difference = {
    kind: 'request_header',
    severity: 'request',
    probe: one,
    from,
    to: '',
    causes: [],
  } as const;
  const written = expectationsOf(one, seen, undefined, [difference]);
  assert.equal(
    written.kind === 'expectations' ? written.expect.at(-1) : written.reason,
    'reviews header authorization exists',
  );
});

test('secret parameters of redirects and of rewritten paths are not shown', () => {
  const one = probe({});
  const moved = (value: string): Observation =>
    observation([outcome({ kind: 'redirect', location: `http://a/in?token=${value}&b=1` }, { status: 302 })]);
  const settings = { falseAlarmRate: 1e-6, causesOf: () => [], secrets: new SecretMarks() };
  const [old, changed] = [moved('secret1'), moved('secret2')];
  const [difference] = differencesOf(one, old, changed, settings);
  assert.ok(difference);
  assert.equal(difference.from, '302 to http://a/in?token=(secret 1)&b=1');
  assert.equal(difference.to, '302 to http://a/in?token=(secret 2)&b=1');
  assert.deepEqual(expectationsOf(one, changed, old, [difference]), {
    kind: 'none',
    reason: 'a part of the answer may be secret',
  });
  const redirect = (value: string): string => virtualService(`{ redirect: { uri: "/in?api_key=${value}" } }`);
  assert.deepEqual(causeOf('redirect', redirect('one'), redirect('two'))?.change, {
    before: { kind: 'value', value: '/in?api_key=(secret 1)' },
    after: { kind: 'value', value: '/in?api_key=(secret 2)' },
  });
});

test("the values of Envoy's conditions on secret headers are not shown", () => {
  const object = { headers: [{ name: 'Authorization', string_match: { exact: 'abc' }, invert_match: true }] };
  assert.deepEqual(withoutSecrets(object, ['headers', '0'], new SecretMarks()), {
    name: 'Authorization',
    string_match: { exact: '(secret 1)' },
    invert_match: true,
  });
  assert.equal(withoutSecrets(object, ['headers', '0', 'string_match', 'exact'], new SecretMarks()), '(secret 1)');
});

test('settings of clusters do not show the values of secret headers', () => {
  const parts = (value: string): EdgeParts => {
    const check = { request_headers_to_add: [{ header: { key: 'Authorization', value } }] };
    const clusters = [{ name: 'outbound|80||a', health_checks: [{ http_health_check: check }] }];
    return { sender: { clusters } } as unknown as EdgeParts;
  };
  const [listed] = clusterChanges(parts('one'), parts('two'), new SecretMarks()).notCompared;
  assert.match(listed?.reason ?? '', /"\(secret 1\)".* → .*"\(secret 2\)"/);
  assert.doesNotMatch(listed?.reason ?? '', /one|two/);
});

test('conditions on secret headers differ in reports if their values differ, also with the same length', () => {
  const side = (match: Readonly<Record<string, string>>) => ({
    virtualHost: {
      domains: ['*'],
      routes: [
        {
          match: { prefix: '/', headers: [{ name: 'authorization', string_match: match }] },
          route: { cluster: 'a' },
        },
      ],
    },
    inboundFilters: [],
    callerIdentity: undefined,
  });
  const secrets = new SecretMarks();
  type Match = Readonly<Record<string, string>>;
  const shownFor = (before: Match, after: Match): (string | undefined)[] => {
    const { requests } = requestsFor(
      { protocol: 'http', authority: 'a:80', port: 80, scheme: 'http', canSignFor: () => true, secrets },
      side(before),
      side(after),
    );
    return [...new Set(requests.flatMap(({ conditions }) => conditions.map((one) => one.shown)))];
  };
  assert.deepEqual(shownFor({ exact: 'one' }, { exact: 'two' }), [
    'authorization=(secret 1)',
    'authorization=(secret 2)',
  ]);
  assert.deepEqual(shownFor({ exact: 'one' }, { prefix: 'one' }), [
    'authorization=(secret 1)',
    'authorization=(secret 1)*',
  ]);
  assert.equal(shownPath('/a?b=c&api-key=two#d', secrets), '/a?b=c&api-key=(secret 3)');
});

test('variables of proxies do not show secrets', () => {
  const object = { environmentVariables: { API_TOKEN: 'abc', COLOR: 'red' } };
  assert.deepEqual(withoutSecrets(object, ['environmentVariables'], new SecretMarks()), {
    API_TOKEN: '(secret 1)',
    COLOR: 'red',
  });
});

test('secrets in bodies and programs are not shown, as far as their names and forms tell them', () => {
  const shown = (text: string): string => shownText(text, new SecretMarks());
  const texts: readonly (readonly [string, string])[] = [
    ['{"user": "a", "api_key": "k-1"}', '{"user": "a", "api_key": "(secret 1)"}'],
    [String.raw`{\"token\":\"k-1\"}`, String.raw`{\"token\":\"(secret 1)\"}`],
    ['user: a\npassword: k-1\n', 'user: a\npassword: (secret 1)\n'],
    ['headers():add("authorization", "Basic k")', 'headers():add("authorization", "(secret 1)")'],
    ['if h:get("x-token") ~= "k-1" then', 'if h:get("x-token") ~= "(secret 1)" then'],
    ["keys = { ['client-secret'] = 'k-1' }", "keys = { ['client-secret'] = '(secret 1)' }"],
    [`body: '{"token":"k-1"}'`, `body: '{"token":"(secret 1)"}'`],
    ['command=--token=k-1', 'command=--token=(secret 1)'],
    [String.raw`{"password": "k\"1"}`, '{"password": "(secret 1)"}'],
    ['password: "k-1', 'password: "(secret 1)'],
    ['local token = handle:get("x")', 'local token = handle:get("x")'],
    ['curl -H "Authorization: Bearer abc123"', 'curl -H "Authorization: Bearer (secret 1)"'],
    ['see https://joe:k-1@a.example/', 'see https://joe:(secret 1)@a.example/'],
    ['"eyJhbGciOi.eyJzdWIi.c2ln" and "eyJhbGciOi.eyJzdWIi.b3Ro"', '"(secret 1)" and "(secret 2)"'],
    ['a token is missing; Basic authentication', 'a token is missing; Basic authentication'],
    ['callee gets host token-service:8080', 'callee gets host token-service:8080'],
    ['callee gets x-token: none', 'callee gets x-token: none'],
    ['credentialName: shop-cert, max_tokens: 5', 'credentialName: shop-cert, max_tokens: 5'],
    ['{"token":12345,"token_limit":5}', '{"token":(secret 1),"token_limit":5}'],
    ['{"secrets": ["k-1", "k-2"]}', '{"secrets": (secret 1)}'],
    ['password: |\n  k-1\n  k-2\nuser: a', 'password: (secret 1)\nuser: a'],
    ['local token = [[k-1]]', 'local token = [[(secret 1)]]'],
    ['Authorization: ApiKey k-1', 'Authorization: (secret 1)'],
    ['authorization: Bearer letters', 'authorization: Bearer (secret 1)'],
    ['Cookie: color=red; sid=k-1', 'Cookie: (secret 1)'],
    ['see https://joe:k@1@a.example/', 'see https://joe:(secret 1)@a.example/'],
    ['{"kty":"oct","k":"c2VjcmV0LXNlY3JldA"}', '{"kty":"oct","k":"(secret 1)"}'],
    [
      '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIk\n-----END RSA PRIVATE KEY-----',
      '-----BEGIN RSA PRIVATE KEY-----(secret 1)-----END RSA PRIVATE KEY-----',
    ],
    ['{"error":"invalid_token","reason":"expired"}', '{"error":"invalid_token","reason":"expired"}'],
  ];
  for (const [text, expected] of texts) {
    assert.equal(shown(text), expected);
    assert.equal(shown(expected), expected, 'a text without secrets stays as it is');
  }
});

test('a secret has one number, also where a report cuts or wraps the text in its place', () => {
  const one = probe({});
  const secrets = new SecretMarks();
  const settings = { falseAlarmRate: 1e-6, causesOf: () => [], secrets };
  const direct = (body: string): Observation => observation([outcome({ kind: 'direct', body })]);
  const numbersIn = (text: string): string[] => text.match(/\(secret \d+/g) ?? [];
  for (const length of Array.from({ length: 40 }, (_, index) => index)) {
    const name = 'x '.repeat(length);
    const body = (version: number): string => `{"${name}":${version},"password":"hunter"}`;
    const [difference] = differencesOf(one, direct(body(1)), direct(body(2)), settings);
    const call = { target: 'a:80', scheme: 'http', status: 200, answeredBy: 'foreign', durationMs: 1, body: body(1) };
    const { tree } = evidenceOf(one, [call as never], secrets);
    const found = numbersIn(`${difference?.from} ${difference?.to} ${tree}`);
    assert.deepEqual(new Set(found).difference(new Set(['(secret 1'])), new Set());
  }
  assert.equal(secrets.of('another'), '(secret 2)');
});

test('values and parameters with harmless names do not show tokens and passwords, and get no case', () => {
  const token = 'eyJhbGciOi.eyJzdWIi.c2ln';
  const secrets = new SecretMarks();
  const next = 'https://joe:k-1@a.example/';
  const headers = [{ name: 'x-user', value: token }];
  const { command } = evidenceOf(probe({ request: request({ headers, path: `/a?next=${next}` }) }), [], secrets);
  assert.match(command, /-H 'x-user: \(secret 2\)' 'http:.*\/a\?next=https:\/\/joe:\(secret 1\)@a.example\/'/);
  assert.equal(secretPart(request({ headers })), 'header x-user');
  assert.equal(secretPart(request({ path: `/a?next=${next}` })), 'parameter of the path');
  assert.equal(secretPart(request({ headers: [{ name: 'x-user', value: 'jason' }] })), undefined);
});

test('texts of foreign servers with many quotes and backslashes take no long time', () => {
  const texts = ['\\', '"', 'a-', 'token', '"token":[', 'Bearer ', '://a:', 'token: |\n '].map((part) =>
    part.repeat(50_000),
  );
  for (const text of texts) {
    const startMs = process.cpuUsage().user / 1000;
    shownText(text, new SecretMarks());
    assert.ok(process.cpuUsage().user / 1000 - startMs < 2000, text.slice(0, 20));
  }
});

test('secrets in settings of filters and plugins are not shown, and other settings are', () => {
  const changeOf = (before: string, after: string): unknown => causeOf('status', before, after)?.change;
  const plugin = (key: string, limit: number): string =>
    `{ apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin, metadata: { name: front }, spec: { pluginConfig: { oauth: { client_secret: ${key}, token_bucket: { max_tokens: ${limit}, fill_interval: 1s } } } } }`;
  assert.deepEqual(changeOf(plugin('one', 5), plugin('two', 5)), {
    before: { kind: 'value', value: '(secret 1)' },
    after: { kind: 'value', value: '(secret 2)' },
  });
  assert.deepEqual(changeOf(plugin('one', 5), plugin('one', 6)), {
    before: { kind: 'value', value: 5 },
    after: { kind: 'value', value: 6 },
  });
  const lua = (key: string): string =>
    `{ apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: { name: front }, spec: { configPatches: [{ applyTo: HTTP_FILTER, patch: { operation: INSERT_BEFORE, value: { name: lua, typed_config: { inline_code: 'h:headers():add("x-api-key", "${key}")' } } } }] } }`;
  assert.deepEqual(changeOf(lua('one'), lua('two')), {
    before: { kind: 'value', value: 'h:headers():add("x-api-key", "(secret 1)")' },
    after: { kind: 'value', value: 'h:headers():add("x-api-key", "(secret 2)")' },
  });
  const bytes = (text: string): string =>
    virtualService(`{ directResponse: { status: 200, body: { bytes: ${Buffer.from(text).toString('base64')} } } }`);
  assert.deepEqual(causeOf('direct_answer', bytes('token: one'), bytes('token: two'))?.change, {
    before: { kind: 'value', value: '(secret 1)' },
    after: { kind: 'value', value: '(secret 2)' },
  });
});

test('bodies of direct answers that differ only behind their beginnings are a difference, without the secrets', () => {
  const one = probe({});
  const direct = (body: string): Observation => observation([outcome({ kind: 'direct', body })]);
  const settings = { falseAlarmRate: 1e-6, causesOf: () => [], secrets: new SecretMarks() };
  const textsOf = (before: string, after: string): readonly string[] =>
    differencesOf(one, direct(before), direct(after), settings).flatMap(({ from, to }) => [from, to]);
  const start = 'The shop is closed until ';
  assert.deepEqual(textsOf(`${start}Monday`, `${start}Sunday`), [
    '200 direct response "…d until Monday"',
    '200 direct response "…d until Sunday"',
  ]);
  const [from = '', to = ''] = textsOf('{"state": "open", "token": "one"}', '{"state": "open", "token": "two"}');
  assert.match(from, /secret 1/);
  assert.match(to, /secret 2/);
  assert.deepEqual(textsOf(start, start), []);
  const written = expectationsOf(one, direct('{"token":"one"}'), direct('{"token":"two"}'), []);
  assert.deepEqual(written, { kind: 'none', reason: 'a part of the answer may be secret' });
});

test('other values of a secret header are listed, since replies hide them', () => {
  const pieces = (value: string | undefined): RequestPieces => ({
    route: {
      route: { cluster: 'a' },
      ...(value === undefined ? {} : { request_headers_to_add: [{ header: { key: 'Authorization', value } }] }),
    } as never,
    cluster: undefined,
    protocol: 'http',
    podsOf: () => [],
    showsAnswerHeaders: false,
  });
  const listed = (before: string | undefined, after: string | undefined): string[] =>
    neededModes(pieces(before), pieces(after)).notCompared.map(({ subject }) => subject);
  assert.deepEqual(listed('a', 'b'), ['header authorization of requests']);
  assert.deepEqual(listed('a', 'a'), []);
  assert.deepEqual(listed(undefined, 'a'), [], 'requests show whether they have it');
});
