import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { RequestBudget } from '../execute/budgets/budgets.ts';
import type { RequestBody } from '../execute/incoming.ts';
import { shownBodyBytes } from '../reply/reply.ts';
import type { RequestTurn } from './pipeline.ts';
import { KeptBytes } from './streams/kept-bytes.ts';

/** Copies of the first part of a body that a reply shows: the bytes, the text and its JSON. */
const copiesOfShown = 3;

/** Reports whether a request has a body: by its headers (RFC 9112 section 6), or by the end of its stream of HTTP/2. */
export function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  const { stream } = request as IncomingMessage & { readonly stream?: ServerHttp2Stream };
  if (stream !== undefined) return !stream.endAfterHeaders;
  const length = headers['content-length'];
  return length === undefined ? headers['transfer-encoding'] !== undefined : length !== '0';
}

/**
 * Reads the body of a request to its end. `complete` of the request says whether the end has arrived. Without a plan that passes it on, only its first part is kept.
 *
 * @param isKept whether the plan may pass the body on
 * @param budget budget that the kept part takes its bytes from
 * @param turn turn of the request, which ends the wait if the connection breaks
 */
export async function readRequestBody(
  request: IncomingMessage,
  isKept: boolean,
  budget: RequestBudget,
  turn: Pick<RequestTurn, 'onUnreadable'>,
): Promise<RequestBody> {
  const keptBytes = new KeptBytes();
  let bytes = 0;
  let refusedBy = budget.reserve(copiesOfShown * shownBodyBytes);
  request.on('data', (chunk: Buffer) => {
    const room = isKept && refusedBy === undefined ? chunk.length : Math.max(0, shownBodyBytes - keptBytes.length);
    const kept = room < chunk.length ? chunk.subarray(0, room) : chunk;
    bytes += chunk.length;
    if (kept.length === 0) return;
    if (keptBytes.length + kept.length > shownBodyBytes) refusedBy ??= budget.reserve(kept.length);
    if (refusedBy !== undefined && keptBytes.length + kept.length > shownBodyBytes) return;
    keptBytes.add(kept);
  });
  await new Promise<void>((resolve) => {
    turn.onUnreadable = resolve;
    // A client that goes away closes the request.
    for (const event of ['end', 'close', 'error']) request.once(event, () => resolve());
  });
  turn.onUnreadable = undefined;
  return { bytes, start: keptBytes.whole(), refusedBy, isWhole: keptBytes.length === bytes };
}
