import { renderText } from '../../render/reply-text.ts';
import { printable } from '../../render/terminal-text.ts';
import type { CallResult } from '../../reply/reply.ts';
import { paintOutput } from './paint.ts';
import { terminalWidth } from './terminal-width.ts';

/** Renders an answer for a person: the tree of a meshmock, or the body of another server. */
export function answerText(call: CallResult): string {
  const { target, reply, status, answeredBy, mesh, body = '' } = call;
  if (reply !== undefined) return renderText(reply, { paint: paintOutput, width: terminalWidth() });
  const lines = [
    mesh?.refusal === undefined
      ? `${target} answers ${status}${answeredBy === 'foreign' ? ' (it is not a meshmock)' : ''}`
      : `${target}: ${status}, refused by the proxy: ${mesh.refusal.reason}. ${mesh.refusal.explanation}`,
    ...body.split('\n'),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}
