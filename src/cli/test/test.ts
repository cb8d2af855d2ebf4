import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { CaseFile } from '../../cases/case.ts';
import type { MeshUnderTest } from '../../cases/mesh-under-test.ts';
import { LocalTestMesh, localMeshName } from '../../cases/meshes/local-test-mesh.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { checkMachine } from '../../istio/tools/check-machine.ts';
import { caseFolders, readCaseFiles } from '../files/case-files.ts';
import { FileWatcher, filesReadFor } from '../files/file-watcher.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { errorText } from '../output/error-text.ts';
import { beginJunit, endedSuite, junitXml } from '../output/junit.ts';
import { SharedProgress } from '../output/shared-progress.ts';
import { endWithNpx } from '../process/end-signals.ts';
import type { FileResult } from './case-result.ts';
import { reportingErrors, reportRun } from './github-report.ts';
import { jsonReport, junitSuite } from './result-formats.ts';
import { exitCodes, skipSummary, verdictOf } from './run-verdict.ts';
import { testMeshes } from './test-meshes.ts';
import { readTestSettings, type TestSettings, testSchema } from './test-options.ts';
import { TestReport } from './test-report.ts';
import { TestRun } from './test-run.ts';
import { readSnapshot, writeCasesOf } from './write-snapshot-cases.ts';

const help: HelpText = {
  usage: ['test [OPTIONS] FILE|DIR…', 'test --write FILE [OPTIONS] MANIFESTS…'],
  summary: 'Tests the configuration of a mesh.',
  about: [
    'A file has cases in YAML, each with a call and expectations. Files of istio-config-validator work too. Without --entry, the manifests of a file are applied to a local mesh on this machine: a real istiod, real sidecars, and a mock in place of each image.',
  ],
  schema: testSchema,
  examples: [
    'meshmock test istio/examples/tests --contrast',
    'meshmock test shop_test.yaml --manifests shop.yaml',
    'meshmock test tests/ --entry http://localhost:8080 --junit results.xml',
    'meshmock test --write shop_test.yaml k8s/',
  ],
  notes: [
    'Exit code: 0; 1 if a case fails, the mesh refuses manifests, or the run is stopped; 2 if a file or the command is wrong, if this machine cannot run a mesh, or if no case could be tried; 3 if nothing answers.',
  ],
};

export const testCommand: Command = { help, operands: { arePaths: true }, run: test };

const command = 'meshmock test';

/**
 * Runs the cases of files, prints their results, and sets the exit code.
 *
 * @throws MeshmockError `usage` when a file or the command is wrong, `machine` when this machine cannot run a local mesh
 * @example
 * await test(['test.yaml', '--contrast']);
 */
export async function test(args: readonly string[]): Promise<void> {
  const settings = readTestSettings(args);
  if (settings.write !== undefined) return write({ ...settings, write: settings.write });
  if (settings.junit !== undefined) beginJunit(settings.junit, command);
  // Errors in files are reported before a mesh starts, because the start takes seconds.
  const files = reportingErrors(settings, () => readCaseFiles(settings));
  if (settings.entry.length === 0) checkMachine();
  const stop = stopController();
  await using meshes = testMeshes(settings, files, stop.signal);
  try {
    if (settings.watch) return await runOnChanges(settings, files, meshes.all, stop.signal);
    await runFiles(settings, files, meshes.all, stop.signal);
    if (settings.keep && meshes.all.some(isStarted)) await waitForStop(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode ??= exitCodes.failed;
  }
}

/** Writes cases for manifests, and sets the exit code. */
async function write(settings: TestSettings & { readonly write: string }): Promise<void> {
  const sources = readSnapshot(settings);
  checkMachine();
  const stop = stopController();
  try {
    await writeCasesOf(sources, settings, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode ??= exitCodes.failed;
  }
}

/** Returns a controller that signals to this process abort. */
function stopController(): AbortController {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  endWithNpx();
  return stop;
}

function isStarted(mesh: MeshUnderTest): boolean {
  return mesh instanceof LocalTestMesh && mesh.ports.length > 0;
}

/**
 * Runs all files, and after each change the files that depend on it.
 *
 * @throws when `stop` is aborted
 */
async function runOnChanges(
  settings: TestSettings,
  files: readonly CaseFile[],
  meshes: readonly MeshUnderTest[],
  stop: AbortSignal,
): Promise<void> {
  let all = files;
  let affected = files;
  const changed = new Set<string>();
  using watcher = new FileWatcher();
  for (;;) {
    // Before the cases run, so that changes during the run are seen.
    watcher.watch(all.flatMap(filesReadFor), caseFolders(settings.names));
    if (affected.length > 0) await runFiles(settings, affected, meshes, stop);
    logNow('waiting for changes until Ctrl-C');
    const { names, files: changedFiles } = await watcher.next(stop);
    logNow(`changed: ${changedFiles.map(fileTitle).join(', ')}`);
    for (const name of names) changed.add(name);
    try {
      const known = new Set(all.map(({ name }) => name));
      // The change may be in a file of cases, or may have added or deleted one.
      all = readCaseFiles(settings);
      affected = all.filter((file) => !known.has(file.name) || filesReadFor(file).some((name) => changed.has(name)));
      changed.clear();
      process.stdout.write('\n');
    } catch (error) {
      if (!(error instanceof MeshmockError)) throw error;
      process.stderr.write(`${errorText(error)}\n`);
      affected = [];
    }
  }
}

/** Writes a line with the time to standard error. Standard output may be JSON. */
function logNow(text: string): void {
  process.stderr.write(`meshmock: ${new Date().toTimeString().slice(0, 8)} ${text}\n`);
}

function fileTitle(file: string): string {
  const fromHere = path.relative('', file);
  const title = fromHere.startsWith('..') ? file : fromHere;
  return existsSync(file) ? title : `${title} (deleted)`;
}

function waitForStop(stop: AbortSignal): Promise<void> {
  process.stderr.write(
    `meshmock: the mesh runs until Ctrl-C; \`meshmock istio status --mesh ${localMeshName()}\` shows its addresses\n`,
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  stop.addEventListener('abort', () => resolve(), { once: true });
  if (stop.aborted) resolve();
  return promise;
}

async function runFiles(
  settings: TestSettings,
  files: readonly CaseFile[],
  meshes: readonly MeshUnderTest[],
  stop: AbortSignal,
): Promise<void> {
  const startedAt = performance.now();
  const progress = new SharedProgress(process.stderr, 'meshmock: ');
  const write = (text: string): void => {
    if (settings.json) return;
    progress.hide();
    process.stdout.write(text);
  };
  const report = new TestReport(write, {
    meshEnds: settings.entry.length === 0 && !settings.keep && !settings.watch,
    failUntested: settings.failUntested,
  });
  const run = new TestRun(files, { settings, meshes, report, progress, stop });
  let endReason: string | undefined;
  try {
    await run.run();
    if (stop.aborted) endReason = 'it was stopped';
  } catch (error) {
    endReason = (error as Error).message;
    throw error;
  } finally {
    // Results so far are reported even after an error.
    const { results } = run;
    report.end(results, performance.now() - startedAt, endReason === undefined);
    if (settings.json) process.stdout.write(`${JSON.stringify(jsonReport(results), undefined, 2)}\n`);
    if (settings.junit !== undefined) writeFileSync(settings.junit, junitOf(results, settings, endReason));
    if (settings.github) reportRun(results, settings, endReason);
  }
  const verdict = stop.aborted ? 'failed' : verdictOf(run.results, settings.failUntested);
  if (verdict === 'untried') process.stderr.write(`meshmock: no case was tried: ${skipSummary(run.results)}\n`);
  process.exitCode = exitCodes[verdict];
}

/** @param endReason why the run ended early; undefined if it did not */
function junitOf(
  results: readonly FileResult[],
  { failUntested }: TestSettings,
  endReason: string | undefined,
): string {
  const suites = results.map((one) => junitSuite(one, failUntested));
  return junitXml(endReason === undefined ? suites : [...suites, endedSuite(command, endReason)]);
}
