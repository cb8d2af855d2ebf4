import { runAsserted, type Unseen } from '../../cases/asserted-routes/run-asserted.ts';
import type { Case, CaseFile } from '../../cases/case.ts';
import type { Coverage } from '../../cases/finding.ts';
import type { MeshUnderTest, Phase } from '../../cases/mesh-under-test.ts';
import { type PhaseRun, phaseRunsOf } from '../../cases/phases.ts';
import { type CaseRun, runCase } from '../../cases/run-case.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { Progress } from '../output/progress.ts';
import { programVersion } from '../process/program-version.ts';
import { type CaseResult, type FileResult, type Outcome, refusedTitle } from './case-result.ts';
import type { TestSettings } from './test-options.ts';
import type { TestReport } from './test-report.ts';

/** A result that becomes. */
type Draft = { -readonly [Field in keyof FileResult]: FileResult[Field] };

const stopped: Outcome = { kind: 'not_run', reason: 'stopped' };

/** Tries the cases of files on a mesh, one after the other. */
export class FilesRun {
  private readonly drafts: readonly { readonly file: CaseFile; readonly result: Draft }[];
  private readonly settings: TestSettings;
  private readonly mesh: MeshUnderTest;
  private readonly report: TestReport;
  private readonly stop: AbortSignal;
  private readonly userAgent = `meshmock/${programVersion()}`;

  constructor(
    files: readonly CaseFile[],
    settings: TestSettings,
    mesh: MeshUnderTest,
    report: TestReport,
    stop: AbortSignal,
  ) {
    this.drafts = files.map((file) => ({ file, result: untried(file, settings.contrast) }));
    this.settings = settings;
    this.mesh = mesh;
    this.report = report;
    this.stop = stop;
  }

  /** Of each file at any time: what was not tried yet is not run. */
  get results(): readonly FileResult[] {
    return this.drafts.map(({ result }) => result);
  }

  /**
   * Goes through them, until it is stopped.
   *
   * @throws MeshmockError `machine` when this machine cannot have such a mesh
   */
  async toTheEnd(): Promise<void> {
    for (const { file, result } of this.drafts) if (!this.stop.aborted) await this.file(file, result);
  }

  private async file(file: CaseFile, result: Draft): Promise<void> {
    this.report.beginFile(file.name);
    let done = 0;
    for (const step of phaseRunsOf(file, this.settings.contrast)) {
      if (this.stop.aborted) return;
      if (step.title !== '') this.report.beginStep(step.title);
      // What was refused is part of what comes next, or was to come before it.
      const wasRefused = result.problem !== undefined;
      result.problem ??= await this.unlessStopped(() => this.become(file, step.phase));
      if (result.problem !== undefined && !wasRefused) this.report.refused(result.problem);
      const results: CaseResult[] = [];
      for await (const one of this.step(step, result.problem === undefined)) {
        results.push(one);
        result.cases = result.cases.with(done++, one);
      }
      if (step.phase === 'after' && this.isWhole(results))
        result.coverage = await this.unlessStopped(() => this.coverage());
    }
    if (result.coverage !== undefined) this.report.covered(result.coverage);
  }

  /** What fails once it was stopped, fails for that. */
  private async unlessStopped<T>(action: () => Promise<T>): Promise<T | undefined> {
    if (this.stop.aborted) return undefined;
    try {
      return await action();
    } catch (error) {
      if (!this.stop.aborted) throw error;
      return undefined;
    }
  }

  /** What was seen of the cases counts, whether more can be told or not. */
  private async coverage(): Promise<Coverage | undefined> {
    try {
      return await this.mesh.coverage(this.stop);
    } catch (error) {
      if (!(error instanceof MeshmockError) || this.stop.aborted) throw error;
      this.report.became([`what no case has met cannot be told: ${error.message}`]);
      return undefined;
    }
  }

  /** Whether what no case has met, none of the file would. */
  private isWhole(results: readonly CaseResult[]): boolean {
    const isRun = ({ outcome: { kind } }: CaseResult): boolean => kind !== 'refused' && kind !== 'not_run';
    return this.settings.only.length === 0 && results.every(isRun);
  }

  private async *step({ phase, title, cases }: PhaseRun, isThere: boolean): AsyncGenerator<CaseResult> {
    for (const { testCase, mustPass } of cases) {
      const startedAt = performance.now();
      const outcome: Outcome = isThere
        ? ((await this.unlessStopped(() => this.try(testCase, phase, mustPass))) ?? stopped)
        : { kind: 'not_run', reason: refusedTitle };
      const result = { testCase, step: title, mustPass, outcome, durationMs: performance.now() - startedAt };
      if (outcome !== stopped) this.report.add(result);
      yield result;
    }
  }

  /** @returns what was refused, if anything was */
  private async become(file: CaseFile, phase: Phase): Promise<string | undefined> {
    const progress = new Progress(process.stderr, () => 'meshmock: bringing up its manifests');
    try {
      const notes = await this.mesh.applyPhase(file, phase, this.stop);
      this.report.became(notes);
      return undefined;
    } catch (error) {
      // A problem of the machine or a taken port would occur again for every other file.
      const isForEveryFile = error instanceof MeshmockError && (error.code === 'machine' || error.code === 'conflict');
      if (!(error instanceof MeshmockError) || isForEveryFile || this.stop.aborted) throw error;
      return error.message;
    } finally {
      progress.stop();
    }
  }

  private async try(testCase: Case, phase: Phase, mustPass: boolean): Promise<Outcome> {
    const reason = this.mesh.cannotTry(testCase, phase);
    if (reason !== undefined) return { kind: 'skipped', reason };
    let answers = 0;
    // How many a share takes, its case does not say.
    const ofAll = testCase.asserted === undefined ? ` of ${testCase.repeat}` : '';
    const progress = new Progress(process.stderr, () => `meshmock: ${testCase.name}: ${answers}${ofAll} answers`);
    // What has to fail must not be waited for.
    const once = mustPass ? testCase : { ...testCase, retryUntilMs: 0 };
    try {
      const run = await this.run(once, () => answers++);
      if (!('holds' in run)) return { kind: 'skipped', reason: run.unseen.join('; ') };
      const { round, way, holds, unseen = [] } = run;
      if (holds === mustPass) return { kind: 'passed', round, unseen };
      if (!round.isAnswered && mustPass) return { kind: 'unreachable', round, way };
      return { kind: 'failed', round, way };
    } catch (error) {
      if (!(error instanceof MeshmockError) || this.stop.aborted) throw error;
      // The change may bring whom it begins with, or makes sick; a misspelt name is refused where the case has to hold.
      if (!mustPass && error.code === 'usage') return { kind: 'passed', unseen: [] };
      return { kind: 'refused', problem: error.message };
    } finally {
      progress.stop();
    }
  }

  private async run(testCase: Case, onAnswer: () => void): Promise<CaseRun | Unseen> {
    const { mesh, userAgent, stop } = this;
    if (testCase.asserted === undefined) return runCase(testCase, mesh, userAgent, onAnswer, stop);
    if (mesh.routes === undefined) throw new MeshmockError('internal', 'the routes of this mesh cannot be seen');
    const { asserted } = testCase;
    return runAsserted({ ...testCase, asserted }, mesh.routes, userAgent, onAnswer, stop);
  }
}

function untried(file: CaseFile, contrast: boolean): Draft {
  const cases = phaseRunsOf(file, contrast).flatMap(({ title, cases }) =>
    cases.map((one) => ({ ...one, step: title, outcome: stopped, durationMs: 0 })),
  );
  return { name: file.name, cases, problem: undefined, coverage: undefined };
}
