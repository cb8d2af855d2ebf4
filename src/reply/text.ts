import type { CalleeMesh, CallResult, Reply } from './reply.ts';

/** One line of the tree, before the columns are aligned. Times are from the root's beginning. */
interface Row {
  readonly label: string;
  readonly outcome: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly notes: readonly string[];
}

const barWidth = 24;

/** Draws a reply for a terminal: a tree of who answered what, how long it took, and when in the whole that was. */
export function renderText(reply: Reply): string {
  const { request, traceId, error, body } = reply;
  const rows = [rootRow(reply), ...rowsOf(reply, '', 0)];
  const lines = [
    ...(request === undefined ? [] : [`${request.method} ${request.uri}`]),
    ...drawRows(rows),
    ...(error === undefined ? [] : ['', error.message, ...(error.caret ?? [])]),
    ...(body === undefined ? [] : ['', ...body.split('\n')]),
    ...(reply.try ?? []).map((command) => `  ${command}`),
    ...(traceId === undefined ? [] : ['', `trace ${traceId}`]),
  ];
  // What others wrote must not steer the terminal.
  return lines.map((line) => `${line.replaceAll(/\p{Cc}/gu, '�')}\n`).join('');
}

function rootRow(reply: Reply): Row {
  const { durationMs = 0 } = reply;
  return {
    label: nameOf(reply),
    outcome: String(reply.status),
    startMs: 0,
    durationMs,
    notes: [...calleeNotes(reply.mesh), ...prunedNote(reply)],
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
  const { reply, error, status, startMs = 0, durationMs = 0 } = call;
  const name = reply === undefined ? call.target : nameOf(reply);
  return {
    label:
      branch + (reply === undefined || call.target.startsWith(`${reply.service}:`) ? name : `${call.target} → ${name}`),
    outcome: error?.code ?? String(status ?? ''),
    startMs: parentStartMs + startMs,
    durationMs,
    notes: [
      ...(call.scheme === 'http'
        ? []
        : [
            call.grpcStatus === undefined || call.grpcStatus === 'OK'
              ? call.scheme
              : `${call.scheme} ${call.grpcStatus}`,
          ]),
      ...(error === undefined ? [] : [error.message]),
      ...(call.answeredBy === 'foreign' ? ['foreign'] : []),
      ...(call.body === undefined ? [] : [firstLine(call.body)]),
      ...calleeNotes(reply?.mesh),
      ...proxyNote(call),
      ...(reply?.error === undefined ? [] : [reply.error.message]),
      ...(reply === undefined ? [] : prunedNote(reply)),
    ],
  };
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

function proxyNote({ mesh }: CallResult): string[] {
  if (mesh?.proxy === undefined) return [];
  return [mesh.upstreamMs === undefined ? mesh.proxy : `${mesh.proxy}, upstream ${mesh.upstreamMs} ms`];
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

function drawRows(rows: readonly Row[]): string[] {
  const totalMs = rows[0]?.durationMs ?? 0;
  const labelWidth = Math.max(...rows.map(({ label }) => label.length));
  const outcomeWidth = Math.max(...rows.map(({ outcome }) => outcome.length));
  const times = rows.map(({ durationMs }) => `${durationMs.toFixed(1)} ms`);
  const timeWidth = Math.max(...times.map((time) => time.length));
  return rows.map((row, index) => {
    const columns = [
      row.label.padEnd(labelWidth),
      row.outcome.padEnd(outcomeWidth),
      times[index]?.padStart(timeWidth),
      bar(row, totalMs),
    ];
    return `${columns.join('  ')}  ${row.notes.join(' · ')}`.trimEnd();
  });
}

/** When it ran, on the scale of the whole: at least one block, never beyond the end. */
function bar({ startMs, durationMs }: Row, totalMs: number): string {
  const scale = totalMs > 0 ? barWidth / totalMs : 0;
  const start = Math.min(barWidth - 1, Math.floor(startMs * scale));
  const end = Math.min(barWidth, Math.max(start + 1, Math.round((startMs + durationMs) * scale)));
  return `${'·'.repeat(start)}${'█'.repeat(end - start)}${'·'.repeat(barWidth - end)}`;
}
