import type { IncomingHttpHeaders } from 'node:http';
import accepts from 'accepts';
import type { FastifyRequest } from 'fastify';
import { isEntry } from '../execute/allowance.ts';
import { renderText } from '../render/reply-text.ts';
import { encodeReply, readReply } from '../reply/json.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { RawReply, Reply } from '../reply/reply.ts';

/** Returns headers as the executor has them: one string for each name. Node has made the names lower case. */
export function plainHeaders(headers: IncomingHttpHeaders): Headers {
  const plain: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) plain[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return plain;
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
  readonly body: string | Buffer;
}

const json = 'application/json; charset=utf-8';
const text = 'text/plain; charset=utf-8';

/**
 * Encodes a reply in the form that the request accepts: JSON, unless it prefers plain text.
 *
 * @param isPlain whether clients that do not accept JSON get the body alone
 */
export function encode(reply: Reply<RawReply>, { raw: request }: FastifyRequest, isPlain = false): EncodedReply {
  const { accept } = request.headers;
  // Every hop of ours sends this, so it needs no negotiation.
  if (accept === 'application/json') return { contentType: json, body: encodeReply(reply) };
  if (
    isPlain &&
    reply.body !== undefined &&
    accepts(request).type(['text/plain', 'application/json']) !== 'application/json'
  )
    return { contentType: text, body: reply.body };
  const type = accepts(request).type(['application/json', 'text/plain']);
  if (type === 'text/plain') return { contentType: text, body: renderText(readReply(reply)) };
  const body = isReadByPerson(request.headers) ? JSON.stringify(readReply(reply), undefined, 2) : encodeReply(reply);
  return { contentType: json, body: `${body}\n` };
}

/** Reports whether a person reads the answer, as with curl. Its JSON is indented. */
function isReadByPerson(headers: IncomingHttpHeaders): boolean {
  return /^(?:curl|Wget)\//.test(headers['user-agent'] ?? '') && isEntry(headers);
}
