import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { CaseFile } from '../../cases/case.ts';
import type { MeshUnderTest } from '../../cases/mesh-under-test.ts';
import { LiveMesh } from '../../cases/meshes/live-mesh.ts';
import { LocalMesh, localMeshName } from '../../cases/meshes/local-mesh.ts';
import { exitCodeOf, failedExitCode, noAnswerExitCode } from '../../error/exit-codes.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { checkMachine } from '../../istio/tools.ts';
import { printable } from '../../render/terminal-text.ts';
import { caseFolders, readCaseFiles, readManifestsOfCases } from '../files/case-files.ts';
import { FileChanges, filesOf } from '../files/watch-files.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { errorText } from '../output/error-text.ts';
import { beginJunit, endedSuite, junitXml } from '../output/junit.ts';
import { endWithNpx } from '../process/end-signals.ts';
import { type FileResult, untestedOf } from './case-result.ts';
import { FilesRun } from './files-run.ts';
import { junitSuite, shownJson } from './result-formats.ts';
import { readTestSettings, type TestSettings, testSchema } from './test-options.ts';
import { TestReport } from './test-report.ts';

const help: HelpText = {
  usage: ['test [OPTIONS] FILE|DIR…'],
  summary: 'Tests the configuration of a mesh.',
  about: [
    'A file has cases in YAML: a call, and what is expected of it. Files of istio-config-validator work too. Without --entry, the manifests of a file are applied to a local mesh on this machine: a real istiod, real sidecars, and a mock in place of each image.',
  ],
  schema: testSchema,
  examples: [
    'meshmock test istio/examples/tests --contrast',
    'meshmock test shop_test.yaml --manifests shop.yaml',
    'meshmock test tests/ --entry http://localhost:8080 --junit results.xml',
  ],
  notes: [
    'Exit code: 0; 1 if a case fails or the run is stopped; 2 if a file or the command is wrong, if this machine cannot run a mesh, or if no case could be tried; 3 if nothing answers.',
  ],
};

export const testCommand: Command = { help, operands: 'files', run: test };

const command = 'meshmock test';

const exitCodes = {
  passed: 0,
  failed: failedExitCode,
  untried: exitCodeOf.usage,
  unreachable: noAnswerExitCode,
} as const;

/**
 * Runs the cases of files, prints what came of them, and sets the exit code.
 *
 * @throws MeshmockError `usage`
 */
export async function test(args: readonly string[]): Promise<void> {
  const settings = readTestSettings(args);
  if (settings.junit !== undefined) beginJunit(settings.junit, command);
  // Before a mesh is brought up: what is wrong in a file must not cost anybody that time.
  const files = readCaseFiles(settings);
  if (settings.entry.length === 0) checkMachine();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  endWithNpx();
  await using mesh = meshOf(settings);
  try {
    if (settings.watch) return await runAgainAndAgain(settings, files, mesh, stop.signal);
    await runFiles(settings, files, mesh, stop.signal);
    if (settings.keep && isUp(mesh)) await untilStopped(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode ??= exitCodes.failed;
  }
}

function isUp(mesh: MeshUnderTest): boolean {
  return mesh instanceof LocalMesh && mesh.ports.length > 0;
}

function meshOf({ entry, before, http, grpc }: TestSettings): MeshUnderTest {
  if (entry.length > 0) return new LiveMesh(entry, before ? 'before' : 'after');
  return new LocalMesh({
    read: readManifestsOfCases,
    ...{ http, grpc },
    serveArguments: ['--log-level=warn'],
    onProgramExit: (lost, logs) => process.stderr.write(`meshmock: ${lost} has ended; see ${logs}\n`),
  });
}

/** @param first what is run before anything changes */
async function runAgainAndAgain(
  settings: TestSettings,
  first: readonly CaseFile[],
  mesh: MeshUnderTest,
  stop: AbortSignal,
): Promise<void> {
  let all = first;
  let touched = first;
  const changed = new Set<string>();
  using changes = new FileChanges();
  for (;;) {
    // Before the cases run: what is written meanwhile is not to be missed.
    changes.watch(all.flatMap(filesOf), caseFolders(settings.names));
    if (touched.length > 0) await runFiles(settings, touched, mesh, stop);
    sayNow('waits for changes; Ctrl-C ends it');
    const { names, files } = await changes.next(stop);
    sayNow(`changed: ${files.map(shownFile).join(', ')}`);
    for (const name of names) changed.add(name);
    try {
      const known = new Set(all.map(({ name }) => name));
      // What was edited may be a file of cases itself, and others may have come and gone.
      all = readCaseFiles(settings);
      touched = all.filter((file) => !known.has(file.name) || filesOf(file).some((name) => changed.has(name)));
      changed.clear();
      process.stdout.write('\n');
    } catch (error) {
      if (!(error instanceof MeshmockError)) throw error;
      process.stderr.write(`${errorText(error)}\n`);
      touched = [];
    }
  }
}

/** Not on standard output, which may be JSON. */
function sayNow(what: string): void {
  process.stderr.write(`meshmock: ${new Date().toTimeString().slice(0, 8)} ${what}\n`);
}

function shownFile(file: string): string {
  const fromHere = path.relative('', file);
  const shown = fromHere.startsWith('..') ? file : fromHere;
  return existsSync(file) ? shown : `${shown} (gone)`;
}

function untilStopped(stop: AbortSignal): Promise<void> {
  process.stderr.write(
    `meshmock: the mesh stays up until Ctrl-C; \`meshmock istio status --mesh ${localMeshName}\` says how it is called\n`,
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  stop.addEventListener('abort', () => resolve(), { once: true });
  if (stop.aborted) resolve();
  return promise;
}

async function runFiles(
  settings: TestSettings,
  files: readonly CaseFile[],
  mesh: MeshUnderTest,
  stop: AbortSignal,
): Promise<void> {
  const startedAt = performance.now();
  const report = new TestReport(settings.json ? undefined : process.stdout, {
    meshEnds: settings.entry.length === 0 && !settings.keep && !settings.watch,
    failUntested: settings.failUntested,
  });
  const run = new FilesRun(files, settings, mesh, report, stop);
  let ended: string | undefined;
  try {
    await run.toTheEnd();
    if (stop.aborted) ended = 'it was stopped';
  } catch (error) {
    ended = (error as Error).message;
    throw error;
  } finally {
    // However it ends: what was seen till then is not lost.
    const { results } = run;
    report.end(results, performance.now() - startedAt, ended === undefined);
    if (settings.json) process.stdout.write(`${JSON.stringify(shownJson(results), undefined, 2)}\n`);
    if (settings.junit !== undefined) writeFileSync(settings.junit, junitOf(results, settings, ended));
  }
  const verdict = stop.aborted ? 'failed' : verdictOf(run.results, settings);
  if (verdict === 'untried') process.stderr.write(`meshmock: no case was tried: ${skippedFor(run.results)}\n`);
  process.exitCode = exitCodes[verdict];
}

/** @param ended why it has before its end, if so */
function junitOf(results: readonly FileResult[], { failUntested }: TestSettings, ended: string | undefined): string {
  const suites = results.map((one) => junitSuite(one, failUntested));
  return junitXml(ended === undefined ? suites : [...suites, endedSuite(command, ended)]);
}

function verdictOf(results: readonly FileResult[], { failUntested }: TestSettings): keyof typeof exitCodes {
  if (results.some(({ problem }) => problem !== undefined)) return 'failed';
  if (failUntested && results.some((file) => untestedOf(file).length > 0)) return 'failed';
  const kinds = results.flatMap(({ cases }) => cases.map(({ outcome }) => outcome.kind));
  const bad = kinds.filter((kind) => kind === 'failed' || kind === 'unreachable' || kind === 'refused');
  if (bad.length > 0) return bad.every((kind) => kind === 'unreachable') ? 'unreachable' : 'failed';
  return kinds.includes('passed') ? 'passed' : 'untried';
}

function skippedFor(results: readonly FileResult[]): string {
  const outcomes = results.flatMap(({ cases }) => cases.map(({ outcome }) => outcome));
  const reasons = new Set(outcomes.flatMap((outcome) => (outcome.kind === 'skipped' ? [outcome.reason] : [])));
  const [first = 'there is none', ...others] = [...reasons].map(printable);
  return others.length === 0
    ? first
    : `${first} (and ${others.length} other ${others.length === 1 ? 'reason' : 'reasons'})`;
}
