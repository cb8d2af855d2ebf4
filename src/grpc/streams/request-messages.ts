import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { ServedCall } from '../../connections/served-call.ts';
import { formatSizeBytes } from '../../plan/quantity.ts';

/** Call whose requests and answers may be streams. */
export type StreamCall = ServerDuplexStream<Buffer, Buffer>;

/** Maximum number of messages in the request of one call. */
const maxMessages = 10_000;

/** Maximum size of the messages in the request of one call, together, in bytes. */
const maxTotalBytes = 32_000_000;

/** Next part of a request. */
export type RequestPart =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  /** The client sends no more. */
  | { readonly kind: 'end' }
  /** The request exceeds a limit. */
  | { readonly kind: 'excess'; readonly limit: string }
  /** The client or the connection has gone, or the call was ended because it took too long. */
  | { readonly kind: 'gone' };

/** Messages of one request. They are read one by one, counted, and not kept. */
export class RequestMessages {
  /** Number of messages. */
  count = 0;
  /** Size of the messages together, in bytes. */
  bytes = 0;
  private readonly served: ServedCall;
  private readonly parts: AsyncIterator<Buffer>;

  constructor(call: StreamCall, served: ServedCall) {
    this.served = served;
    // The stream would read 16 messages ahead, and nothing accounts for their memory.
    const { _readableState: state } = call as unknown as { _readableState: { highWaterMark: number } };
    state.highWaterMark = 1;
    // The end of the request must not destroy the stream, which the answer needs.
    this.parts = call.iterator({ destroyOnReturn: false });
  }

  /** Waits for the next part. The time to receive it is limited as that of a whole request. */
  async next(): Promise<RequestPart> {
    this.served.beginArrival();
    let next: IteratorResult<Buffer, unknown>;
    try {
      next = await this.parts.next();
    } catch {
      return { kind: 'gone' };
    }
    if (next.done === true) return { kind: 'end' };
    this.count++;
    this.bytes += next.value.length;
    if (this.count > maxMessages) return { kind: 'excess', limit: `${maxMessages} messages` };
    if (this.bytes > maxTotalBytes) return { kind: 'excess', limit: `${formatSizeBytes(maxTotalBytes)} of messages` };
    return { kind: 'message', bytes: next.value };
  }
}
