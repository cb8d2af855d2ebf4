import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ConformanceMesh } from './conformance-mesh.ts';
import { resultsOf, type TestResult } from './results.ts';

export interface SuiteOptions {
  /** Path of the suite's test binary. */
  readonly program: string;
  readonly mesh: ConformanceMesh;
  /** Folder of logs and of the report. */
  readonly reports: string;
  /** Called with each result as it comes, without its failed parts. */
  onResult(result: TestResult): void;
}

/** One run of the suite. */
export interface SuiteRun extends SuiteOptions {
  /** Name of its log. */
  readonly name: string;
  /** Names of the tests to run; all if there are none, and then the suite writes its report. */
  readonly tests: readonly string[];
  /** Names of tests that the suite skips. */
  readonly skip?: readonly string[];
  /** Timeouts in the form of the suite's flag. */
  readonly timeouts?: string;
}

/** Runs the suite, and returns the results of the tests, without those that the run leaves out. */
export async function runSuite(run: SuiteRun): Promise<TestResult[]> {
  const { mesh, reports, name, skip = [], onResult } = run;
  const [command = '', ...args] = mesh.command([run.program, ...flagsOf(run)]);
  const suite = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const both = new PassThrough();
  suite.stdout.pipe(both, { end: false });
  suite.stderr.pipe(both, { end: false });
  suite.once('close', () => both.end());
  suite.once('error', (error) => both.end(error.message));
  const log = createWriteStream(path.join(reports, `${name}.log`));
  let output = '';
  for await (const text of createInterface({ input: both })) {
    const line = text.replaceAll(resultMark, '');
    output += `${line}\n`;
    log.write(`${line}\n`);
    resultsOf(line).forEach(onResult);
  }
  log.end();
  await finished(log);
  return resultsOf(output).filter(({ name: test }) => !skip.includes(test));
}

/** Mark with which `-test.v=test2json` begins the lines of results. With it, they come as soon as they are known. */
const resultMark = '\u0016';

function flagsOf({ mesh, reports, tests, skip = [], timeouts }: SuiteRun): string[] {
  return [
    '-test.v=test2json',
    '-test.timeout=90m',
    `-kubeconfig=${mesh.kubeconfig}`,
    `-conformance-options-file=${path.join(import.meta.dirname, 'options.yaml')}`,
    // The mesh ends after the run.
    '-cleanup-base-resources=false',
    ...(skip.length === 0 ? [] : [`-skip-tests=${skip.join(',')}`]),
    ...(timeouts === undefined ? [] : [`-timeout-config-overrides=${timeouts}`]),
    ...(tests.length === 0
      ? [`-report-output=${path.join(reports, 'report.yaml')}`]
      : [`-test.run=^TestConformance$/^(${tests.join('|')})$`]),
  ];
}
