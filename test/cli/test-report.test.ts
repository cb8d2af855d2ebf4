import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { parseCaseFile } from '../../src/cli/files/case-file.ts';
import { junitXml } from '../../src/cli/output/junit.ts';
import { type CaseResult, type FileResult, refusedTitle } from '../../src/cli/test/case-result.ts';
import { jsonReport, junitSuite } from '../../src/cli/test/result-formats.ts';
import { TestReport } from '../../src/cli/test/test-report.ts';

const { cases } = parseCaseFile(
  'cases:\n  - {name: one, call: /x, expect: status = 200}\n  - {name: two, call: /x, expect: status = 200}\n',
  'test.yaml',
  { timeoutMs: 1000, retryUntilMs: 0 },
);
const notRun = cases.map((testCase): CaseResult => {
  return {
    testCase,
    phaseTitle: '',
    mustPass: true,
    outcome: { kind: 'not_run', reason: refusedTitle },
    durationMs: 0,
  };
});
const refused: FileResult = {
  name: 'test.yaml',
  cases: notRun,
  problem: 'a.yaml:1:1: no',
  notes: [],
  coverage: undefined,
};

test('the report has one problem for refused manifests, and their cases are not run', () => {
  let written = '';
  const report = new TestReport((text) => (written += text), { meshEnds: true, failUntested: true });
  const file = report.beginFile(0, 'test.yaml');
  file.addRefusal('a.yaml:1:1: no\nb.yaml:2:1: nor this');
  for (const one of notRun) file.add(one);
  report.end([refused], 1000, true);
  assert.equal(
    stripVTControlCharacters(written),
    [
      'test.yaml',
      '    FAIL  the mesh refuses the manifests of this file',
      '          a.yaml:1:1: no',
      '          b.yaml:2:1: nor this',
      '    not run  one',
      '    not run  two',
      '',
      '0 passed, 1 file refused, 2 not run in 1.0 s',
      '',
    ].join('\n'),
  );
});

test('texts of a file do not control the terminal', () => {
  let written = '';
  const report = new TestReport((text) => (written += text), { meshEnds: true, failUntested: false });
  const odd = '\u001b]0;title\u0007';
  const file = report.beginFile(0, `${odd}.yaml`);
  const [testCase] = cases;
  assert.ok(testCase);
  const { plan } = testCase;
  const target = { scheme: 'http', address: { host: odd, port: 80 }, plan, path: `/${odd}` } as const;
  const call = {
    target: odd,
    scheme: 'http',
    stage: 0,
    startMs: 0,
    durationMs: 0,
    answeredBy: 'nobody',
    error: { code: 'dns', message: odd },
  } as const;
  const batch = { call, summary: undefined, verdicts: [], isAnswered: false, expectsNoAnswer: false };
  file.add({
    testCase,
    phaseTitle: '',
    mustPass: true,
    durationMs: 0,
    outcome: { kind: 'unreachable', batch, route: { target, method: 'GET', headers: [], connectTo: [] } },
  });
  const shown = stripVTControlCharacters(written);
  assert.match(shown, /does not answer: .*title/);
  assert.match(shown, /rerun {5}curl .*title/);
  assert.doesNotMatch(shown.replaceAll('\n', ''), /\p{Cc}/u);
});

test('JSON has the problem of a refused file, and its cases as not run', () => {
  const { files } = JSON.parse(JSON.stringify(jsonReport([refused])));
  assert.equal(files[0].problem, 'a.yaml:1:1: no');
  assert.deepEqual(
    files[0].cases.map(({ name, outcome }: { name: string; outcome: string }) => `${name}: ${outcome}`),
    ['one: not_run', 'two: not_run'],
  );
});

test('JUnit XML has one error for a refused file, and its cases as skipped', () => {
  const xml = junitXml([junitSuite(refused, true)]);
  assert.match(xml, /<testsuite name="test.yaml" tests="3" failures="0" errors="1" skipped="2"/);
  assert.match(xml, /name="two"[^>]*>\s*<skipped message="not run: the mesh refuses the manifests of this file"\/>/);
  assert.match(xml, /name="the mesh refuses the manifests of this file"[^>]*>\s*<error message="a\.yaml:1:1: no"\/>/);
});

test('an untested part is a failure with --fail-untested, and skipped in JUnit XML without it', () => {
  const part = { object: 'VirtualService reviews', part: 'route 2, to reviews v1', where: 'a.yaml:3:7' };
  const coverage = { untested: [part], unknown: [] };
  const untested: FileResult = { name: 'test.yaml', cases: [], problem: undefined, notes: [], coverage };
  for (const failUntested of [false, true]) {
    let written = '';
    const report = new TestReport((text) => (written += text), { meshEnds: true, failUntested });
    report.beginFile(0, 'test.yaml').addCoverage(coverage);
    report.end([untested], 1000, true);
    const lines = stripVTControlCharacters(written).split('\n');
    assert.equal(lines[1], '    untested  VirtualService reviews: route 2, to reviews v1  a.yaml:3:7');
    assert.equal(lines[3], failUntested ? '0 passed, 1 untested in 1.0 s' : '0 passed in 1.0 s');
    const xml = junitXml([junitSuite(untested, failUntested)]);
    const counts = failUntested ? 'failures="1" errors="0"' : 'failures="0" errors="0" skipped="1"';
    assert.ok(xml.includes(`<testsuite name="test.yaml" tests="1" ${counts} `), xml);
    const outcome = failUntested ? 'failure' : 'skipped';
    const message = 'untested: no case covers it (a.yaml:3:7)';
    assert.match(xml, /name="VirtualService reviews: route 2, to reviews v1"[^>]* file="a\.yaml" line="3">/);
    assert.ok(xml.includes(`<${outcome} message="${message}"/>`), xml);
  }
});

test('JUnit XML and JSON have the notes of a file', () => {
  const note = 'a.yaml:3:7: virtualservice.networking.istio.io/a: no Gateway is named b';
  const noted: FileResult = { name: 'test.yaml', cases: [], problem: undefined, notes: [note], coverage: undefined };
  assert.ok(
    junitXml([junitSuite(noted, false)]).includes(`    <system-out>note: ${note}</system-out>\n  </testsuite>`),
  );
  assert.deepEqual(JSON.parse(JSON.stringify(jsonReport([noted]))).files[0].notes, [note]);
  assert.doesNotMatch(junitXml([junitSuite(refused, true)]), /<system-out>/);
});
