import type { Case } from '../../cases/case.ts';
import type { Coverage } from '../../cases/coverage-result.ts';
import type { ExpectationVerdict } from '../../expect/expectation-check.ts';
import { calledMethod } from '../../plan/grpc-method.ts';
import { authorityOf, hostHeaderOf, protocolOf } from '../../plan/plan.ts';
import { summaryNotes } from '../../render/summary-notes.ts';
import { printable } from '../../render/terminal-text.ts';
import { type CallResult, callMethod } from '../../reply/reply.ts';
import { quoteWord } from '../../send/forms/shell-words.ts';
import type { CallRoute, RequestBatch } from '../../send/request-batch.ts';
import { answerText } from '../output/answer-text.ts';

/** Outcome of a case. */
export type Outcome =
  /** `batch` is undefined if the case had to fail, and no service could take its request. */
  | { readonly kind: 'passed'; readonly batch: RequestBatch | undefined; readonly notSeen: readonly string[] }
  | { readonly kind: 'failed' | 'unreachable'; readonly batch: RequestBatch; readonly route: CallRoute }
  /** Nothing was sent, because the mesh refuses the case. */
  | { readonly kind: 'refused'; readonly problem: string }
  /** Nothing was sent, because the mesh refuses the manifests of the file, or the run ended earlier. */
  | { readonly kind: 'not_run'; readonly reason: string }
  | { readonly kind: 'skipped'; readonly reason: string };

/** Result of a case in one phase of its file. */
export interface CaseResult {
  readonly testCase: Case;
  /** Empty for a file without a change. */
  readonly phaseTitle: string;
  /** True if the case must pass in its phase, false if it must fail. */
  readonly mustPass: boolean;
  readonly outcome: Outcome;
  readonly durationMs: number;
}

export interface FileResult {
  readonly name: string;
  readonly cases: readonly CaseResult[];
  /** Reason why the mesh refuses the manifests; undefined if it does not. */
  readonly problem: string | undefined;
  /** Notes about the manifests. A note begins with `FILE:LINE:COLUMN: ` if its place is known. */
  readonly notes: readonly string[];
  /** Undefined if the mesh does not show it. */
  readonly coverage: Coverage | undefined;
}

/** Returns the parts of the manifests that no case of a file covers. */
export function untestedOf({ coverage }: FileResult): Coverage['untested'] {
  return coverage?.untested ?? [];
}

/** Title of a file's problem in reports. */
export const refusedTitle = 'the mesh refuses the manifests of this file';

/** Returns the title of a case in reports. */
export function caseTitle({ testCase, mustPass }: CaseResult): string {
  return mustPass ? testCase.name : `must fail: ${testCase.name}`;
}

/** Returns the title of a case, with its phase if its file has several. */
export function titleInPhase(result: CaseResult): string {
  return result.phaseTitle === '' ? caseTitle(result) : `${result.phaseTitle}: ${caseTitle(result)}`;
}

/**
 * Returns the lines of a report below the title of a case: why it did not pass, and how to send it again.
 *
 * @param rerunNote text that follows the command to send it again
 */
export function detailLines({ mustPass, outcome }: CaseResult, rerunNote = ''): string[] {
  switch (outcome.kind) {
    case 'passed':
      return outcome.notSeen.map((reason) => `not seen  ${printable(reason)}`);
    case 'skipped':
      return [printable(outcome.reason)];
    case 'not_run':
      return [];
    case 'refused':
      return outcome.problem.split('\n').map(printable);
    case 'failed':
    case 'unreachable': {
      const { batch, route } = outcome;
      const verdicts = mustPass
        ? batch.verdicts.filter(({ passed }) => !passed).flatMap(verdictLines)
        : ['every expectation holds, but one must fail', ...batch.verdicts.flatMap(verdictLines)];
      const { summary } = batch;
      const requests = summary === undefined ? [] : [`${summary.count} requests: ${summaryNotes(summary).join(' · ')}`];
      const rerun = `rerun     ${printable(rerunCommand(route))}${rerunNote}`;
      return [...verdicts, ...requests, ...answerLines(batch.call), rerun];
    }
  }
}

function verdictLines({ expectation, seen }: ExpectationVerdict): string[] {
  return [`expected  ${printable(expectation)}`, `seen      ${printable(seen)}`];
}

function answerLines(call: CallResult): string[] {
  if (call.error !== undefined) return [printable(`${call.target} does not answer: ${call.error.message}`)];
  return answerText(call).trimEnd().split('\n');
}

/** Returns the command for curl or grpcurl that sends a request again, or for meshmock where grpcurl needs a proto file. */
export function rerunCommand(route: CallRoute): string {
  const { target, headers, method, unwrap, connectTo } = route;
  const { scheme, address, authority, path } = target;
  const all = authority === undefined ? headers : [...headers, { name: 'host', value: authority }];
  const flags = all.map(({ name, value }) => ` -H ${quoteWord(`${name}: ${value}`)}`).join('');
  const isGrpc = protocolOf(scheme) === 'grpc';
  const connect = connectTo.map(
    ({ host, port, toHost, toPort }) =>
      ` --connect-to ${host}:${port}:${toHost.includes(':') ? `[${toHost}]` : toHost}:${toPort}`,
  );
  if (isGrpc && unwrap === undefined && calledMethod(scheme, target.plan) !== undefined)
    return `npx meshmock call ${quoteWord(`${scheme}:${authorityOf(address)}${path}`)}${flags}${connect.join('')}`;
  if (isGrpc) {
    const data = quoteWord(JSON.stringify({ path }));
    const name = connectTo.length === 0 ? '' : ` -authority ${hostHeaderOf({ scheme, ...address })}`;
    const plain = `${scheme === 'grpcs' ? ' -insecure' : ' -plaintext'}${name}`;
    return `grpcurl${plain}${flags} -d ${data} ${authorityOf(dialled(route))} ${callMethod}`;
  }
  // A person reads the tree more easily than JSON.
  const hasAccept = all.some(({ name }) => name.toLowerCase() === 'accept');
  const accept = hasAccept ? '' : ` -H ${quoteWord('Accept: text/plain')}`;
  const methodFlag = method === 'GET' ? '' : ` -X ${method}`;
  const url = connectTo.length === 0 ? authorityOf(address) : `${scheme}://${hostHeaderOf({ scheme, ...address })}`;
  // curl needs a file for a certificate.
  const insecure = scheme === 'https' ? ' -k' : '';
  return `curl -g${insecure}${connect.join('')}${methodFlag}${flags} ${quoteWord(url + path)}${accept}`;
}

/** Returns the address that the first request of a route dials. */
function dialled({ target: { address }, connectTo }: CallRoute): CallRoute['target']['address'] {
  const [first] = connectTo;
  return first === undefined ? address : { host: first.toHost, port: Number(first.toPort) };
}
