import { renderText } from '../../render/reply-text.ts';
import { printable } from '../../render/terminal-text.ts';
import type { CallResult } from '../../reply/reply.ts';
import { paintOutput } from './paint.ts';

/** An answer as a person reads it: the tree of a meshmock, or what somebody else said. */
export function answerText(call: CallResult): string {
  const { target, reply, status, answeredBy, mesh, body = '' } = call;
  if (reply !== undefined) return renderText(reply, { paint: paintOutput });
  const lines = [
    mesh?.refusal === undefined
      ? `${target} answers ${status}${answeredBy === 'foreign' ? ', and is no meshmock' : ''}`
      : `${target}: ${status}, refused by the proxy: ${mesh.refusal.reason}. ${mesh.refusal.explanation}`,
    ...body.split('\n'),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}
