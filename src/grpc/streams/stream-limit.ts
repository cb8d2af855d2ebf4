import type { ServerHttp2Session } from 'node:http2';

/** Number of streams at once that a new connection may have. */
export const firstStreams = 100;

/**
 * Limit of the streams of one connection. It begins low, because the streams that a client opens cost memory before they
 * can be refused, and a client may open as many as the limit at once. It rises while the streams are answered, because
 * calls that wait for a stream could wait for each other.
 */
export class StreamLimit {
  private readonly session: ServerHttp2Session;
  private readonly maxStreams: number;
  private limit: number;
  private open = 0;

  constructor(session: ServerHttp2Session, maxStreams: number) {
    this.session = session;
    this.maxStreams = maxStreams;
    this.limit = Math.min(firstStreams, maxStreams);
  }

  /** Adds a stream that is admitted. */
  add(): void {
    this.open++;
    if (this.limit === this.maxStreams || this.open <= this.limit / 2 || this.session.destroyed) return;
    this.limit = Math.min(2 * this.limit, this.maxStreams);
    this.session.settings({ maxConcurrentStreams: this.limit });
  }

  /** Removes a stream that was added. */
  remove(): void {
    this.open--;
  }
}
