import type { CaseFile } from '../../cases/case.ts';
import type { MeshUnderTest } from '../../cases/mesh-under-test.ts';
import type { SharedProgress } from '../output/shared-progress.ts';
import type { FileResult } from './case-result.ts';
import { FileQueue } from './file-queue.ts';
import { emptyResult, type FileDraft, FileRun } from './file-run.ts';
import type { TestSettings } from './test-options.ts';
import type { TestReport } from './test-report.ts';

/** Meshes and settings of a run. */
export interface TestRunContext {
  readonly settings: TestSettings;
  /** Meshes that run files at the same time. */
  readonly meshes: readonly MeshUnderTest[];
  readonly report: TestReport;
  readonly progress: SharedProgress;
  readonly stop: AbortSignal;
}

/** Run of all files. Each mesh runs one file after another. */
export class TestRun {
  private readonly files: readonly CaseFile[];
  private readonly drafts: readonly FileDraft[];
  private readonly context: TestRunContext;

  constructor(files: readonly CaseFile[], context: TestRunContext) {
    this.files = files;
    this.drafts = files.map((file) => emptyResult(file, context.settings.contrast));
    this.context = context;
  }

  /** Results of all files so far. Cases that have not run yet are `not_run`. */
  get results(): readonly FileResult[] {
    return this.drafts;
  }

  /**
   * Runs all files, or those before `stop` is aborted.
   *
   * @throws MeshmockError `machine` or `conflict` when this machine cannot run a mesh
   */
  async run(): Promise<void> {
    const queue = new FileQueue(this.files, this.context.meshes.length);
    /** Files that run now, by their mesh. */
    const running = new Map<MeshUnderTest, CaseFile>();
    const failed = new AbortController();
    const stop = AbortSignal.any([this.context.stop, failed.signal]);
    const runFiles = async (mesh: MeshUnderTest): Promise<void> => {
      let last: CaseFile | undefined;
      while (!stop.aborted) {
        const file = queue.take(last, [...running.values()]);
        if (file === undefined) return;
        running.set(mesh, file);
        await this.runFile(file, mesh, stop);
        running.delete(mesh);
        last = file;
      }
    };
    const runs = this.context.meshes.map(runFiles);
    // The first error is the one to report. The other meshes stop too, and their results so far are kept.
    for (const run of runs) run.catch(() => failed.abort());
    await Promise.allSettled(runs);
    await Promise.all(runs);
  }

  private async runFile(file: CaseFile, mesh: MeshUnderTest, stop: AbortSignal): Promise<void> {
    const { settings, meshes, report, progress } = this.context;
    const index = this.files.indexOf(file);
    const result = this.drafts[index] ?? emptyResult(file, settings.contrast);
    const prefix = meshes.length > 1 ? `${file.name}: ` : '';
    const beginProgress = (describe: () => string): (() => void) => progress.begin(() => prefix + describe());
    const fileReport = report.beginFile(index, file.name);
    await new FileRun(file, result, { settings, mesh, report: fileReport, beginProgress, stop }).run();
    fileReport.end();
  }
}
