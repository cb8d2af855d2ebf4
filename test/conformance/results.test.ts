import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readKnownDifferences, unexpectedResults } from './known-differences.ts';
import { resultsOf, type TestResult } from './results.ts';

const output = `
=== RUN   TestConformance/MeshBasic
    apply.go:1: --- PASS: not a result
    --- PASS: TestConformance/MeshBasic (1.25s)
        --- PASS: TestConformance/MeshBasic/0_request_to_'echo/' (1.20s)
    --- FAIL: TestConformance/HTTPRouteCORS (30.00s)
        --- FAIL: TestConformance/HTTPRouteCORS/first (15.00s)
        --- PASS: TestConformance/HTTPRouteCORS/second (1.00s)
        --- FAIL: TestConformance/HTTPRouteCORS/third (14.00s)
    --- SKIP: TestConformance/UDPRoute (0.00s)
--- FAIL: TestConformance (31.25s)
`;

const result = (name: string, outcome: TestResult['outcome']): TestResult => ({
  name,
  outcome,
  seconds: 0,
  failedParts: [],
});

test('the results of the conformance suite are read from its output', () => {
  assert.deepEqual(resultsOf(output), [
    { name: 'MeshBasic', outcome: 'passed', seconds: 1.25, failedParts: [] },
    { name: 'HTTPRouteCORS', outcome: 'failed', seconds: 30, failedParts: ['first', 'third'] },
    { name: 'UDPRoute', outcome: 'skipped', seconds: 0, failedParts: [] },
  ]);
});

test('a failed test that is not known is unexpected, and so is a known one that does not fail', () => {
  const known = [{ test: 'Known', cause: 'mocks', why: 'mocks speak no TLS', istio: 'passes' }] as const;
  const unexpected = (outcome: TestResult['outcome'], name = 'Known'): number =>
    unexpectedResults([result(name, outcome)], known).length;
  assert.deepEqual([unexpected('failed'), unexpected('passed'), unexpected('skipped')], [0, 1, 1]);
  assert.deepEqual(
    [unexpected('failed', 'Other'), unexpected('passed', 'Other'), unexpected('skipped', 'Other')],
    [1, 0, 0],
  );
});

test('the known differences are complete', () => {
  readKnownDifferences();
});
