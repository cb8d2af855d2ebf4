import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CauseFinder } from '../../src/diff/causes/cause-finder.ts';
import { differencesOf } from '../../src/diff/compare/compare.ts';
import { neededModes } from '../../src/diff/compare/modes.ts';
import type { RequestPieces } from '../../src/diff/compare/pieces.ts';
import { evidenceOf } from '../../src/diff/engine/evidence.ts';
import type { Cause, Comparison, DifferenceKind, Observation } from '../../src/diff/model.ts';
import type { EdgeParts } from '../../src/diff/pieces/edge-parts.ts';
import { clusterChanges } from '../../src/diff/probes/cluster-changes.ts';
import { jsonReport, junitSuite } from '../../src/diff/report/data-reports.ts';
import { explainLine } from '../../src/diff/report/explain.ts';
import { markdownReport } from '../../src/diff/report/markdown-report.ts';
import { reportLines } from '../../src/diff/report/report-lines.ts';
import { textReport } from '../../src/diff/report/text-report.ts';
import { requestsFor } from '../../src/diff/requests/requests-for.ts';
import { SecretMarks, shownPath, withoutSecrets } from '../../src/diff/secret-values.ts';
import { expectationsOf } from '../../src/diff/written-cases/case-expectations.ts';
import { caseOfDifference, writeCases } from '../../src/diff/written-cases/write-cases.ts';
import { parseManifests } from '../../src/istio/resources/manifest.ts';
import { comparison, observation, outcome, probe, request, service, workload } from './make.ts';

const edge = { areRoutesKnown: false, hosts: ['front.default.svc.cluster.local'], receivers: [], gateways: [] };

function causeOf(kind: DifferenceKind, before: string, after: string): Cause | undefined {
  const [old, changed] = [before, after].map((text) => parseManifests([{ name: 'a.yaml', text }]));
  const callers = [{ namespace: 'default', name: 'web', labels: undefined }];
  const receivers = [{ namespace: 'default', name: 'front', labels: undefined }];
  return new CauseFinder(old ?? [], changed ?? [], 'default').causeOf(kind, {
    known: [],
    edge: { ...edge, callers, receivers },
    isRefusal: true,
  });
}

function virtualService(http: string): string {
  return `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: front }, spec: { hosts: [front], http: [${http}] } }`;
}

const secret = 'Basic c2VjcmV0';

test('no report shows the values of secret headers, but that they differ', () => {
  const setting = (value: string): string =>
    virtualService(
      `{ headers: { request: { set: { Authorization: "${value}" } } }, route: [{ destination: { host: front } }] }`,
    );
  const cause = causeOf('request_header', setting(secret), setting('Basic cGFzc3Rv'));
  const headers = [{ name: 'authorization', value: secret }];
  const text = `authorization=${secret}`;
  const one = probe({
    request: request({ headers, path: `/a?token=${secret}&b=1` }),
    conditions: [{ text, shown: 'authorization=(14 characters)', isSatisfied: true, aspect: 'header' }],
  });
  const other = probe({ conditions: [{ text, isSatisfied: false, aspect: 'header' }] });
  const evidence = evidenceOf(one, []);
  const seen = observation([outcome(service('reviews', 'v1'))], { evidence });
  const refused = observation([outcome({ kind: 'refused', reason: 'rbac_denied', by: 'callee' })], { evidence });
  const difference = { kind: 'refused', severity: 'refused', probe: one, from: '200', to: '403', cause } as const;
  const compared: Comparison = comparison({
    probes: [one, other],
    callers: [workload('productpage')],
    differences: [difference],
    observations: new Map([[one.id, { before: seen, after: refused }]]),
  });
  const settings = { namespace: 'default', tokenOf: () => undefined };
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
  assert.match(reports[0] ?? '', /Authorization: \(14 characters\) → \(14 characters, another value\)/);
  assert.match(reports[0] ?? '', / authorization=\(14 characters\) /);
  assert.match(reports[1] ?? '', /-H 'authorization: \(14 characters\)' 'http:.*\/a\?token=\(14 characters\)&b=1'/);
  assert.match(reports[2] ?? '', /"before": "\(14 characters\)",\n *"after": "\(14 characters, another value\)"/);
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
    '(5 characters)',
  );
  assert.equal(laterValue(route('{ name: x-color, value: one }'), route('{ name: x-color, value: three }')), 'three');
  const policy = (value: string): string =>
    `{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: front }, spec: { rules: [{ when: [{ key: "request.headers[cookie]", values: ["${value}"] }] }] } }`;
  assert.equal(laterValue(policy('a=1'), policy('a=12')), '(4 characters)');
  const whole = (value: string): string =>
    virtualService(
      `{ match: [{ headers: { x-token: { exact: "${value}" }, x-a: { exact: b } } }], retries: { attempts: 1 } }`,
    );
  assert.deepEqual(laterValue(virtualService('{}'), whole('abc')), {
    'x-token': { exact: '(3 characters)' },
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
    cause: undefined,
  } as const;
  const written = expectationsOf(one, seen, undefined, [difference]);
  assert.equal(
    written.kind === 'expectations' ? written.expect.at(-1) : written.reason,
    'reviews header authorization exists',
  );
});

test('parameters of redirects and of rewritten paths show the lengths of their values', () => {
  const one = probe({});
  const moved = (value: string): Observation =>
    observation([outcome({ kind: 'redirect', location: `http://a/in?token=${value}&b=1` }, { status: 302 })]);
  const settings = { falseAlarmRate: 1e-6, causeOf: () => undefined };
  const [old, changed] = [moved('secret1'), moved('secret2')];
  const [difference] = differencesOf(one, old, changed, settings);
  assert.ok(difference);
  assert.equal(difference.from, '302 to http://a/in?token=(7 characters)&b=1');
  assert.equal(difference.to, '302 to http://a/in?token=(7 characters, another value)&b=1');
  assert.deepEqual(expectationsOf(one, changed, old, [difference]), {
    kind: 'none',
    reason: 'the value of a parameter in the answer may be secret',
  });
  const redirect = (value: string): string => virtualService(`{ redirect: { uri: "/in?api_key=${value}" } }`);
  assert.deepEqual(causeOf('redirect', redirect('one'), redirect('two'))?.change, {
    before: { kind: 'value', value: '/in?api_key=(3 characters)' },
    after: { kind: 'value', value: '/in?api_key=(3 characters, another value)' },
  });
});

test("Envoy's conditions on secret headers show the lengths of their values", () => {
  const object = { headers: [{ name: 'Authorization', string_match: { exact: 'abc' }, invert_match: true }] };
  assert.deepEqual(withoutSecrets(object, ['headers', '0'], new SecretMarks()), {
    name: 'Authorization',
    string_match: { exact: '(3 characters)' },
    invert_match: true,
  });
  assert.equal(withoutSecrets(object, ['headers', '0', 'string_match', 'exact'], new SecretMarks()), '(3 characters)');
});

test('settings of clusters show the lengths of values of secret headers', () => {
  const parts = (value: string): EdgeParts => {
    const check = { request_headers_to_add: [{ header: { key: 'Authorization', value } }] };
    const clusters = [{ name: 'outbound|80||a', health_checks: [{ http_health_check: check }] }];
    return { sender: { clusters } } as unknown as EdgeParts;
  };
  const [listed] = clusterChanges(parts('one'), parts('two')).notCompared;
  assert.match(listed?.reason ?? '', /"\(3 characters\)".* → .*"\(3 characters, another value\)"/);
  assert.doesNotMatch(listed?.reason ?? '', /one|two/);
});

test('conditions on secret headers show the lengths of their values', () => {
  const side = (value: string) => ({
    virtualHost: {
      domains: ['*'],
      routes: [
        {
          match: { prefix: '/', headers: [{ name: 'authorization', string_match: { exact: value } }] },
          route: { cluster: 'a' },
        },
      ],
    },
    inboundFilters: [],
    callerIdentity: undefined,
  });
  const requests = requestsFor(
    { protocol: 'http', authority: 'a:80', port: 80, scheme: 'http', canSignFor: () => true },
    side(secret),
    side(secret),
  );
  const shown = requests.requests.flatMap(({ conditions }) => conditions.map((one) => one.shown));
  assert.ok(shown.includes('authorization=(14 characters)'));
  assert.equal(shownPath('/a?b=c&api-key=abc#d'), '/a?b=c&api-key=(5 characters)');
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
