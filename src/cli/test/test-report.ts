import type { Coverage } from '../../cases/coverage-result.ts';
import { printable } from '../../render/terminal-text.ts';
import { OrderedOutput } from '../output/ordered-output.ts';
import { paintOutput } from '../output/paint.ts';
import { type CaseResult, caseTitle, detailLines, type FileResult, type Outcome, refusedTitle } from './case-result.ts';
import { resultCounts } from './run-verdict.ts';

export interface ReportSettings {
  /** True if the mesh ends with the run, so that a case cannot be sent again. */
  readonly meshEnds: boolean;
  /** True if an untested part of the manifests is a failure. */
  readonly failUntested: boolean;
}

/** Report for people, written while the cases run. Files that run at the same time appear one after another. */
export class TestReport {
  private readonly write: (text: string) => void;
  private readonly settings: ReportSettings;
  private readonly output: OrderedOutput;

  /** @param write writes text of the report */
  constructor(write: (text: string) => void, settings: ReportSettings) {
    this.write = write;
    this.settings = settings;
    this.output = new OrderedOutput(write);
  }

  /** Begins the report of a file. Numbers of files begin at 0, and their reports appear in this order. */
  beginFile(number: number, name: string): FileReport {
    const report = new FileReport(this.output, number, this.settings);
    this.output.write(number, `${printable(name)}\n`);
    return report;
  }

  /** @param isComplete whether the run reached its end */
  end(results: readonly FileResult[], durationMs: number, isComplete: boolean): void {
    this.output.flush();
    const parts = resultCounts(results, this.settings.failUntested).map(({ text, isBad }) =>
      isBad ? paintOutput('bad', text) : text,
    );
    this.write(`\n${parts.join(', ')}${isComplete ? ' in' : ', stopped after'} ${(durationMs / 1000).toFixed(1)} s\n`);
  }
}

/** Part of the report about a file. */
export class FileReport {
  private readonly output: OrderedOutput;
  private readonly number: number;
  private readonly settings: ReportSettings;

  constructor(output: OrderedOutput, number: number, settings: ReportSettings) {
    this.output = output;
    this.number = number;
    this.settings = settings;
  }

  beginPhase(title: string): void {
    this.line(`  ${title}`);
  }

  /** Adds notes about the manifests of the file. */
  addNotes(notes: readonly string[]): void {
    for (const note of notes) this.line(`    ${paintOutput('faint', 'note')}  ${printable(note)}`);
  }

  /** Adds the reason why the mesh refuses the manifests of the file. */
  addRefusal(problem: string): void {
    this.line(`    ${paintOutput('bad', 'FAIL')}  ${refusedTitle}`);
    for (const line of problem.split('\n')) this.line(`          ${printable(line)}`);
  }

  add(result: CaseResult): void {
    const { outcome, durationMs } = result;
    const duration = outcome.kind === 'not_run' ? '' : `  ${(durationMs / 1000).toFixed(1)} s`;
    this.line(`    ${outcomeWord(outcome)}  ${printable(caseTitle(result))}${duration}`);
    for (const line of detailLines(
      result,
      this.settings.meshEnds ? '  # while the mesh is up: add --keep to meshmock test' : '',
    ))
      this.line(`          ${line}`.trimEnd());
  }

  /** Adds the parts of the manifests that no case of the file covers. */
  addCoverage({ untested, unknown }: Coverage): void {
    const paint = this.settings.failUntested ? 'bad' : 'faint';
    for (const { object, part, where } of untested)
      this.line(`    ${paintOutput(paint, 'untested')}  ${printable(`${object}: ${part}  ${where}`)}`);
    for (const { object, part, where, reason } of unknown)
      this.line(`    ${paintOutput('faint', 'unknown')}   ${printable(`${object}: ${part}  ${where}: ${reason}`)}`);
  }

  /** Ends the report of the file, so that the next one appears. */
  end(): void {
    this.output.end(this.number);
  }

  private line(text: string): void {
    this.output.write(this.number, `${text}\n`);
  }
}

function outcomeWord({ kind }: Outcome): string {
  switch (kind) {
    case 'passed':
      return paintOutput('good', 'pass');
    case 'skipped':
      return 'skip';
    case 'not_run':
      return 'not run';
    case 'failed':
    case 'unreachable':
    case 'refused':
      return paintOutput('bad', 'FAIL');
  }
}
