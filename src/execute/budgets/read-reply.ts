import { isReply } from '../../reply/is-reply.ts';
import type { ReceivedBody } from '../../reply/received-body.ts';
import { RawReply } from '../../reply/reply.ts';
import type { ByteAccount } from './byte-account.ts';
import type { Bound } from './limits.ts';

/** Reply in a text whose protocol has no status of its own. */
export type ReadReply =
  | { readonly kind: 'reply'; readonly status: number; readonly reply: RawReply }
  /** There is no room to read it. */
  | { readonly kind: 'left-out'; readonly bytes: number; readonly refusedBy: Bound };

/** First bytes of a reply. */
const replyStart = '{"service":';

/**
 * Reads the reply in a body that has been scanned. It is parsed only to see that it is a reply in all its fields, and only
 * if it is not nested deeper than any reply, and if there is room for its values.
 *
 * @returns undefined if the body is not a reply
 */
export function readReply(body: ReceivedBody, account: ByteAccount): ReadReply | undefined {
  const size = body.endScan();
  if (size === undefined || !body.start().startsWith(replyStart)) return undefined;
  const reply = new RawReply(body.content(), size);
  const refusedBy = account.reserve(reply.parsedBytes);
  if (refusedBy !== undefined) return { kind: 'left-out', bytes: body.bytes, refusedBy };
  const parsed: unknown = JSON.parse(reply.json);
  account.release(reply.parsedBytes);
  return isReply(parsed) ? { kind: 'reply', status: parsed.status, reply } : undefined;
}
