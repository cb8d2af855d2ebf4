import { type TreeRow, treeRows } from '../../render/tree-rows.ts';
import type { CallResult, Reply, Summary } from '../../reply/reply.ts';
import { callVerdict } from '../../reply/status.ts';

/** Meaning of a result, which a page shows in colour and in words: a proxy's refusal differs from an error. */
export type Tone = 'good' | 'notice' | 'refused' | 'bad';

/** One service or call of a reply, with those below it. */
export interface CallRow extends Pick<TreeRow, 'name' | 'pod' | 'outcome' | 'startMs' | 'durationMs' | 'notes'> {
  /** Place in the tree: the indexes of the calls from the root, such as `0.2`; empty for the root. */
  readonly id: string;
  readonly tone: Tone;
  /** True if the service failed only because a call of its own failed, which is among the children. */
  readonly isInherited: boolean;
  /** Number of the stage, from 0; undefined for the root, and if its caller has one stage. */
  readonly stage: number | undefined;
  /** Time in the proxy of the caller, in milliseconds; undefined if no proxy reported one. */
  readonly proxyMs: number | undefined;
  /** Call as its caller sees it; undefined for the root. */
  readonly call: CallResult | undefined;
  /** Reply of the service; undefined if none arrived. */
  readonly reply: Reply | undefined;
  readonly children: readonly CallRow[];
}

/**
 * Returns the tree of a reply, with the words of the text form.
 *
 * @example
 * callRows(reply).children[0]?.outcome; // '200'
 */
export function callRows(reply: Reply): CallRow {
  const words = treeRows(reply).values();
  const next = (): TreeRow => words.next().value as TreeRow;
  const root = next();
  const children = childrenOf(reply, '', next);
  return {
    ...wordsOf(root),
    id: '',
    tone: reply.error !== undefined || reply.status >= 400 ? 'bad' : 'good',
    isInherited: inherits(reply, children),
    stage: undefined,
    proxyMs: undefined,
    call: undefined,
    reply,
    children,
  };
}

function childrenOf({ calls = [] }: Reply, parent: string, next: () => TreeRow): CallRow[] {
  const hasStages = new Set(calls.map(({ stage = 0 }) => stage)).size > 1;
  return calls.map((call, index) => {
    const id = parent === '' ? String(index) : `${parent}.${index}`;
    const row = next();
    const children = call.reply === undefined ? [] : childrenOf(call.reply, id, next);
    return {
      ...wordsOf(row),
      ...(call.summary === undefined ? {} : { outcome: repeatedOutcome(call.summary) }),
      id,
      tone: toneOf(call),
      isInherited: call.reply !== undefined && inherits(call.reply, children),
      stage: hasStages ? (call.stage ?? 0) : undefined,
      proxyMs: proxyMsOf(call),
      call,
      reply: call.reply,
      children,
    };
  });
}

/** Reports whether the status of a reply is that of its calls: 502 or 504, one of which failed, and no error of its own. */
function inherits({ status, error }: Reply, children: readonly CallRow[]): boolean {
  const hasFailed = children.some((child) => failedCallsOf(child) > 0);
  return error === undefined && (status === 502 || status === 504) && hasFailed;
}

function wordsOf({ name, pod, outcome, startMs, durationMs, notes }: TreeRow): Omit<TreeRow, 'branch' | 'branchBelow'> {
  return { name, pod, outcome, startMs, durationMs, notes };
}

/** Returns how many calls of a repeated call were answered without an error. */
function repeatedOutcome(summary: Summary): string {
  const failed = failuresOf(summary);
  return failed === 0 ? `all ${summary.count} ok` : `${summary.count - failed} of ${summary.count} ok`;
}

/** Returns the number of calls of a repeated call that have no answer, or one with the status of an error. */
export function failuresOf({ byStatus = {} }: Summary): number {
  return Object.entries(byStatus).reduce((sum, [status, times]) => (isGoodStatus(status) ? sum : sum + times), 0);
}

/** Returns the number of calls of a row that failed or were refused: 0 or 1, unless the call is a repeated one. */
export function failedCallsOf({ call, tone }: Pick<CallRow, 'call' | 'tone'>): number {
  if (call?.summary !== undefined) return failuresOf(call.summary);
  return tone === 'bad' || tone === 'refused' ? 1 : 0;
}

/** Reports whether a key of `byStatus` is a status without an error. */
export function isGoodStatus(status: string): boolean {
  return /^[1-3]\d\d$/.test(status);
}

/** Returns the tone of a call. */
export function toneOf(call: CallResult): Tone {
  const { summary } = call;
  // A repeated call with some failures is shown by its first failed call, but most calls may be good.
  if (summary !== undefined && failuresOf(summary) < summary.count)
    return failuresOf(summary) === 0 ? 'good' : 'notice';
  if (call.mesh?.refusal !== undefined) return 'refused';
  if (callVerdict(call) !== 'ok') return 'bad';
  return (call.status ?? 200) >= 400 ? 'notice' : 'good';
}

/** Returns the time of a call less that for which the proxy waited for its upstream, if the proxy reported it for one attempt. */
function proxyMsOf({ mesh, durationMs, attempts, summary }: CallResult): number | undefined {
  if (mesh?.upstreamMs === undefined || durationMs === undefined) return undefined;
  if (mesh.refusal !== undefined || attempts !== undefined || summary !== undefined) return undefined;
  return Math.min(durationMs, Math.max(0, durationMs - mesh.upstreamMs));
}

/** Returns a row and all rows below it, in the order of the tree. */
export function allRows(row: CallRow): CallRow[] {
  return [row, ...row.children.flatMap(allRows)];
}
