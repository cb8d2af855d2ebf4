import { type CalleeMesh, type CallResult, callMethod, type Reply } from '../reply/reply.ts';
import { outcomeOf } from '../reply/status.ts';
import { summaryNotes } from './summary-notes.ts';

/** One service or call of the tree, before it is laid out. */
export interface TreeRow {
  /** Lines of the tree in front of the name, such as `│  └─ `. */
  readonly branch: string;
  /** Lines of the tree under the name, in front of notes that need their own lines. */
  readonly branchBelow: string;
  readonly name: string;
  readonly pod: string | undefined;
  /** Status, or the code of the error. */
  readonly outcome: string;
  /** Milliseconds since the first service began. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly notes: readonly string[];
}

/** Returns the rows of a reply: first the service itself, then its calls, each followed by the calls below it. */
export function treeRows(reply: Reply): TreeRow[] {
  const { durationMs = 0, calls = [] } = reply;
  const root = {
    branch: '',
    branchBelow: calls.length === 0 ? '   ' : '│  ',
    name: nameOf(reply),
    pod: reply.pod,
    outcome: String(reply.status),
    startMs: 0,
    durationMs,
    notes: [...calleeNotes(reply.mesh), ...behaviourNote(reply), ...prunedNote(reply)],
  };
  return [root, ...rowsBelow(reply, '', 0)];
}

function rowsBelow(reply: Reply, indent: string, startMs: number): TreeRow[] {
  const calls = reply.calls ?? [];
  return calls.flatMap((call, index) => {
    const isLast = index === calls.length - 1;
    const indentBelow = `${indent}${isLast ? '   ' : '│  '}`;
    const row = callRow(call, `${indent}${isLast ? '└─ ' : '├─ '}`, indentBelow, startMs);
    if (call.reply === undefined) return [row];
    // A reply does not say how long the request and the answer travelled. Each gets half of the difference.
    const travelMs = Math.max(0, (row.durationMs - (call.reply.durationMs ?? row.durationMs)) / 2);
    return [row, ...rowsBelow(call.reply, indentBelow, row.startMs + travelMs)];
  });
}

function callRow(call: CallResult, branch: string, indentBelow: string, parentStartMs: number): TreeRow {
  const { reply, startMs = 0, durationMs = 0 } = call;
  return {
    branch,
    branchBelow: indentBelow + ((reply?.calls ?? []).length === 0 ? '   ' : '│  '),
    name: callName(call),
    pod: reply?.pod,
    outcome: outcomeOf(call),
    startMs: parentStartMs + startMs,
    durationMs,
    notes: callNotes(call),
  };
}

function callName({ target, reply, summary }: CallResult): string {
  if (reply === undefined) return summary === undefined ? target : `${target} *${summary.count}`;
  return target.startsWith(`${reply.service}:`) ? nameOf(reply) : `${target} → ${nameOf(reply)}`;
}

function nameOf({ service, version }: Reply): string {
  return version === undefined ? service : `${service} ${version}`;
}

function callNotes(call: CallResult): string[] {
  const { reply, pruned, error, summary } = call;
  return [
    ...schemeNote(call),
    ...(error === undefined ? [] : [error.message]),
    ...(call.answeredBy === 'foreign' ? ['foreign'] : []),
    ...(summary === undefined ? refusalNote(call) : []),
    ...bodyNote(call),
    ...(pruned === undefined ? [] : [`reply of ${pruned.bytes} bytes left out: ${pruned.reason}`]),
    ...(summary === undefined ? [] : summaryNotes(summary)),
    ...(call.attempts === undefined ? [] : [`tried ${call.attempts.join(', ')}`]),
    ...tlsNote(call),
    ...streamNote(call),
    ...calleeNotes(reply?.mesh),
    ...proxyNote(call),
    ...(reply === undefined ? [] : behaviourNote(reply)),
    ...(reply?.error === undefined ? [] : [reply.error.message]),
    ...(reply === undefined ? [] : prunedNote(reply)),
  ];
}

function schemeNote({ scheme, grpcStatus = 'OK', httpVersion, reply }: CallResult): string[] {
  if (httpVersion !== undefined) return [`${scheme} over HTTP/${httpVersion}`];
  if (scheme === 'http') return [];
  const { protocol, method = '' } = reply?.request ?? {};
  const called = protocol === 'grpc' && method !== callMethod ? ` ${method}` : '';
  return [grpcStatus === 'OK' ? `${scheme}${called}` : `${scheme}${called} ${grpcStatus}`];
}

function calleeNotes(mesh: CalleeMesh | undefined): string[] {
  const { attempt, peerIdentity, ownIdentity } = mesh ?? {};
  return [
    ...(attempt === undefined || attempt === 1 ? [] : [`attempt ${attempt}`]),
    ...(peerIdentity === undefined ? [] : [`mTLS ${accountOf(peerIdentity)}→${accountOf(ownIdentity ?? '?')}`]),
  ];
}

/** Returns the identities of both ends of a connection with client certificates. */
function tlsNote({ tls, reply }: CallResult): string[] {
  const peer = reply?.request?.tls?.peer;
  return peer === undefined ? [] : [`mTLS ${accountOf(peer)}→${accountOf(tls?.peer ?? '?')}`];
}

/** Returns the parts of an answer that arrived in more than one. */
function streamNote({ stream }: CallResult): string[] {
  const { events = 0, chunks = 0, firstByteMs } = stream ?? {};
  if (firstByteMs === undefined || (events === 0 && chunks < 2)) return [];
  return [`${events === 0 ? `${chunks} chunks` : `${events} events`}, the first after ${firstByteMs} ms`];
}

/** Shortens `spiffe://cluster.local/ns/default/sa/client` to `client`. */
function accountOf(identity: string): string {
  return identity.split('/').at(-1) ?? identity;
}

/** Returns the reason of a proxy's refusal and the first sentence of its explanation. */
function refusalNote({ mesh }: CallResult): string[] {
  if (mesh?.refusal === undefined) return [];
  const { reason, explanation } = mesh.refusal;
  return [`refused by the proxy: ${reason} (${explanation.split('. ', 1)[0]})`];
}

/** Returns the first line of a body. A refusal with a known reason has a note that says more than its body. */
function bodyNote({ body, mesh }: CallResult): string[] {
  const isKnown = mesh?.refusal !== undefined && mesh.refusal.reason !== 'unknown';
  return body === undefined || isKnown ? [] : [firstLine(body)];
}

function firstLine(body: string): string {
  const line = body.trim().split('\n', 1)[0] ?? '';
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

/**
 * Returns the time that a proxy took: the time of the call less the time for which the proxy waited for its upstream.
 * The proxy reports whole milliseconds, so the result may be up to 1 ms too long. The proxy's time covers one attempt,
 * so for a call with several attempts the note has no time.
 */
function proxyNote({ mesh, durationMs, attempts, summary }: CallResult): string[] {
  const { proxy, upstreamMs, refusal } = mesh ?? {};
  if (refusal !== undefined || summary !== undefined || (proxy === undefined && upstreamMs === undefined)) return [];
  if (upstreamMs === undefined || durationMs === undefined || attempts !== undefined) return ['proxy'];
  return [`proxy ${Math.max(0, durationMs - upstreamMs).toFixed(1)} ms`];
}

function behaviourNote({ behaviour = [] }: Reply): string[] {
  return behaviour.length === 0 ? [] : [behaviour.map((directive) => `~${directive}`).join(' ')];
}

function prunedNote({ prunedCalls }: Reply): string[] {
  return prunedCalls === undefined ? [] : [`${prunedCalls} calls below left out`];
}
