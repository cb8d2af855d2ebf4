import { runRouteCase } from '../../cases/asserted-routes/run-route-case.ts';
import type { Case, CaseFile } from '../../cases/case.ts';
import type { Coverage } from '../../cases/coverage-result.ts';
import type { MeshUnderTest, Phase } from '../../cases/mesh-under-test.ts';
import { type CaseInPhase, type PhaseRun, phaseRunsOf } from '../../cases/phases.ts';
import { type CaseRun, type RunContext, runCase } from '../../cases/run-case.ts';
import type { ErrorCode } from '../../error/error-code.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { Progress } from '../output/progress.ts';
import { programVersion } from '../process/program-version.ts';
import { type CaseResult, type FileResult, type Outcome, refusedTitle } from './case-result.ts';
import type { TestSettings } from './test-options.ts';
import type { TestReport } from './test-report.ts';

/** Result of a file while its cases run. */
type FileDraft = { -readonly [Field in keyof FileResult]: FileResult[Field] };

const stopped: Outcome = { kind: 'not_run', reason: 'stopped' };

/** Errors that end the run, because they would be the same for every file. */
const fatalCodes: readonly ErrorCode[] = ['machine', 'conflict'];

/** Runs the cases of files on a mesh, one after the other. */
export class TestRun {
  private readonly drafts: readonly { readonly file: CaseFile; readonly result: FileDraft }[];
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
    this.drafts = files.map((file) => ({ file, result: emptyResult(file, settings.contrast) }));
    this.settings = settings;
    this.mesh = mesh;
    this.report = report;
    this.stop = stop;
  }

  /** Results of all files so far. Cases that have not run yet are `not_run`. */
  get results(): readonly FileResult[] {
    return this.drafts.map(({ result }) => result);
  }

  /**
   * Runs all files, or those before `stop` is aborted.
   *
   * @throws MeshmockError `machine` or `conflict` when this machine cannot run the mesh
   */
  async run(): Promise<void> {
    for (const { file, result } of this.drafts) if (!this.stop.aborted) await this.runFile(file, result);
  }

  private async runFile(file: CaseFile, result: FileDraft): Promise<void> {
    this.report.beginFile(file.name);
    let done = 0;
    for (const phaseRun of phaseRunsOf(file, this.settings.contrast)) {
      if (this.stop.aborted) return;
      if (phaseRun.title !== '') this.report.beginPhase(phaseRun.title);
      // The phases share manifests: after a refusal, the later phases do not run.
      result.problem ??= await this.unlessStopped(() => this.apply(file, phaseRun.phase));
      const results: CaseResult[] = [];
      for await (const one of this.runPhase(phaseRun, result.problem === undefined)) {
        results.push(one);
        result.cases = result.cases.with(done++, one);
      }
      if (phaseRun.phase === 'after' && this.isCoverageComplete(results))
        result.coverage = await this.unlessStopped(() => this.coverage());
    }
    if (result.coverage !== undefined) this.report.addCoverage(result.coverage);
  }

  /** Runs an action. Returns undefined when the run is stopped before it or during it, whether it fails or not. */
  private async unlessStopped<T>(action: () => Promise<T>): Promise<T | undefined> {
    if (this.stop.aborted) return undefined;
    try {
      return await action();
    } catch (error) {
      if (!this.stop.aborted) throw error;
      return undefined;
    }
  }

  /** Returns the coverage of the manifests. A failure is only a note, because the results of the cases are valid. */
  private async coverage(): Promise<Coverage | undefined> {
    try {
      return await this.mesh.coverage(this.stop);
    } catch (error) {
      if (!(error instanceof MeshmockError) || this.stop.aborted) throw error;
      this.report.addNotes([`cannot determine which parts are untested: ${error.message}`]);
      return undefined;
    }
  }

  /** Reports whether all cases ran, so that an uncovered part is really untested. */
  private isCoverageComplete(results: readonly CaseResult[]): boolean {
    const hasRun = ({ outcome: { kind } }: CaseResult): boolean => kind !== 'refused' && kind !== 'not_run';
    return this.settings.only.length === 0 && results.every(hasRun);
  }

  private async *runPhase({ phase, title, cases }: PhaseRun, isApplied: boolean): AsyncGenerator<CaseResult> {
    for (const { testCase, mustPass } of cases) {
      const startedAt = performance.now();
      const outcome: Outcome = isApplied
        ? ((await this.unlessStopped(() => this.outcomeOf({ testCase, mustPass }, phase))) ?? stopped)
        : { kind: 'not_run', reason: refusedTitle };
      const durationMs = performance.now() - startedAt;
      const result = { testCase, phaseTitle: title, mustPass, outcome, durationMs };
      if (outcome !== stopped) this.report.add(result);
      yield result;
    }
  }

  /** Applies the manifests of a phase. Reports and returns the reason if the mesh refuses them. */
  private async apply(file: CaseFile, phase: Phase): Promise<string | undefined> {
    const progress = new Progress(process.stderr, () => 'meshmock: applying the manifests');
    try {
      this.report.addNotes(await this.mesh.applyPhase(file, phase, this.stop));
      return undefined;
    } catch (error) {
      if (!(error instanceof MeshmockError) || fatalCodes.includes(error.code) || this.stop.aborted) throw error;
      this.report.addRefusal(error.message);
      return error.message;
    } finally {
      progress.stop();
    }
  }

  private async outcomeOf({ testCase, mustPass }: CaseInPhase, phase: Phase): Promise<Outcome> {
    const skipReason = this.mesh.skipReason(testCase, phase);
    if (skipReason !== undefined) return { kind: 'skipped', reason: skipReason };
    let answers = 0;
    // A case that asserts a route chooses the number of its requests itself.
    const total = testCase.kind === 'route' ? '' : ` of ${testCase.repeat}`;
    const progress = new Progress(process.stderr, () => `meshmock: ${testCase.name}: ${answers}${total} answers`);
    const context = { userAgent: this.userAgent, onAnswer: () => answers++, stop: this.stop };
    try {
      // A case that must fail is not retried until it passes.
      const run = await this.runOne(mustPass ? testCase : { ...testCase, retryUntilMs: 0 }, context);
      if (run.kind === 'not_seen') return { kind: 'skipped', reason: run.reasons.join('; ') };
      const { batch, route, passes, notSeen } = run;
      if (passes === mustPass) return { kind: 'passed', batch, notSeen };
      if (!batch.isAnswered && mustPass) return { kind: 'unreachable', batch, route };
      return { kind: 'failed', batch, route };
    } catch (error) {
      if (!(error instanceof MeshmockError) || this.stop.aborted) throw error;
      // The change may add the service of the case. A misspelled name is refused in the phase where the case must pass.
      if (!mustPass && error.code === 'usage') return { kind: 'passed', batch: undefined, notSeen: [] };
      return { kind: 'refused', problem: error.message };
    } finally {
      progress.stop();
    }
  }

  private async runOne(testCase: Case, context: RunContext): Promise<CaseRun> {
    if (testCase.kind === 'expectations') return runCase(testCase, this.mesh, context);
    const { routeObserver } = this.mesh;
    if (routeObserver === undefined) throw new MeshmockError('internal', 'this mesh does not show its routes');
    return runRouteCase(testCase, routeObserver, context);
  }
}

function emptyResult(file: CaseFile, contrast: boolean): FileDraft {
  const cases = phaseRunsOf(file, contrast).flatMap(({ title, cases }) =>
    cases.map((one) => ({ ...one, phaseTitle: title, outcome: stopped, durationMs: 0 })),
  );
  return { name: file.name, cases, problem: undefined, coverage: undefined };
}
