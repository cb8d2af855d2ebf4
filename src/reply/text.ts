import type { CalleeMesh, CallResult, Counts, Reply, Summary } from './reply.ts';
import { outcomeOf } from './status.ts';

/** One line of the tree, before the columns are aligned. Times are from the root's beginning. */
interface Row {
  readonly label: string;
  readonly outcome: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly notes: readonly string[];
}

const barWidth = 24;

/** How a piece of text is to be seen, where there are colours. */
export type Style = 'good' | 'notice' | 'bad' | 'faint';

/** Puts a piece of text into a style. */
export type Paint = (style: Style, text: string) => string;

const plain: Paint = (_style, text) => text;

/** Draws a reply for a terminal: a tree of who answered what, how long it took, and when in the whole that was. */
export function renderText(reply: Reply, paint = plain): string {
  const { request, traceId, error, body } = reply;
  const rows = [rootRow(reply), ...rowsOf(reply, '', 0)];
  const lines = [
    ...(request === undefined ? [] : [printable(`${request.method} ${request.uri}`)]),
    ...drawRows(rows, paint),
    ...(error === undefined ? [] : ['', ...[error.message, ...(error.caret ?? [])].map(printable)]),
    ...(body === undefined ? [] : ['', ...body.split('\n').map(printable)]),
    ...(reply.try ?? []).map((command) => `  ${printable(command)}`),
    ...(traceId === undefined ? [] : ['', printable(`trace ${traceId}`)]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** What others wrote must not steer the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '�');
}

function rootRow(reply: Reply): Row {
  const { durationMs = 0 } = reply;
  return {
    label: nameOf(reply),
    outcome: String(reply.status),
    startMs: 0,
    durationMs,
    notes: [...calleeNotes(reply.mesh), ...behaviourNote(reply), ...prunedNote(reply)],
  };
}

function rowsOf(reply: Reply, indent: string, startMs: number): Row[] {
  const calls = reply.calls ?? [];
  return calls.flatMap((call, index) => {
    const isLast = index === calls.length - 1;
    const row = callRow(call, `${indent}${isLast ? '└─ ' : '├─ '}`, startMs);
    if (call.reply === undefined) return [row];
    // Nobody tells what the way there and the way back took: half of the difference each.
    const waySpentMs = Math.max(0, (row.durationMs - (call.reply.durationMs ?? row.durationMs)) / 2);
    return [row, ...rowsOf(call.reply, `${indent}${isLast ? '   ' : '│  '}`, row.startMs + waySpentMs)];
  });
}

function callRow(call: CallResult, branch: string, parentStartMs: number): Row {
  const { reply, summary, startMs = 0, durationMs = 0 } = call;
  const repeated = summary === undefined ? '' : ` *${summary.count}`;
  const name = reply === undefined ? call.target + repeated : nameOf(reply);
  return {
    label:
      branch + (reply === undefined || call.target.startsWith(`${reply.service}:`) ? name : `${call.target} → ${name}`),
    outcome: outcomeOf(call),
    startMs: parentStartMs + startMs,
    durationMs,
    notes: callNotes(call),
  };
}

function callNotes(call: CallResult): string[] {
  const { reply, error, summary } = call;
  return [
    ...(call.scheme === 'http'
      ? []
      : [
          call.grpcStatus === undefined || call.grpcStatus === 'OK' ? call.scheme : `${call.scheme} ${call.grpcStatus}`,
        ]),
    ...(error === undefined ? [] : [error.message]),
    ...(call.answeredBy === 'foreign' ? ['foreign'] : []),
    ...(summary === undefined ? refusalNote(call) : []),
    ...bodyNote(call),
    ...(summary === undefined ? [] : summaryNotes(summary)),
    ...(call.attempts === undefined ? [] : [`tried ${call.attempts.join(', ')}`]),
    ...calleeNotes(reply?.mesh),
    ...proxyNote(call),
    ...(reply === undefined ? [] : behaviourNote(reply)),
    ...(reply?.error === undefined ? [] : [reply.error.message]),
    ...(reply === undefined ? [] : prunedNote(reply)),
  ];
}

function nameOf({ service, version, pod }: Reply): string {
  return [service, version, pod === undefined ? undefined : `(${pod})`].filter((part) => part !== undefined).join(' ');
}

function calleeNotes(mesh: CalleeMesh | undefined): string[] {
  const { attempt, peerIdentity, ownIdentity } = mesh ?? {};
  return [
    ...(attempt === undefined || attempt === 1 ? [] : [`attempt ${attempt}`]),
    ...(peerIdentity === undefined ? [] : [`mTLS ${accountOf(peerIdentity)}→${accountOf(ownIdentity ?? '?')}`]),
  ];
}

/** The words for a proxy's refusal: its reason, and the first sentence of what explains it. */
function refusalNote({ mesh }: CallResult): string[] {
  if (mesh?.refusal === undefined) return [];
  const { reason, explanation } = mesh.refusal;
  return [`refused by the proxy: ${reason} (${explanation.split('. ', 1)[0]})`];
}

/** What a proxy says in known words is said better already. */
function bodyNote({ body, mesh }: CallResult): string[] {
  const isKnown = mesh?.refusal !== undefined && mesh.refusal.reason !== 'unknown';
  return body === undefined || isKnown ? [] : [firstLine(body)];
}

/**
 * That a proxy passed the answer on, and what it took: the time of the call less that in which the proxy waited for its
 * upstream. That is known in whole milliseconds, so this is up to one too long. Of several attempts the times do not tell.
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

/** Values of which there are more than can be read are only counted. */
const mostShownValues = 8;

/** The counts and latencies of a repeated call. */
export function summaryNotes(summary: Summary): string[] {
  const { unmade, byStatus, byVersion, byPod, byAttempt, byRefusal, latencyMs } = summary;
  const attempts = Object.keys(byAttempt ?? {}).some((attempt) => attempt !== '1')
    ? countsNote('attempt ', byAttempt)
    : [];
  return [
    ...(unmade === undefined ? [] : [`${unmade} not made`]),
    ...countsNote('', byStatus),
    ...countsNote('refused by a proxy: ', byRefusal),
    ...countsNote('', byVersion),
    ...countsNote('', byPod, 'pods'),
    ...attempts,
    ...(latencyMs === undefined
      ? []
      : [`p50 ${latencyMs.p50} p90 ${latencyMs.p90} p99 ${latencyMs.p99} max ${latencyMs.max} ms`]),
  ];
}

function countsNote(prefix: string, counts: Counts = {}, plural = 'values'): string[] {
  const entries = Object.entries(counts);
  if (entries.length === 0) return [];
  if (entries.length > mostShownValues) return [`${entries.length} ${plural}`];
  return [entries.map(([value, count]) => `${prefix}${value} ×${count}`).join(', ')];
}

function prunedNote({ prunedCalls }: Reply): string[] {
  return prunedCalls === undefined ? [] : [`${prunedCalls} calls below left out`];
}

/** `spiffe://cluster.local/ns/default/sa/client` is `client` for short. */
function accountOf(identity: string): string {
  return identity.split('/').at(-1) ?? identity;
}

function firstLine(body: string): string {
  const line = body.trim().split('\n', 1)[0] ?? '';
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

function drawRows(unsafe: readonly Row[], paint: Paint): string[] {
  const rows = unsafe.map((row) => ({
    ...row,
    label: printable(row.label),
    outcome: printable(row.outcome),
    note: printable(row.notes.join(' · ')),
  }));
  const totalMs = rows[0]?.durationMs ?? 0;
  const labelWidth = Math.max(...rows.map(({ label }) => label.length));
  const outcomeWidth = Math.max(...rows.map(({ outcome }) => outcome.length));
  const times = rows.map(({ durationMs }) => `${durationMs.toFixed(1)} ms`);
  const timeWidth = Math.max(...times.map((time) => time.length));
  return rows.map((row, index) => {
    const columns = [
      row.label.padEnd(labelWidth),
      paint(styleOf(row.outcome), row.outcome) + ' '.repeat(outcomeWidth - row.outcome.length),
      times[index]?.padStart(timeWidth),
      bar(row, totalMs),
    ];
    return row.note === '' ? columns.join('  ') : `${columns.join('  ')}  ${paint('faint', row.note)}`;
  });
}

function styleOf(outcome: string): Style {
  if (/^[23]/.test(outcome)) return 'good';
  return outcome.startsWith('4') ? 'notice' : 'bad';
}

/** When it ran, on the scale of the whole: at least one block, never beyond the end. */
function bar({ startMs, durationMs }: Row, totalMs: number): string {
  const scale = totalMs > 0 ? barWidth / totalMs : 0;
  const start = Math.min(barWidth - 1, Math.floor(startMs * scale));
  const end = Math.min(barWidth, Math.max(start + 1, Math.round((startMs + durationMs) * scale)));
  return `${'·'.repeat(start)}${'█'.repeat(end - start)}${'·'.repeat(barWidth - end)}`;
}
