import type { Case } from '../cases/case.ts';
import type { Coverage } from '../cases/coverage.ts';
import type { Way } from '../cases/mesh-under-test.ts';
import type { Round } from '../cases/round.ts';
import type { Verdict } from '../expect/check.ts';
import { authorityOf } from '../plan/plan.ts';
import type { CallResult } from '../reply/reply.ts';
import { printable, summaryNotes } from '../reply/text.ts';
import { answerText } from './answer-text.ts';
import type { JunitCase, JunitSuite } from './junit.ts';
import { paintOutput } from './paint.ts';
import { quoteWord } from './shell-words.ts';

/** What became of a case. */
export type Outcome =
  | { readonly kind: 'passed'; readonly round: Round; readonly unseen: readonly string[] }
  | { readonly kind: 'failed' | 'unreachable'; readonly round: Round; readonly way: Way }
  /** Nothing was sent: the manifests were refused, or there is nobody to send it to. */
  | { readonly kind: 'refused'; readonly problem: string }
  | { readonly kind: 'skipped'; readonly reason: string };

export interface CaseResult {
  readonly testCase: Case;
  /** Of the manifests that were there; empty in a file without a change. */
  readonly step: string;
  /** Whether it had to hold then. */
  readonly isToHold: boolean;
  readonly outcome: Outcome;
  readonly durationMs: number;
}

export interface FileResult {
  readonly name: string;
  readonly cases: readonly CaseResult[];
  /** What no case has met, where that can be told. */
  readonly coverage: Coverage | undefined;
}

/** Writes for a person what becomes of cases, as it becomes. */
export class TestReport {
  private readonly stream: NodeJS.WritableStream | undefined;

  /** @param stream nothing is written if there is none */
  constructor(stream: NodeJS.WritableStream | undefined) {
    this.stream = stream;
  }

  beginFile(name: string): void {
    this.line(name);
  }

  beginStep(title: string): void {
    this.line(`  ${title}`);
  }

  /** The mesh has a file's manifests. */
  became(notes: readonly string[]): void {
    for (const note of notes) this.line(`    ${paintOutput('faint', 'note')}  ${printable(note)}`);
  }

  add(result: CaseResult): void {
    const { outcome, durationMs } = result;
    this.line(`    ${wordOf(outcome)}  ${printable(titleOf(result))}  ${(durationMs / 1000).toFixed(1)} s`);
    for (const line of detailsOf(result)) this.line(`          ${line}`.trimEnd());
  }

  /** What cases of a file have not met. */
  covered({ untested, unknown }: Coverage): void {
    for (const { object, part, where } of untested)
      this.line(`    ${paintOutput('faint', 'untested')}  ${printable(`${object}: ${part}`)}  ${where}`);
    for (const { object, part, where, reason } of unknown)
      this.line(
        `    ${paintOutput('faint', 'unknown')}   ${printable(`${object}: ${part}`)}  ${where}: ${printable(reason)}`,
      );
  }

  end(results: readonly FileResult[], durationMs: number): void {
    const outcomes = results.flatMap(({ cases }) => cases.map(({ outcome }) => outcome.kind));
    const count = (...kinds: readonly Outcome['kind'][]): number =>
      outcomes.filter((kind) => kinds.includes(kind)).length;
    const failed = count('failed', 'unreachable', 'refused');
    const skipped = count('skipped');
    const parts = [
      `${count('passed')} passed`,
      ...(failed === 0 ? [] : [paintOutput('bad', `${failed} failed`)]),
      ...(skipped === 0 ? [] : [`${skipped} skipped`]),
    ];
    this.line(`\n${parts.join(', ')} in ${(durationMs / 1000).toFixed(1)} s`);
  }

  private line(text: string): void {
    this.stream?.write(`${text}\n`);
  }
}

function wordOf({ kind }: Outcome): string {
  switch (kind) {
    case 'passed':
      return paintOutput('good', 'pass');
    case 'skipped':
      return 'skip';
    case 'failed':
    case 'unreachable':
    case 'refused':
      return paintOutput('bad', 'FAIL');
  }
}

function titleOf({ testCase, isToHold }: CaseResult): string {
  return isToHold ? testCase.name : `not so: ${testCase.name}`;
}

/** What somebody needs to know of a case that is not simply so. */
function detailsOf({ testCase, isToHold, outcome }: CaseResult): string[] {
  switch (outcome.kind) {
    case 'passed':
      return outcome.unseen.map((reason) => `not seen  ${printable(reason)}`);
    case 'skipped':
      return [printable(outcome.reason)];
    case 'refused':
      return outcome.problem.split('\n').map(printable);
    case 'failed':
    case 'unreachable': {
      const { round, way } = outcome;
      const expected = isToHold
        ? round.verdicts.filter(({ passed }) => !passed).flatMap(verdictLines)
        : ['every expectation holds, and one has to fail', ...round.verdicts.flatMap(verdictLines)];
      const summary =
        round.summary === undefined
          ? []
          : [`${round.summary.count} requests: ${summaryNotes(round.summary).join(' · ')}`];
      return [...expected, ...summary, ...treeLines(round.call), `again     ${commandOf(testCase, way)}`];
    }
  }
}

function verdictLines({ expectation, seen }: Verdict): string[] {
  return [`expected  ${printable(expectation)}`, `seen      ${printable(seen)}`];
}

function treeLines(call: CallResult): string[] {
  if (call.error !== undefined) return [`${call.target} does not answer: ${printable(call.error.message)}`];
  return answerText(call).trimEnd().split('\n');
}

/** What to type to see it oneself. */
function commandOf(testCase: Case, { target, headers, method = testCase.method }: Way): string {
  const { authority } = target;
  const all = [...headers, ...(authority === undefined ? [] : [{ name: 'host', value: authority }])];
  const flags = all.map(({ name, value }) => ` -H ${quoteWord(`${name}: ${value}`)}`).join('');
  const address = authorityOf(target.address);
  if (target.scheme === 'grpc')
    return `grpcurl -plaintext${flags} -d ${quoteWord(JSON.stringify({ path: target.path }))} ${address} meshmock.v1.MeshMock/Call`;
  return `curl -g${method === 'GET' ? '' : ` -X ${method}`}${flags} ${quoteWord(address + target.path)}`;
}

/** The cases of a file for a CI server. */
export function junitSuite({ name, cases }: FileResult): JunitSuite {
  return { name, cases: cases.map(junitCase) };
}

function junitCase(result: CaseResult): JunitCase {
  const { step, outcome, durationMs } = result;
  const name = step === '' ? titleOf(result) : `${step}: ${titleOf(result)}`;
  const lines = detailsOf(result);
  switch (outcome.kind) {
    case 'passed':
      return {
        name,
        durationMs,
        outcome: { kind: 'passed', output: outcome.round.verdicts.map(({ seen }) => seen).join('\n') },
      };
    case 'skipped':
      return { name, durationMs, outcome: { kind: 'skipped', message: outcome.reason } };
    case 'failed':
      return {
        name,
        durationMs,
        outcome: {
          kind: 'failure',
          message: lines.slice(0, 2).join(', ').replace(/ +/g, ' '),
          details: lines.join('\n'),
        },
      };
    case 'unreachable':
    case 'refused':
      return { name, durationMs, outcome: { kind: 'error', message: lines.join('\n') } };
  }
}

/** The cases of all files for programs. */
export function shownJson(results: readonly FileResult[]): object {
  return {
    files: results.map(({ name, cases, coverage }) => ({
      file: name,
      cases: cases.map(({ testCase, step, isToHold, outcome, durationMs }) => ({
        name: testCase.name,
        where: testCase.where,
        ...(step === '' ? {} : { step, hasToHold: isToHold }),
        outcome: outcome.kind,
        durationMs: Math.round(durationMs),
        ...shownOutcome(testCase, outcome),
      })),
      ...coverage,
    })),
  };
}

function shownOutcome(testCase: Case, outcome: Outcome): object {
  switch (outcome.kind) {
    case 'refused':
      return { problem: outcome.problem };
    case 'skipped':
      return { problem: outcome.reason };
    case 'passed': {
      const { round, unseen } = outcome;
      return { ...shownRound(round), ...(unseen.length === 0 ? {} : { notSeen: unseen }) };
    }
    case 'failed':
    case 'unreachable':
      return { ...shownRound(outcome.round), again: commandOf(testCase, outcome.way) };
  }
}

function shownRound({ verdicts, summary, call }: Round): object {
  return { expectations: verdicts, summary, call };
}
