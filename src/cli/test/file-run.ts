import { runRouteCase } from '../../cases/asserted-routes/run-route-case.ts';
import type { Case, CaseFile } from '../../cases/case.ts';
import type { Coverage } from '../../cases/coverage-result.ts';
import type { MeshUnderTest, Phase } from '../../cases/mesh-under-test.ts';
import { type CaseInPhase, type PhaseRun, phaseRunsOf } from '../../cases/phases.ts';
import { type CaseRun, type RunContext, runCase } from '../../cases/run-case.ts';
import type { ErrorCode } from '../../error/error-code.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { programVersion } from '../process/program-version.ts';
import { type CaseResult, type FileResult, type Outcome, refusedTitle } from './case-result.ts';
import type { TestSettings } from './test-options.ts';
import type { FileReport } from './test-report.ts';

/** Result of a file while its cases run. */
export type FileDraft = { -readonly [Field in keyof FileResult]: FileResult[Field] };

const stopped: Outcome = { kind: 'not_run', reason: 'stopped' };

/** Errors that end the run, because they would be the same for every file. */
const fatalCodes: readonly ErrorCode[] = ['machine', 'conflict'];

/** Mesh and settings for the run of a file. */
export interface FileRunContext {
  readonly settings: TestSettings;
  readonly mesh: MeshUnderTest;
  readonly report: FileReport;
  /**
   * Shows the progress of an action.
   *
   * @returns a function that ends it
   */
  readonly beginProgress: (describe: () => string) => () => void;
  readonly stop: AbortSignal;
}

/** Returns the result of a file whose cases have not run yet. */
export function emptyResult(file: CaseFile, contrast: boolean): FileDraft {
  const cases = phaseRunsOf(file, contrast).flatMap(({ title, cases }) =>
    cases.map((one) => ({ ...one, phaseTitle: title, outcome: stopped, durationMs: 0 })),
  );
  return { name: file.name, cases, problem: undefined, notes: [], coverage: undefined };
}

/** Run of the cases of a file on a mesh, one after the other. */
export class FileRun {
  private readonly file: CaseFile;
  private readonly result: FileDraft;
  private readonly context: FileRunContext;
  private readonly userAgent = `meshmock/${programVersion()}`;

  /** @param result receives the results of the cases while they run */
  constructor(file: CaseFile, result: FileDraft, context: FileRunContext) {
    this.file = file;
    this.result = result;
    this.context = context;
  }

  /**
   * Runs all cases, or those before `stop` is aborted.
   *
   * @throws MeshmockError `machine` or `conflict` when this machine cannot run the mesh
   */
  async run(): Promise<void> {
    const { file, result } = this;
    const { settings, report, stop } = this.context;
    let done = 0;
    for (const phaseRun of phaseRunsOf(file, settings.contrast)) {
      if (stop.aborted) return;
      if (phaseRun.title !== '') report.beginPhase(phaseRun.title);
      // The phases share manifests: after a refusal, the later phases do not run.
      result.problem ??= await this.unlessStopped(() => this.apply(phaseRun.phase));
      const results: CaseResult[] = [];
      for await (const one of this.runPhase(phaseRun, result.problem === undefined)) {
        results.push(one);
        result.cases = result.cases.with(done++, one);
      }
      if (phaseRun.phase === 'after' && this.showsCoverage(results))
        result.coverage = await this.unlessStopped(() => this.coverage());
    }
    if (result.coverage === undefined) return;
    report.addCoverage(result.coverage);
    const unsent = result.cases.filter(({ outcome }) => outcome.kind === 'refused').length;
    if (unsent > 0 && result.coverage.untested.length > 0)
      this.addNotes([`${countOf(unsent)} not sent: a part is untested too if only such a case covers it`]);
  }

  /** Adds notes to the result and to the report. The phases of a file share most of their notes. */
  private addNotes(notes: readonly string[]): void {
    this.result.notes = [...new Set([...this.result.notes, ...notes])];
    this.context.report.addNotes(notes);
  }

  /** Runs an action. Returns undefined when the run is stopped before it or during it, whether it fails or not. */
  private async unlessStopped<T>(action: () => Promise<T>): Promise<T | undefined> {
    if (this.context.stop.aborted) return undefined;
    try {
      return await action();
    } catch (error) {
      if (!this.context.stop.aborted) throw error;
      return undefined;
    }
  }

  /** Returns the coverage of the manifests. A failure is only a note, because the results of the cases are valid. */
  private async coverage(): Promise<Coverage | undefined> {
    try {
      return await this.context.mesh.coverage(this.context.stop);
    } catch (error) {
      if (!(error instanceof MeshmockError) || this.context.stop.aborted) throw error;
      this.addNotes([`cannot determine which parts are untested: ${error.message}`]);
      return undefined;
    }
  }

  /** Reports whether an uncovered part is untested: the cases had their turn, also those that could not be sent. */
  private showsCoverage(results: readonly CaseResult[]): boolean {
    const { only } = this.context.settings;
    return only.length === 0 && results.every(({ outcome: { kind } }) => kind !== 'not_run');
  }

  private async *runPhase({ phase, title, cases }: PhaseRun, isApplied: boolean): AsyncGenerator<CaseResult> {
    for (const { testCase, mustPass } of cases) {
      const startedAt = performance.now();
      const outcome: Outcome = isApplied
        ? ((await this.unlessStopped(() => this.outcomeOf({ testCase, mustPass }, phase))) ?? stopped)
        : { kind: 'not_run', reason: refusedTitle };
      const durationMs = performance.now() - startedAt;
      const result = { testCase, phaseTitle: title, mustPass, outcome, durationMs };
      if (outcome !== stopped) this.context.report.add(result);
      yield result;
    }
  }

  /** Applies the manifests of a phase. Reports and returns the reason if the mesh refuses them. */
  private async apply(phase: Phase): Promise<string | undefined> {
    const endProgress = this.context.beginProgress(() => 'applying the manifests');
    try {
      this.addNotes(await this.context.mesh.applyPhase(this.file, phase, this.context.stop));
      return undefined;
    } catch (error) {
      if (!(error instanceof MeshmockError) || fatalCodes.includes(error.code) || this.context.stop.aborted)
        throw error;
      this.context.report.addRefusal(error.message);
      return error.message;
    } finally {
      endProgress();
    }
  }

  private async outcomeOf({ testCase, mustPass }: CaseInPhase, phase: Phase): Promise<Outcome> {
    const skipReason = this.context.mesh.skipReason(testCase, phase);
    if (skipReason !== undefined) return { kind: 'skipped', reason: skipReason };
    let answers = 0;
    // A case that asserts a route chooses the number of its requests itself.
    const total = testCase.kind === 'route' ? '' : ` of ${testCase.repeat}`;
    const endProgress = this.context.beginProgress(() => `${testCase.name}: ${answers}${total} answers`);
    const context = { userAgent: this.userAgent, onAnswer: () => answers++, stop: this.context.stop };
    try {
      // A case that must fail is not retried until it passes.
      const run = await this.runOne(mustPass ? testCase : { ...testCase, retryUntilMs: 0 }, context);
      if (run.kind === 'not_seen') return { kind: 'skipped', reason: run.reasons.join('; ') };
      const { batch, route, passes, notSeen } = run;
      if (passes === mustPass) return { kind: 'passed', batch, notSeen };
      if (!batch.isAnswered && mustPass) return { kind: 'unreachable', batch, route };
      return { kind: 'failed', batch, route };
    } catch (error) {
      if (!(error instanceof MeshmockError) || this.context.stop.aborted) throw error;
      // The change may add the service of the case. A misspelled name is refused in the phase where the case must pass.
      if (!mustPass && error.code === 'usage') return { kind: 'passed', batch: undefined, notSeen: [] };
      return { kind: 'refused', problem: error.message };
    } finally {
      endProgress();
    }
  }

  private async runOne(testCase: Case, context: RunContext): Promise<CaseRun> {
    if (testCase.kind === 'expectations') return runCase(testCase, this.context.mesh, context);
    const { routeObserver } = this.context.mesh;
    if (routeObserver === undefined) throw new MeshmockError('internal', 'this mesh does not show its routes');
    return runRouteCase(testCase, routeObserver, context);
  }
}

function countOf(cases: number): string {
  return cases === 1 ? '1 case was' : `${cases} cases were`;
}
