import type { Coverage } from '../../cases/coverage-result.ts';
import { printable } from '../../render/terminal-text.ts';
import { paintOutput } from '../output/paint.ts';
import {
  type CaseResult,
  caseTitle,
  detailLines,
  type FileResult,
  type Outcome,
  refusedTitle,
  untestedOf,
} from './case-result.ts';

export interface ReportSettings {
  /** True if the mesh ends with the run, so that a case cannot be sent again. */
  readonly meshEnds: boolean;
  /** True if an untested part of the manifests is a failure. */
  readonly failUntested: boolean;
}

/** Report for people, written while the cases run. */
export class TestReport {
  private readonly stream: NodeJS.WritableStream | undefined;
  private readonly settings: ReportSettings;

  /** @param stream undefined to write nothing */
  constructor(stream: NodeJS.WritableStream | undefined, settings: ReportSettings) {
    this.stream = stream;
    this.settings = settings;
  }

  beginFile(name: string): void {
    this.line(printable(name));
  }

  beginPhase(title: string): void {
    this.line(`  ${title}`);
  }

  /** Adds notes about the manifests of a file. */
  addNotes(notes: readonly string[]): void {
    for (const note of notes) this.line(`    ${paintOutput('faint', 'note')}  ${printable(note)}`);
  }

  /** Adds the reason why the mesh refuses the manifests of a file. */
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

  /** Adds the parts of the manifests that no case of a file covers. */
  addCoverage({ untested, unknown }: Coverage): void {
    const paint = this.settings.failUntested ? 'bad' : 'faint';
    for (const { object, part, where } of untested)
      this.line(`    ${paintOutput(paint, 'untested')}  ${printable(`${object}: ${part}  ${where}`)}`);
    for (const { object, part, where, reason } of unknown)
      this.line(`    ${paintOutput('faint', 'unknown')}   ${printable(`${object}: ${part}  ${where}: ${reason}`)}`);
  }

  /** @param isComplete whether the run reached its end */
  end(results: readonly FileResult[], durationMs: number, isComplete: boolean): void {
    const outcomes = results.flatMap(({ cases }) => cases.map(({ outcome }) => outcome.kind));
    const count = (...kinds: readonly Outcome['kind'][]): number =>
      outcomes.filter((kind) => kinds.includes(kind)).length;
    const failed = count('failed', 'unreachable', 'refused');
    const refused = results.filter(({ problem }) => problem !== undefined).length;
    const untested = this.settings.failUntested ? results.flatMap(untestedOf).length : 0;
    const parts = [
      `${count('passed')} passed`,
      ...(failed === 0 ? [] : [paintOutput('bad', `${failed} failed`)]),
      ...(refused === 0 ? [] : [paintOutput('bad', `${refused} ${refused === 1 ? 'file' : 'files'} refused`)]),
      ...(untested === 0 ? [] : [paintOutput('bad', `${untested} untested`)]),
      ...(['skipped', 'not_run'] as const).flatMap((kind) =>
        count(kind) === 0 ? [] : [`${count(kind)} ${kind.replace('_', ' ')}`],
      ),
    ];
    this.line(`\n${parts.join(', ')}${isComplete ? ' in' : ', stopped after'} ${(durationMs / 1000).toFixed(1)} s`);
  }

  private line(text: string): void {
    this.stream?.write(`${text}\n`);
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
