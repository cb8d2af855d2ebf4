import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import Negotiator from 'negotiator';
import { isEntry } from '../execute/allowance.ts';
import type { ParseRoom } from '../execute/budgets/parse-room.ts';
import { renderText } from '../render/reply-text.ts';
import { encodeReply, readReply } from '../reply/json.ts';
import { type FilledText, LongParts, PartedText } from '../reply/long-parts.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { RawReply, Reply } from '../reply/reply.ts';

/**
 * Returns headers as the executor has them: one string for each name. Node has made the names lower case. Headers in this form
 * are not copied.
 */
export function plainHeaders(headers: IncomingHttpHeaders): Headers {
  if (isPlain(headers)) return headers;
  const plain: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) plain[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return plain;
}

function isPlain(headers: IncomingHttpHeaders): headers is Record<string, string> {
  for (const name in headers) if (typeof headers[name] !== 'string') return false;
  return true;
}

/** Returns path and query of a request target, unchanged. A proxy may send the absolute form (RFC 9112 section 3.2). */
export function pathOfTarget(target: string): string {
  if (target.startsWith('/') || target === '*') return target;
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
}

/** Reply as it is sent. */
export interface EncodedReply {
  readonly contentType: string;
  readonly body: string | Buffer | PartedText;
}

const json = 'application/json; charset=utf-8';
const text = 'text/plain; charset=utf-8';

/**
 * Encodes a reply in the form that the request accepts: JSON, unless it prefers plain text.
 *
 * @param room decides which children of a reply can be parsed
 * @param isPlain whether clients that do not accept JSON get the body alone
 */
export function encode(
  reply: Reply<RawReply>,
  request: IncomingMessage,
  room: ParseRoom,
  isPlain = false,
): EncodedReply {
  const { accept } = request.headers;
  // Every hop of ours sends this, so it needs no negotiation.
  if (accept === 'application/json') return { contentType: json, body: encodeReply(reply) };
  if (
    isPlain &&
    reply.body !== undefined &&
    new Negotiator(request).mediaType(['text/plain', 'application/json']) !== 'application/json'
  )
    return { contentType: text, body: plainBody(reply.body) };
  const type = new Negotiator(request).mediaType(['application/json', 'text/plain']);
  if (type === 'text/plain')
    return { contentType: text, body: withLongBody(reply, (own) => renderText(readReply(own, room.leaveOut))) };
  const body =
    isReadByPerson(request.headers) && room.hasRoomToIndent(reply)
      ? withLongBody(reply, (own) => `${JSON.stringify(readReply(own), undefined, 2)}\n`)
      : encodeReply(reply, '\n');
  return { contentType: json, body };
}

/** Returns the body of a reply alone. */
export function plainBody(body: string | FilledText): string | PartedText {
  return typeof body === 'string' ? body : new PartedText([...body.chunks()], body.heldBytes);
}

/** Makes the text of a reply. A long body is inserted at the end. */
function withLongBody(reply: Reply<RawReply>, makeText: (reply: Reply<RawReply>) => string): string | PartedText {
  if (typeof reply.body !== 'object') return makeText(reply);
  const parts = new LongParts();
  return parts.insertInto(makeText({ ...reply, body: parts.add(reply.body) }));
}

/** Reports whether a person reads the answer, as with curl. Its JSON is indented. */
function isReadByPerson(headers: IncomingHttpHeaders): boolean {
  return /^(?:curl|Wget)\//.test(headers['user-agent'] ?? '') && isEntry(headers);
}
