/**
 * Runs the Gateway API's conformance suite, unmodified, against a local mesh, and compares the results with
 * known-differences.yaml.
 *
 * Usage: `npm run test:conformance -- [TEST…]`: all tests without names. The report is in the folder `reports`.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { installTestTools } from '../tools/installed.ts';
import { type ConformanceMesh, startConformanceMesh } from './conformance-mesh.ts';
import { readKnownDifferences, unexpectedResults } from './known-differences.ts';
import { resultsOf, type TestResult } from './results.ts';

const here = import.meta.dirname;
const reports = path.join(here, 'reports');

async function main(): Promise<number> {
  const names = process.argv.slice(2);
  const known = readKnownDifferences();
  const { conformance } = await installTestTools(['conformance']);
  mkdirSync(reports, { recursive: true });
  const startedAt = performance.now();
  await using mesh = await startConformanceMesh(readFileSync(path.join(here, 'istio-operator.yaml'), 'utf8'));
  const upAt = performance.now();
  const output = await runSuite(path.join(conformance, 'conformance.test'), mesh, names);
  const results = resultsOf(output);
  const problems = unexpectedResults(results, known);
  if (results.length === 0) problems.push('the suite ran no test: see its log');
  const count = (outcome: TestResult['outcome']): number =>
    results.filter((result) => result.outcome === outcome).length;
  const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
  print(
    `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} not claimed by Istio`,
    `the mesh was up in ${seconds(upAt - startedAt)}, the suite ran for ${seconds(performance.now() - upAt)}`,
    ...problems,
    `log and report: ${reports}`,
  );
  return problems.length === 0 ? 0 : 1;
}

/** Runs the suite, prints each result as it comes, and returns the whole output. */
async function runSuite(program: string, mesh: ConformanceMesh, names: readonly string[]): Promise<string> {
  const [command = '', ...args] = mesh.command([
    program,
    '-test.v',
    '-test.timeout=90m',
    ...(names.length === 0 ? [] : [`-test.run=^TestConformance$/^(${names.join('|')})$`]),
    `-conformance-options-file=${path.join(here, 'options.yaml')}`,
    `-kubeconfig=${mesh.kubeconfig}`,
    // The mesh ends after the run, so nothing has to be cleaned up but what the tests make for themselves.
    '-cleanup-base-resources=false',
    ...(names.length === 0 ? [`-report-output=${path.join(reports, 'report.yaml')}`] : []),
  ]);
  const suite = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const both = new PassThrough();
  suite.stdout.pipe(both, { end: false });
  suite.stderr.pipe(both, { end: false });
  suite.once('close', () => both.end());
  const log = createWriteStream(path.join(reports, 'suite.log'));
  let output = '';
  for await (const line of createInterface({ input: both })) {
    output += `${line}\n`;
    log.write(`${line}\n`);
    for (const { name, outcome, seconds, failedParts } of resultsOf(line))
      if (outcome !== 'skipped') print(`${outcome}  ${seconds.toFixed(1)} s  ${name}${failedParts.join('')}`);
  }
  log.end();
  await finished(log);
  return output;
}

function print(...lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

process.exitCode = await main();
writeFileSync(path.join(reports, '.gitignore'), '*\n');
