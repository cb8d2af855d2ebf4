import type { ServerResponse } from 'node:http';

/** Maximum number of open pages. */
export const mostStreams = 16;

/** Size of events that a page has not read yet, in bytes, from which its stream is closed. */
const mostUnreadBytes = 4 * 1024 * 1024;

/** Interval of comments that keep a stream open, in milliseconds. */
const heartbeatMs = 10_000;

/** Streams of server-sent events, one for each open page. All get the same events. */
export class EventStreams {
  private readonly streams = new Set<ServerResponse>();
  private heartbeat: NodeJS.Timeout | undefined;
  private readonly onCount: (count: number) => void;

  /** @param onCount called when pages open and close, with their number */
  constructor(onCount: (count: number) => void) {
    this.onCount = onCount;
  }

  get isFull(): boolean {
    return this.streams.size >= mostStreams;
  }

  /** Begins a stream with an event. */
  open(response: ServerResponse, event: string, data: string): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
    response.on('error', () => {});
    response.once('close', () => this.remove(response));
    this.streams.add(response);
    this.write(response, eventText(event, data));
    this.heartbeat ??= setInterval(() => this.sendText(': still here\n\n'), heartbeatMs);
    this.onCount(this.streams.size);
  }

  /** Sends an event to all pages. */
  send(event: string, data: string): void {
    this.sendText(eventText(event, data));
  }

  /** Sends a last event, and closes all streams. */
  end(event: string, data: string): void {
    for (const stream of [...this.streams]) stream.end(eventText(event, data));
  }

  private sendText(text: string): void {
    for (const stream of [...this.streams]) this.write(stream, text);
  }

  /** A page that does not read must not fill the memory. Browsers open the stream again when they read. */
  private write(stream: ServerResponse, text: string): void {
    if (stream.writableLength > mostUnreadBytes) stream.destroy();
    else stream.write(text);
  }

  private remove(stream: ServerResponse): void {
    if (!this.streams.delete(stream)) return;
    if (this.streams.size === 0) {
      clearInterval(this.heartbeat);
      this.heartbeat = undefined;
    }
    this.onCount(this.streams.size);
  }
}

/** JSON has no line breaks, so an event's data is one line. */
function eventText(event: string, data: string): string {
  return `event: ${event}\ndata: ${data}\n\n`;
}
