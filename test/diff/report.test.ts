import assert from 'node:assert/strict';
import { test } from 'node:test';
import { junitXml } from '../../src/cli/output/junit.ts';
import { differencesOf } from '../../src/diff/compare/compare.ts';
import type { Comparison } from '../../src/diff/comparison.ts';
import type { Observation, Outcome } from '../../src/diff/observation.ts';
import type { Caller, Probe, ProbeCondition } from '../../src/diff/probe.ts';
import { exitCodeOf, jsonReport, junitSuite } from '../../src/diff/report/data-reports.ts';
import { explainLine } from '../../src/diff/report/explain.ts';
import { markdownReport } from '../../src/diff/report/markdown-report.ts';
import { reportLines } from '../../src/diff/report/report-lines.ts';
import { textReport } from '../../src/diff/report/text-report.ts';
import { SecretMarks } from '../../src/diff/secret-values.ts';
import {
  comparison,
  condition,
  destination,
  noLonger,
  observation,
  outcome,
  probe,
  request,
  service,
  workload,
} from './make.ts';

const settings = {
  secrets: new SecretMarks(),
  falseAlarmRate: 1e-6,
  causesOf: (_: unknown, { causes }: Probe) => causes.slice(0, 1),
};
const denied = outcome({ kind: 'refused', reason: 'rbac_denied', by: 'callee' });

interface Pair {
  readonly probe: Probe;
  readonly before: Observation;
  readonly after: Observation;
}

function compared(pairs: readonly Pair[], overrides: Partial<Comparison> = {}): Comparison {
  return comparison({
    probes: pairs.map((pair) => pair.probe),
    differences: pairs.flatMap((pair) => differencesOf(pair.probe, pair.before, pair.after, settings)),
    observations: new Map(pairs.map((pair) => [pair.probe.id, { before: pair.before, after: pair.after }])),
    ...overrides,
  });
}

const plainText = { width: undefined, paint: (_severity: unknown, text: string): string => text };

/** Returns an equal pair for each other combination of two conditions. */
function otherRequests(base: Partial<Probe>, conditions: readonly ProbeCondition[]): Pair[] {
  return [
    [true, false],
    [false, true],
    [false, false],
  ].map((truth, index) => ({
    probe: probe({
      ...base,
      routes: 'route 1, route 1',
      request: request({ path: `/other/${index}` }),
      conditions: conditions.map((one, at) => ({ ...one, isSatisfied: truth[at] ?? false })),
    }),
    before: observation([outcome(service('any', 'v1'))]),
    after: observation([outcome(service('any', 'v1'))]),
  }));
}

/** The example of the issue: four services and a gateway, with a change of each kind. */
function example(): Comparison {
  const jason = [condition('/reviews*', true, 'path'), condition('end-user=jason', true)];
  const cause = { kind: 'VirtualService', namespace: 'default', name: 'reviews', place: 'http[0]', where: undefined };
  const ratings = { ...cause, name: 'ratings' };
  const shares = { kind: 'shares', count: 600, configured: [100, 90, 10] } as const;
  const details = destination('details');
  const post = [condition('POST', true, 'method'), condition('/details/*', true, 'path')];
  const gateway: Caller = { kind: 'gateway', gateway: 'shop/front', host: 'shop.example', port: 80, scheme: 'http' };
  const slow = { kind: 'slow', delayMs: 1025, timeoutsMs: [500], longerMs: noLonger } as const;
  const failing = { kind: 'failing', failure: { kind: 'status', status: 503 } } as const;
  const policy = { kind: 'AuthorizationPolicy', namespace: 'default', name: 'details-viewer', place: 'rules[0]' };
  return compared([
    {
      probe: probe({ mode: shares, conditions: jason, causes: [cause], request: request({ path: '/reviews' }) }),
      before: observation([outcome(service('reviews', 'v2'), { count: 600 })]),
      after: observation([
        outcome(service('reviews', 'v2'), { count: 543 }),
        outcome(service('reviews', 'v3'), { count: 57 }),
      ]),
    },
    ...otherRequests({}, jason),
    {
      probe: probe({
        caller: workload('ratings'),
        destination: details,
        conditions: post,
        request: request({ method: 'POST', path: '/details/1' }),
        causes: [{ ...policy, where: undefined }],
      }),
      before: observation([outcome(service('details', 'v1'), { status: 201 })]),
      after: observation([denied]),
    },
    ...otherRequests({ caller: workload('ratings'), destination: details }, post),
    {
      probe: probe({
        destination: destination('ratings'),
        mode: slow,
        causes: [{ ...ratings, place: 'http[0].timeout' }],
      }),
      before: observation([outcome(service('ratings', 'v1'))], { durationMs: 1030 }),
      after: observation([outcome({ kind: 'refused', reason: 'timeout', by: 'caller' }, { status: 504 })], {
        durationMs: 504,
      }),
    },
    {
      probe: probe({
        destination: destination('ratings'),
        mode: failing,
        causes: [{ ...ratings, place: 'http[0].retries' }],
      }),
      before: observation([outcome(service('ratings', 'v1'), { status: 503 })], { attempts: 3 }),
      after: observation([outcome(service('ratings', 'v1'), { status: 503 })], { attempts: 1 }),
    },
    {
      probe: probe({
        caller: gateway,
        destination: { name: 'shop.example', host: 'shop.example', port: 80, workloads: [] },
        conditions: [condition('/cart', true, 'path')],
        request: request({ path: '/cart' }),
        causes: [{ ...cause, name: 'shop', namespace: 'shop', place: undefined }],
      }),
      before: observation([outcome(service('cart', 'v1'))]),
      after: observation([outcome({ kind: 'refused', reason: 'no_route', by: 'gateway' }, { status: 404 })]),
    },
  ]);
}

test('a report has a line for each behaviour that differs, the worst first', () => {
  assert.equal(
    textReport(example(), plainText),
    `4 of 182 edges and 1 gateway have another configuration. 212 requests were compared, 5 behaviours differ.

1  ratings → details       POST /details/*             201 details v1     → 403 rbac_denied   AuthorizationPolicy details-viewer, rules[0]
2  shop.example            any                         200 cart v1        → 404 no_route      VirtualService shop (gateway shop/front)
3  productpage → reviews   /reviews*  end-user=jason   v2 100%            → v2 90%, v3 10%    VirtualService reviews, http[0]
4  productpage → ratings   any                         times out: never   → after 500 ms      VirtualService ratings, http[0].timeout
5  productpage → ratings   on 503                      2 retries          → none              VirtualService ratings, http[0].retries

--explain N shows a difference with its requests and answers.
`,
  );
});

test('a report fits a narrow terminal', () => {
  const text = textReport(example(), { ...plainText, width: 60 });
  assert.ok(text.split('\n').every((line) => line.length <= 60));
  assert.match(text, /details-viewer/);
});

test('Markdown has a table and folds the details', () => {
  const text = markdownReport(example(), () => 'name: a case');
  assert.match(text, /^### meshmock diff\n\n4 of 182 edges/);
  assert.match(text, /\| 1 \| ratings → details \| `POST \/details\/\*` \| `201 details v1` \| `403 rbac_denied` \|/);
  assert.equal(text.match(/<details>/g)?.length, 5);
  assert.match(text, /curl -g 'localhost:1\/@reviews\/'/);
});

test('Markdown stays under its limit, and says that it was cut', () => {
  const pairs = Array.from({ length: 900 }, (_, index) => ({
    probe: probe({ destination: destination(`service-${index}`), causes: [] }),
    before: observation([outcome(service(`service-${index}`, `v${index}`))]),
    after: observation([denied]),
  }));
  const different = pairs.map((pair, index) => ({
    ...pair,
    after: observation([outcome(service('other', `v${index}`))]),
  }));
  const text = markdownReport(compared(different), () => undefined);
  assert.ok(text.length < 60_000, String(text.length));
  assert.match(text, /The report was cut at 60000 characters. `meshmock diff` prints all 900 differences/);
});

test('names and values cannot break out of a table of Markdown', () => {
  const pair = {
    probe: probe({ destination: destination('a|b <b> @team') }),
    before: observation([outcome({ kind: 'direct', body: '`x` | </details>' })]),
    after: observation([denied]),
  };
  const text = markdownReport(compared([pair]), () => undefined);
  const row = text.split('\n').find((line) => line.startsWith('| 1 |')) ?? '';
  assert.equal(row.match(/(?<!\\)\|/g)?.length, 7);
  assert.doesNotMatch(row, /<b>|@team/);
});

test('JSON has each difference with its probes', () => {
  const { differences } = JSON.parse(jsonReport(example()));
  assert.equal(differences.length, 5);
  assert.deepEqual(
    [differences[0].severity, differences[0].callers, differences[0].destinations, differences[0].probes.length],
    ['refused', ['ratings.default'], ['details.default.svc.cluster.local:9080'], 1],
  );
});

test('JUnit has a failure for each difference, and one case that passed if there is none', () => {
  const { cases } = junitSuite(example(), () => 'why');
  assert.equal(cases.length, 5);
  assert.ok(cases.every(({ outcome: { kind } }) => kind === 'failure'));
  const equal = junitSuite(comparison(), () => '');
  assert.deepEqual(equal.cases[0]?.outcome, { kind: 'passed', output: '212 requests were compared' });
});

test('JUnit has the place of a cause, and skips what was not compared', () => {
  const cause = {
    kind: 'VirtualService',
    namespace: 'default',
    name: 'reviews',
    place: 'http[0]',
    where: 'new.yaml:35',
  };
  const pair = {
    probe: probe({ causes: [cause] }),
    before: observation([outcome(service('reviews', 'v1'))]),
    after: observation([denied]),
  };
  const notCompared = { subject: 'web → stock', reason: 'no mock receives these requests' };
  const { cases } = junitSuite(compared([pair], { notCompared: [notCompared, notCompared] }), () => 'why');
  assert.deepEqual(
    cases.map(({ name, position, outcome: { kind } }) => [
      kind,
      position?.file,
      position?.line,
      name.includes('stock'),
    ]),
    [
      ['failure', 'new.yaml', 35, false],
      ['skipped', undefined, undefined, true],
    ],
  );
  assert.match(
    junitXml([junitSuite(comparison({ notCompared: [notCompared] }), () => '')]),
    / tests="2" .* skipped="1"/,
  );
});

test('each format has the possible causes, if one of several is the cause', () => {
  const [one, other] = ['new.yaml:4', 'new.yaml:9'].map((where, index) => ({
    ...{ kind: 'ServiceEntry', namespace: 'default', name: `partner-${index}`, place: 'hosts[0]', where },
    change: { before: { kind: 'value', value: index }, after: { kind: 'absent' } } as const,
  }));
  assert.ok(one !== undefined && other !== undefined);
  const words = comparison({
    differences: [
      { kind: 'refused', severity: 'refused', probe: probe(), from: '200', to: '403', causes: [one, other] },
    ],
  });
  const text = 'one of: ServiceEntry partner-0, hosts[0]; ServiceEntry partner-1, hosts[0]';
  const [line] = reportLines(words);
  assert.ok(line);
  const explained = explainLine(line, words, { width: undefined, caseOf: () => undefined });
  assert.ok(explained.includes(`cause: ${text}\n       new.yaml:4\n       new.yaml:9\n`));
  assert.ok(
    textReport(words, { width: undefined, paint: (_, shown) => shown }).includes(`${text}  new.yaml:4 and 1 more`),
  );
  const [first] = JSON.parse(jsonReport(words)).differences;
  assert.deepEqual([first.cause, first.where, first.before], [text, ['new.yaml:4', 'new.yaml:9'], undefined]);
  assert.ok(
    markdownReport(words, () => undefined)
      .replaceAll('\\', '')
      .includes(text),
  );
});

test('each format shows the values of the field that is the cause', () => {
  const shown = (before: unknown, after: unknown, others: readonly unknown[] = []): Comparison =>
    compared(
      [after, ...others].map((one, index) => ({
        probe: probe({
          caller: workload(`web-${index}`),
          causes: [
            {
              kind: 'VirtualService',
              namespace: 'default',
              name: 'cart',
              place: 'http[0].retries.retryOn',
              where: 'new.yaml:65',
              change: { before: { kind: 'value', value: before }, after: { kind: 'value', value: one } },
            },
          ],
        }),
        before: observation([outcome(service('reviews', 'v1'))]),
        after: observation([denied]),
      })),
    );
  const words = shown('5xx', 'connect-failure');
  const text = 'VirtualService cart, http[0].retries.retryOn: 5xx → connect-failure';
  assert.ok(textReport(words, plainText).includes(`${text}  new.yaml:65`));
  assert.ok(markdownReport(words, () => undefined).includes(text.replace('[0]', '\\[0\\]')));
  const [line] = reportLines(words);
  assert.ok(line);
  assert.ok(explainLine(line, words, { width: undefined, caseOf: () => undefined }).includes(`cause: ${text}\n`));
  const [first] = JSON.parse(jsonReport(words)).differences;
  assert.deepEqual([first.before, first.after], ['5xx', 'connect-failure']);
  const [failure] = junitSuite(words, () => 'why').cases;
  assert.ok(failure?.outcome.kind === 'failure' && failure.outcome.message.includes(text));
  assert.doesNotMatch(textReport(shown('5xx', 'reset', ['409']), plainText), /retryOn:/, 'callers with other values');
  const path = `/${'a'.repeat(60)}`;
  const long = textReport(shown(`${path}/b/c`, `${path}/d/c`), plainText);
  assert.match(long, /retryOn: …aaaaaaa\/b\/c → …aaaaaaa\/d\/c {2}new/);
});

test('the reports for programs and pull requests have the warnings about the new manifests', () => {
  const warning = 'subset canary: no pod of cart has version=V2 (new.yaml:12:5)';
  const warned = { ...example(), warnings: [warning] };
  assert.ok(
    markdownReport(warned, () => undefined).includes(
      `\nWarnings about the new manifests:\n\n- ${warning}\n\n<details>`,
    ),
  );
  assert.deepEqual(JSON.parse(jsonReport(warned)).warnings, [warning]);
  assert.ok(junitXml([junitSuite(warned, () => '')]).includes(`<system-out>warning: ${warning}</system-out>`));
  assert.doesNotMatch(
    markdownReport(example(), () => undefined),
    /Warnings/,
  );
});

test('the exit code depends on the severities that --fail-on lists', () => {
  const lines = reportLines(example());
  assert.equal(exitCodeOf(lines, []), 1);
  assert.equal(exitCodeOf(lines, ['refused']), 1);
  assert.equal(exitCodeOf(lines, ['allowed']), 0);
  assert.equal(exitCodeOf([], []), 0);
});

test('an explanation shows both trees side by side if the terminal is wide enough', () => {
  const whole = example();
  const [line] = reportLines(whole);
  assert.ok(line !== undefined);
  const wide = explainLine(line, whole, { width: 120, caseOf: () => undefined });
  assert.match(wide, /before {2,}after\n/);
  const narrow = explainLine(line, whole, { width: 40, caseOf: () => 'name: a case' });
  assert.match(narrow, /\nafter\n/);
  assert.match(narrow, /case for meshmock test, which holds after the change:\n {2}name: a case/);
});

test('an explanation shows what the trees of one answer do not: counts, times, attempts, and what the callee does', () => {
  const whole = example();
  const [, , shares, slow, failing] = reportLines(whole).map((line) =>
    explainLine(line, whole, { width: undefined, caseOf: () => undefined }),
  );
  assert.match(
    shares ?? '',
    /\n600 requests: +600 requests:\n {2}600 × 200 reviews v2 +543 × 200 reviews v2\n +57 × 200 reviews v3\n/,
  );
  assert.match(shares ?? '', /\nin a cluster, 600 times:\n/);
  assert.match(slow ?? '', /\ntime: 1030 ms +time: 504 ms\n/);
  assert.match(slow ?? '', /\nin a cluster:\n {2}curl .*\n {2}while ratings follows \/~delay=1025ms\n/);
  assert.match(failing ?? '', /\n3 attempts +1 attempt\n/);
});

test('an explanation names all callers and destinations of its line', () => {
  const names = ['web', 'api', 'jobs', 'mail', 'cart'];
  const whole = compared(
    names.map((name) => ({
      probe: probe({
        caller: workload('shop'),
        destination: destination(name),
        speaksFor: names.map((one) => workload(one)),
      }),
      before: observation([outcome(service(name, 'v1'))]),
      after: observation([denied]),
    })),
    { callers: [...names, 'shop', 'other'].map((name) => workload(name)) },
  );
  const [line] = reportLines(whole);
  assert.ok(line);
  const text = explainLine(line, whole, { width: undefined, caseOf: () => undefined });
  assert.match(
    text,
    /\ncallers: api\.\w+, cart\.\w+, jobs\.\w+, mail\.\w+, web\.\w+\ndestinations: api, cart, jobs, mail, web\n/,
  );
});

test('callers that differ in the same way are one line', () => {
  const names = ['web', 'api', 'jobs', 'mail', 'cart'];
  const pairs = names.map((name) => ({
    probe: probe({ caller: workload(name, 'shop') }),
    before: observation([outcome(service('reviews', 'v1'))]),
    after: observation([denied]),
  }));
  const edges = (callers: readonly Caller[]): string[] =>
    reportLines(compared(pairs, { callers })).map(({ edge }) => edge);
  const all = names.map((name) => workload(name, 'shop'));
  assert.deepEqual(edges(all), ['all callers → reviews']);
  assert.deepEqual(edges([...all, workload('other')]), ['all callers in namespace shop → reviews']);
  assert.deepEqual(edges([...all, workload('more', 'shop')]), ['api, cart, jobs and 2 more → reviews']);
});

test('all callers are those that are not workloads of the destination itself', () => {
  const reviews = { ...destination('reviews'), workloads: ['default/reviews-v1'] };
  const pairs = ['web', 'api'].map((name) => ({
    probe: probe({ caller: workload(name), destination: reviews }),
    before: observation([outcome(service('reviews', 'v1'))]),
    after: observation([denied]),
  }));
  const callers = ['web', 'api', 'reviews-v1'].map((name) => workload(name));
  assert.deepEqual(
    reportLines(compared(pairs, { callers })).map(({ edge }) => edge),
    ['all callers → reviews'],
  );
});

test('failures of the callee that differ in the same way for the same requests are one line', () => {
  const failing = (status: number, name: string, attempts: number, over: Partial<Probe> = {}): Pair => ({
    probe: probe({ caller: workload(name), mode: { kind: 'failing', failure: { kind: 'status', status } }, ...over }),
    before: observation([outcome(service('reviews', 'v1'), { status })], { attempts }),
    after: observation([outcome(service('reviews', 'v1'), { status })], { attempts: 1 }),
  });
  const lines = (pairs: readonly Pair[]): string[] =>
    reportLines(compared(pairs)).map(({ edge, requests, from }) => `${edge} ${requests}: ${from}`);
  const both = ['web', 'api'].flatMap((name) => [failing(503, name, 3), failing(500, name, 3)]);
  assert.deepEqual(lines(both), ['api, web → reviews on 500, 503: 2 retries']);
  assert.deepEqual(lines([failing(503, 'web', 3), failing(500, 'web', 2)]), [
    'web → reviews on 500: 1 retry',
    'web → reviews on 503: 2 retries',
  ]);
  const jason = (isSatisfied: boolean): Partial<Probe> => ({
    conditions: [condition('end-user=jason', isSatisfied)],
    routes: String(isSatisfied),
    request: request({ path: `/${isSatisfied}` }),
  });
  const other = failing(500, 'web', 1, jason(false));
  assert.deepEqual(
    lines([
      failing(500, 'web', 3, jason(true)),
      other,
      failing(503, 'web', 3, jason(true)),
      failing(503, 'web', 3, jason(false)),
    ]),
    ['web → reviews /*  end-user=jason  on 500: 2 retries', 'web → reviews on 503: 2 retries'],
    'other requests',
  );
});

test('protocols that differ in the same way are one line, and others are named', () => {
  const over = (protocol: 'http' | 'grpc', to: Outcome): Pair => ({
    probe: probe({
      destination: destination('reviews', protocol === 'http' ? 8080 : 9090),
      request: request({ protocol }),
    }),
    before: observation([outcome(service('reviews', 'v1'))]),
    after: observation([to]),
  });
  const lines = (pairs: readonly Pair[]): string[] => reportLines(compared(pairs)).map(({ requests }) => requests);
  const v2 = outcome(service('reviews', 'v2'));
  assert.deepEqual(lines([over('http', v2), over('grpc', v2)]), ['any']);
  assert.deepEqual(lines([over('http', v2), over('grpc', outcome(service('reviews', 'v3')))]), ['any', 'any (gRPC)']);
});

test('destinations that differ in the same way are one line', () => {
  const pairs = ['a', 'b', 'c'].map((name) => ({
    probe: probe({ caller: { kind: 'outside' }, destination: destination(name) }),
    before: observation([outcome(service(name, 'v1'))]),
    after: observation([outcome({ kind: 'none', code: 'reset' }, { status: undefined })]),
  }));
  const [line, another] = reportLines(compared(pairs));
  assert.deepEqual([line?.edge, line?.from, line?.to], ['outside → 3 services: a, b, c', '200', 'no answer (reset)']);
  assert.equal(another, undefined);
});

test('equal snapshots have a report without lines', () => {
  const text = textReport(
    comparison({ counts: { edges: 3, changedEdges: 1, gateways: 0, changedGateways: 0, requests: 1 } }),
    plainText,
  );
  assert.equal(text, '1 of 3 edges has another configuration. 1 request was compared, no behaviour differs.\n');
});

test('JSON and Markdown name the edges with another configuration, and those without a difference', () => {
  const changedEdges = [
    { edge: 'web → stock', count: 1, differs: true },
    { edge: 'all callers → cart', count: 3, differs: false },
  ];
  const compared = comparison({ changedEdges });
  assert.deepEqual(JSON.parse(jsonReport(compared)).changedEdges, changedEdges);
  assert.match(
    markdownReport(compared, () => undefined),
    /other behaviour:\n {2}web → stock \(1\)\nedges .* show no difference:\n {2}all callers → cart \(3\)\n/,
  );
});
