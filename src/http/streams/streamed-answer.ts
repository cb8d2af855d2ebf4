import { ArrivedParts } from '../../execute/concurrency/arrived-parts.ts';
import { type Headers, signatureHeader } from '../../reply/mesh-headers.ts';
import { ReceivedBody } from '../../reply/received-body.ts';
import type { ArrivedStream } from '../../reply/reply.ts';
import { eventStream, replyEvent } from './event-stream.ts';

const endOfEvent = '\n\n';
const startOfReply = `event: ${replyEvent}\ndata: `;

/** Answer whose length the server does not say, while it arrives. */
export class StreamedAnswer extends ArrivedParts {
  /** True if the answer is events of a meshmock, the last of which has its reply. */
  readonly hasReply: boolean;
  trailers: Headers = {};
  private readonly isEvents: boolean;
  private events = 0;

  /** @param startedAt start of the call, on the clock of `performance.now()` */
  constructor(headers: Headers, startedAt: number) {
    super(startedAt);
    this.isEvents = headers['content-type']?.startsWith(eventStream) === true;
    this.hasReply = this.isEvents && headers[signatureHeader] !== undefined;
  }

  /** Counts the events in an answer, and returns the JSON of the reply among them, scanned. There may be none. */
  readEvents(whole: Buffer): ReceivedBody | undefined {
    for (let end = whole.indexOf(endOfEvent); end >= 0; end = whole.indexOf(endOfEvent, end + endOfEvent.length))
      this.events++;
    const at = whole.lastIndexOf(startOfReply);
    if (at < 0) return undefined;
    const from = at + startOfReply.length;
    const end = whole.indexOf(endOfEvent, from);
    const body = new ReceivedBody();
    body.scan();
    body.add(whole.subarray(from, end < 0 ? whole.length : end));
    return body;
  }

  /** Returns what the answer shows of its arrival. */
  override facts(): { readonly stream?: ArrivedStream; readonly trailers?: Record<string, string> } {
    const { stream } = super.facts();
    if (stream === undefined) return {};
    const { events, trailers } = this;
    return {
      stream: { ...stream, ...(events > 0 && { events }) },
      ...(Object.keys(trailers).length > 0 && { trailers: { ...trailers } }),
    };
  }
}
