/**
 * Runs the Gateway API's conformance suite, unmodified, against a local mesh, and compares the results with
 * known-differences.yaml.
 *
 * Usage: `npm run test:conformance -- [TEST…]`: all tests without names. Log and report are in the folder `reports`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { installTestTools } from '../tools/installed.ts';
import { startConformanceMesh } from './conformance-mesh.ts';
import { readKnownDifferences, unexpectedResults } from './known-differences.ts';
import type { TestResult } from './results.ts';
import { runSuite, type SuiteOptions } from './suite.ts';

const reports = path.join(import.meta.dirname, 'reports');

/**
 * Timeouts for tests that are expected to fail: each part of them fails after such a timeout. They would still pass if
 * they could, since nothing takes that long in a local mesh.
 */
const shortTimeouts = 'MaxTimeToConsistency:2;RequestTimeout:2;DefaultTestTimeout:4';

/**
 * Maximum number of tests that get a second try. On a busy machine, istiod can lose the status of an object that changes
 * while its first status waits: its queue keeps the old generation (`Push` in istio/istio,
 * pilot/pkg/status/resourcelock.go), and then drops the status.
 */
const maxSecondTries = 3;

async function main(names: readonly string[]): Promise<number> {
  const known = readKnownDifferences();
  const knownNames = known.map(({ test }) => test);
  const { conformance } = await installTestTools(['conformance']);
  mkdirSync(reports, { recursive: true });
  writeFileSync(path.join(reports, '.gitignore'), '*\n');
  const startedAt = performance.now();
  await using mesh = await startConformanceMesh();
  const upAt = performance.now();
  const options: SuiteOptions = { program: path.join(conformance, 'conformance.test'), mesh, reports, onResult };
  const first = names.length === 0 ? [] : names.filter((name) => !knownNames.includes(name));
  const second = names.length === 0 ? knownNames : names.filter((name) => knownNames.includes(name));
  const results: TestResult[] = [];
  const secondTries: string[] = [];
  if (names.length === 0 || first.length > 0) {
    const once = await runSuite({ ...options, name: 'suite', tests: first, skip: knownNames });
    const failed = once.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name);
    const isRetried = failed.length > 0 && failed.length <= maxSecondTries;
    const again = isRetried ? await runSuite({ ...options, name: 'again', tests: failed }) : [];
    secondTries.push(...again.filter(({ outcome }) => outcome === 'passed').map(({ name }) => name));
    results.push(...once.map((result) => again.find(({ name }) => name === result.name) ?? result));
  }
  if (second.length > 0)
    results.push(...(await runSuite({ ...options, name: 'known', tests: second, timeouts: shortTimeouts })));
  const problems = unexpectedResults(results, known);
  if (results.length === 0) problems.push('the suite ran no test: see its log');
  const count = (outcome: TestResult['outcome']): number =>
    results.filter((result) => result.outcome === outcome).length;
  const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
  print(
    `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} not claimed by Istio`,
    `the mesh was up in ${seconds(upAt - startedAt)}, the suite ran for ${seconds(performance.now() - upAt)}`,
    ...secondTries.map((name) => `${name} passed at its second try`),
    ...problems,
    `logs and report: ${reports}`,
  );
  return problems.length === 0 ? 0 : 1;
}

function onResult({ name, outcome, seconds }: TestResult): void {
  if (outcome !== 'skipped') print(`${outcome}  ${seconds.toFixed(1)} s  ${name}`);
}

function print(...lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

process.exitCode = await main(process.argv.slice(2));
