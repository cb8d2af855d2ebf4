import { readFileSync, writeFileSync } from 'node:fs';
import { BedMesh } from '../cases/bed-mesh.ts';
import type { Case, CaseFile } from '../cases/case.ts';
import { LiveMesh } from '../cases/live-mesh.ts';
import type { MeshUnderTest, Phase } from '../cases/mesh-under-test.ts';
import { runAsserted } from '../cases/run-asserted.ts';
import { type CaseRun, runCase } from '../cases/run-case.ts';
import { MeshmockError } from '../plan/error.ts';
import { parseCaseFile } from './case-file.ts';
import { junitXml } from './junit.ts';
import { readManifestSources } from './manifest-sources.ts';
import { helpOf } from './options.ts';
import { Progress } from './progress.ts';
import { endWithNpx, programVersion } from './serve.ts';
import { readTestSettings, type TestSettings, testSchema } from './test-options.ts';
import { type CaseResult, type FileResult, junitSuite, type Outcome, shownJson, TestReport } from './test-report.ts';
import { isValidatorFile, parseValidatorFile } from './validator-file.ts';
import { filesOf, untilChanged } from './watch-files.ts';

export const testHelp = `meshmock test FILE|DIR…: tests of a mesh's configuration

A file has cases in YAML: what is called, and what is expected; or it is one of istio-config-validator. Without --entry its manifests are brought up on this
machine, with a real istiod and sidecars and a mock in the place of every image.

${helpOf(testSchema)}

Exit code: 0, 1 when a case fails, 2 when a file or the command is wrong, 3 when nobody answers.`;

const exitCodes = { passed: 0, failed: 1, unreachable: 3 } as const;

/**
 * Runs the cases of files, prints what came of them, and sets the exit code.
 *
 * @throws MeshmockError `usage`
 */
export async function test(args: readonly string[]): Promise<void> {
  const settings = readTestSettings(args);
  // Before a mesh is brought up: what is wrong in a file must not cost anybody that time.
  const files = readFiles(settings);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  endWithNpx();
  await using mesh = meshOf(settings);
  try {
    const results = await runFiles(settings, files, mesh, stop.signal);
    process.exitCode = exitCodes[verdictOf(results)];
    if (settings.watch) await watch(settings, mesh, stop.signal);
    else if (settings.keep) await untilStopped(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode ??= exitCodes.failed;
  }
}

function readFiles(settings: TestSettings): CaseFile[] {
  const { only } = settings;
  const read = settings.files.map((name) => readFile(name, settings));
  if (only.length === 0) return read;
  const meant = ({ name }: Case): boolean => only.some((part) => name.includes(part));
  const left = read
    .map((file) => ({
      ...file,
      before: file.before.filter(meant),
      cases: file.cases.filter(meant),
      always: file.always.filter(meant),
    }))
    .filter(({ before, cases, always }) => before.length + cases.length + always.length > 0);
  if (left.length === 0)
    throw new MeshmockError('usage', `no case has ${only.map((part) => `"${part}"`).join(' or ')} in its name`);
  return left;
}

function readFile(name: string, { timeout, retryUntil = 0, manifests }: TestSettings): CaseFile {
  const content = readText(name);
  const parse = isValidatorFile(content) ? parseValidatorFile : parseCaseFile;
  const file = parse(content, name, { timeoutMs: timeout, retryUntilMs: retryUntil });
  return { ...file, manifests: [...manifests, ...file.manifests] };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new MeshmockError('usage', `${file}: ${(error as Error).message}`);
  }
}

function meshOf({ entry, http, grpc }: TestSettings): MeshUnderTest {
  if (entry.length > 0) return new LiveMesh(entry);
  return new BedMesh({
    read: readManifestSources,
    ...{ http, grpc },
    appArguments: ['--log-level=warn'],
    onLoss: (lost, logs) => process.stderr.write(`meshmock: ${lost} has ended; see ${logs}\n`),
  });
}

async function watch(settings: TestSettings, mesh: MeshUnderTest, stop: AbortSignal): Promise<void> {
  for (;;) {
    const files = readFiles(settings);
    const changed = await untilChanged(files.flatMap(filesOf), stop);
    const touched = files.filter((file) => filesOf(file).some((name) => changed.has(name)));
    process.stdout.write('\n');
    try {
      // What was edited may be the file of cases itself.
      const again = readFiles(settings).filter(({ name }) => touched.some((file) => file.name === name));
      await runFiles(settings, again, mesh, stop);
    } catch (error) {
      if (!(error instanceof MeshmockError) || stop.aborted) throw error;
      process.stderr.write(`meshmock: ${error.message}\n`);
    }
  }
}

function untilStopped(stop: AbortSignal): Promise<void> {
  process.stderr.write('meshmock: the mesh stays up until Ctrl-C\n');
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
): Promise<FileResult[]> {
  const startedAt = performance.now();
  const report = new TestReport(settings.json ? undefined : process.stdout);
  const run = new FilesRun(settings, mesh, report, stop);
  const results: FileResult[] = [];
  for (const file of files) results.push(await run.file(file));
  report.end(results, performance.now() - startedAt);
  if (settings.json) process.stdout.write(`${JSON.stringify(shownJson(results), undefined, 2)}\n`);
  if (settings.junit !== undefined) writeFileSync(settings.junit, junitXml(results.map(junitSuite)));
  return results;
}

function verdictOf(results: readonly FileResult[]): keyof typeof exitCodes {
  const outcomes = results.flatMap(({ cases }) => cases.map(({ outcome }) => outcome));
  const bad = outcomes.filter(({ kind }) => kind === 'failed' || kind === 'unreachable' || kind === 'refused');
  if (bad.length === 0) return 'passed';
  return bad.every(({ kind }) => kind === 'unreachable') ? 'unreachable' : 'failed';
}

/** Which cases are tried in a phase, and whether they have to hold there. */
interface Step {
  readonly phase: Phase;
  readonly title: string;
  readonly cases: readonly { readonly testCase: Case; readonly isToHold: boolean }[];
}

class FilesRun {
  private readonly settings: TestSettings;
  private readonly mesh: MeshUnderTest;
  private readonly report: TestReport;
  private readonly stop: AbortSignal;
  private readonly userAgent = `meshmock/${programVersion()}`;

  constructor(settings: TestSettings, mesh: MeshUnderTest, report: TestReport, stop: AbortSignal) {
    this.settings = settings;
    this.mesh = mesh;
    this.report = report;
    this.stop = stop;
  }

  async file(file: CaseFile): Promise<FileResult> {
    this.report.beginFile(file.name);
    const cases: CaseResult[] = [];
    for (const step of stepsOf(file, this.settings.contrast)) {
      if (step.cases.length === 0) continue;
      if (step.title !== '') this.report.beginStep(step.title);
      cases.push(...(await this.step(file, step)));
    }
    return { name: file.name, cases };
  }

  private async step(file: CaseFile, { phase, title, cases }: Step): Promise<CaseResult[]> {
    const results: CaseResult[] = [];
    const add = (testCase: Case, isToHold: boolean, outcome: Outcome, durationMs: number): void => {
      const result = { testCase, step: title, isToHold, outcome, durationMs };
      results.push(result);
      this.report.add(result);
    };
    const refused = await this.become(file, phase);
    for (const { testCase, isToHold } of cases) {
      const startedAt = performance.now();
      const outcome: Outcome =
        refused === undefined ? await this.try(testCase, phase, isToHold) : { kind: 'refused', problem: refused };
      add(testCase, isToHold, outcome, performance.now() - startedAt);
    }
    return results;
  }

  /** @returns what was refused, if anything was */
  private async become(file: CaseFile, phase: Phase): Promise<string | undefined> {
    const progress = new Progress(process.stderr, () => 'meshmock: bringing up its manifests');
    try {
      const notes = await this.mesh.become(file, phase, this.stop);
      this.report.became(notes);
      return undefined;
    } catch (error) {
      if (!(error instanceof MeshmockError) || this.stop.aborted) throw error;
      return error.message;
    } finally {
      progress.stop();
    }
  }

  private async try(testCase: Case, phase: Phase, isToHold: boolean): Promise<Outcome> {
    const reason = this.mesh.cannotTry(testCase, phase);
    if (reason !== undefined) return { kind: 'skipped', reason };
    let answers = 0;
    // How many a share takes, its case does not say.
    const ofAll = testCase.asserted === undefined ? ` of ${testCase.repeat}` : '';
    const progress = new Progress(process.stderr, () => `meshmock: ${testCase.name}: ${answers}${ofAll} answers`);
    // What has to fail must not be waited for.
    const once = isToHold ? testCase : { ...testCase, retryUntilMs: 0 };
    try {
      const run = await this.run(once, () => answers++);
      if (!('holds' in run)) return { kind: 'skipped', reason: run.unseen.join('; ') };
      const { round, way, holds, unseen = [] } = run;
      if (holds === isToHold) return { kind: 'passed', round, unseen };
      if (!round.isAnswered && isToHold) return { kind: 'unreachable', round, way };
      return { kind: 'failed', round, way };
    } catch (error) {
      if (!(error instanceof MeshmockError) || this.stop.aborted) throw error;
      return { kind: 'refused', problem: error.message };
    } finally {
      progress.stop();
    }
  }

  private async run(testCase: Case, onAnswer: () => void): Promise<CaseRun | { readonly unseen: readonly string[] }> {
    const { mesh, userAgent, stop } = this;
    if (testCase.asserted === undefined) return runCase(testCase, mesh, userAgent, onAnswer, stop);
    if (mesh.routes === undefined) throw new MeshmockError('internal', 'the routes of this mesh cannot be seen');
    const { asserted } = testCase;
    return runAsserted({ ...testCase, asserted }, mesh.routes, userAgent, onAnswer, stop);
  }
}

function stepsOf({ change, before, cases, always }: CaseFile, contrast: boolean): Step[] {
  const holding = (all: readonly Case[]) => all.map((testCase) => ({ testCase, isToHold: true }));
  const failing = (all: readonly Case[]) => all.map((testCase) => ({ testCase, isToHold: false }));
  if (change.length === 0) return [{ phase: 'after', title: '', cases: holding([...cases, ...always]) }];
  const first = holding([...before, ...always]);
  const then = holding([...cases, ...always]);
  if (!contrast)
    return [
      { phase: 'before', title: 'before the change', cases: first },
      { phase: 'after', title: 'with the change', cases: then },
    ];
  return [
    { phase: 'before', title: 'before the change', cases: [...first, ...failing(cases)] },
    { phase: 'after', title: 'with the change', cases: [...then, ...failing(before)] },
    { phase: 'before', title: 'without it again', cases: first },
  ];
}
