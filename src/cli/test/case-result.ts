import type { Case } from '../../cases/case.ts';
import type { Coverage } from '../../cases/finding.ts';
import type { Verdict } from '../../expect/check.ts';
import { authorityOf } from '../../plan/plan.ts';
import type { CallResult } from '../../reply/reply.ts';
import { printable, summaryNotes } from '../../reply/text.ts';
import type { CallRoute, RequestBatch } from '../../send/request-batch.ts';
import { quoteWord } from '../../send/shell-words.ts';
import { answerText } from '../output/answer-text.ts';

/** What became of a case. */
export type Outcome =
  /** Without a round where it had to fail, and nobody was there whom it could begin with. */
  | { readonly kind: 'passed'; readonly round?: RequestBatch; readonly unseen: readonly string[] }
  | { readonly kind: 'failed' | 'unreachable'; readonly round: RequestBatch; readonly way: CallRoute }
  /** Nothing was sent: there is nobody to send it to. */
  | { readonly kind: 'refused'; readonly problem: string }
  /** Nor here: the mesh does not take the manifests of its file, or the run ended before. */
  | { readonly kind: 'not_run'; readonly reason: string }
  | { readonly kind: 'skipped'; readonly reason: string };

export interface CaseResult {
  readonly testCase: Case;
  /** Of the manifests that were there; empty in a file without a change. */
  readonly phaseTitle: string;
  /** Whether it had to hold then. */
  readonly mustPass: boolean;
  readonly outcome: Outcome;
  readonly durationMs: number;
}

export interface FileResult {
  readonly name: string;
  readonly cases: readonly CaseResult[];
  /** Why the mesh does not take its manifests, if so. */
  readonly problem: string | undefined;
  /** What no case has met, where that can be told. */
  readonly coverage: Coverage | undefined;
}

/** What no case of a file has met, as far as that can be told. */
export function untestedOf({ coverage }: FileResult): Coverage['untested'] {
  return coverage?.untested ?? [];
}

/** What a report says of a file whose manifests the mesh does not take. */
export const refusedTitle = 'the mesh does not take its manifests';

/** A case as it stands in a report. */
export function caseTitle({ testCase, mustPass }: CaseResult): string {
  return mustPass ? testCase.name : `not so: ${testCase.name}`;
}

/** What somebody needs to know of a case that is not simply so. @param again what to add to the command that repeats it */
export function detailLines({ testCase, mustPass, outcome }: CaseResult, again = ''): string[] {
  switch (outcome.kind) {
    case 'passed':
      return outcome.unseen.map((reason) => `not seen  ${printable(reason)}`);
    case 'skipped':
      return [printable(outcome.reason)];
    case 'not_run':
      return [];
    case 'refused':
      return outcome.problem.split('\n').map(printable);
    case 'failed':
    case 'unreachable': {
      const { round, way } = outcome;
      const expected = mustPass
        ? round.verdicts.filter(({ passed }) => !passed).flatMap(verdictLines)
        : ['every expectation holds, and one has to fail', ...round.verdicts.flatMap(verdictLines)];
      const summary =
        round.summary === undefined
          ? []
          : [`${round.summary.count} requests: ${summaryNotes(round.summary).join(' · ')}`];
      return [
        ...expected,
        ...summary,
        ...treeLines(round.call),
        `again     ${printable(rerunCommand(testCase, way))}${again}`,
      ];
    }
  }
}

function verdictLines({ expectation, seen }: Verdict): string[] {
  return [`expected  ${printable(expectation)}`, `seen      ${printable(seen)}`];
}

function treeLines(call: CallResult): string[] {
  if (call.error !== undefined) return [printable(`${call.target} does not answer: ${call.error.message}`)];
  return answerText(call).trimEnd().split('\n');
}

/** What to type to see it oneself. */
export function rerunCommand(testCase: Case, { target, headers, method = testCase.method }: CallRoute): string {
  const { authority } = target;
  const all = [...headers, ...(authority === undefined ? [] : [{ name: 'host', value: authority }])];
  // A person wants the tree, not JSON.
  const asTree =
    target.scheme === 'grpc' || all.some(({ name }) => name.toLowerCase() === 'accept')
      ? ''
      : ` -H ${quoteWord('Accept: text/plain')}`;
  const flags = all.map(({ name, value }) => ` -H ${quoteWord(`${name}: ${value}`)}`).join('');
  const address = authorityOf(target.address);
  if (target.scheme === 'grpc')
    return `grpcurl -plaintext${flags} -d ${quoteWord(JSON.stringify({ path: target.path }))} ${address} meshmock.v1.MeshMock/Call`;
  return `curl -g${method === 'GET' ? '' : ` -X ${method}`}${flags} ${quoteWord(address + target.path)}${asTree}`;
}
