import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { TestResult } from './results.ts';

/** Test that fails against the local mesh, and why. */
export interface KnownDifference {
  readonly test: string;
  readonly cause: (typeof causes)[number];
  readonly why: string;
  /** What Istio's own runs of the suite say of the test. */
  readonly istio: (typeof sayings)[number];
}

const causes = ['mocks', 'envoy', 'istiod', 'mesh'] as const;
const sayings = ['passes', 'runs', 'skips'] as const;

/** Reads the known differences. @throws AssertionError if an entry is not complete, or if a test has two */
export function readKnownDifferences(): readonly KnownDifference[] {
  const text = readFileSync(new URL('known-differences.yaml', import.meta.url), 'utf8');
  const known = parse(text) as readonly KnownDifference[];
  for (const { test, cause, why, istio } of known) {
    assert.ok(causes.includes(cause), `${test}: cause ${cause}`);
    assert.ok(sayings.includes(istio), `${test}: istio ${istio}`);
    assert.ok(why.length > 10, `${test}: why`);
  }
  const names = known.map(({ test }) => test);
  assert.deepEqual(names, [...new Set(names)]);
  return known;
}

/** Returns a line for each result that the known differences do not expect. */
export function unexpectedResults(results: readonly TestResult[], known: readonly KnownDifference[]): string[] {
  const expected = new Map(known.map((difference) => [difference.test, difference]));
  return results.flatMap(({ name, outcome, failedParts }) => {
    const difference = expected.get(name);
    if (outcome === 'failed' && difference === undefined)
      return [`${name} failed${failedParts.length === 0 ? '' : `: ${failedParts.join('; ')}`}`];
    if (outcome === 'passed' && difference !== undefined)
      return [`${name} passes, and known-differences.yaml says that it fails: remove its entry`];
    if (outcome === 'skipped' && difference !== undefined)
      return [`${name} was skipped, and known-differences.yaml says that it fails`];
    return [];
  });
}
