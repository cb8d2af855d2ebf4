import { roundMs } from '../../execute/concurrency/round-ms.ts';
import { isReply } from '../../reply/is-reply.ts';
import { type Headers, signatureHeader } from '../../reply/mesh-headers.ts';
import { type ArrivedStream, RawReply } from '../../reply/reply.ts';
import { eventStream, replyEvent } from './event-stream.ts';

/** Answer whose length the server does not say, while it arrives. */
export class StreamedAnswer {
  /** True if the answer is events of a meshmock, the last of which has its reply. */
  readonly hasReply: boolean;
  trailers: Headers = {};
  private readonly isEvents: boolean;
  private readonly startedAt: number;
  private chunks = 0;
  private events = 0;
  private firstByteMs: number | undefined;

  /** @param startedAt start of the call, on the clock of `performance.now()` */
  constructor(headers: Headers, startedAt: number) {
    this.startedAt = startedAt;
    this.isEvents = headers['content-type']?.startsWith(eventStream) === true;
    this.hasReply = this.isEvents && headers[signatureHeader] !== undefined;
  }

  /** Counts a part. */
  add(): void {
    this.chunks++;
    this.firstByteMs ??= roundMs(performance.now() - this.startedAt);
  }

  /** Returns the reply in the events of a meshmock, or undefined if they do not have it. */
  replyOf(text: string): RawReply | undefined {
    const events = text.split('\n\n');
    // After the last event there is nothing.
    this.events = events.length - 1;
    const start = `event: ${replyEvent}\ndata: `;
    const json = events
      .findLast((event) => event.startsWith(start))
      ?.slice(start.length)
      .replaceAll('\ndata: ', '\n');
    try {
      return json !== undefined && isReply(JSON.parse(json)) ? new RawReply(json) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Returns what the answer shows of its arrival. */
  facts(): { readonly stream?: ArrivedStream; readonly trailers?: Record<string, string> } {
    const { chunks, events, firstByteMs, trailers } = this;
    if (firstByteMs === undefined) return {};
    return {
      stream: { chunks, firstByteMs, ...(events > 0 && { events }) },
      ...(Object.keys(trailers).length > 0 && { trailers: { ...trailers } }),
    };
  }
}
