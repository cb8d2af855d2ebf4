import { constants, type ServerHttp2Stream } from 'node:http2';

/** Maximum number of calls at once. Probes are short, but clients may watch the health for as long as they like. */
const maxCalls = 100;

/** Maximum size of the answers of one call that its client has not read, in bytes. */
const maxUnsentBytes = 512 * 1024;

/** Maximum number of refused calls whose requests have not ended. */
const maxRefusedCalls = 1000;

/** Refused calls, whose requests are read to their end. If there are too many, the rest of the oldest is not read. */
export class RefusedCalls {
  private readonly streams = new Set<ServerHttp2Stream>();

  /** Adds a call that has its answer. */
  add(stream: ServerHttp2Stream): void {
    if (stream.destroyed) return;
    this.streams.add(stream);
    stream.once('close', () => this.streams.delete(stream));
    // Otherwise its bytes would fill the window of the connection.
    stream.resume();
    const [oldest] = this.streams;
    // The client need not send the rest of its request (RFC 9113 section 8.1).
    if (this.streams.size > maxRefusedCalls) oldest?.close(constants.NGHTTP2_NO_ERROR);
  }
}

/**
 * Calls of health and reflection, and of methods that the service does not have. None is refused, so that probes are
 * always answered. If there are too many, the oldest is ended.
 */
export class OwnCalls {
  private readonly streams = new Set<ServerHttp2Stream>();

  /** Adds a call, before it has a handler. */
  add(stream: ServerHttp2Stream): void {
    this.streams.add(stream);
    stream.once('close', () => this.streams.delete(stream));
    limitUnsentBytes(stream);
    const [oldest] = this.streams;
    if (this.streams.size > maxCalls) oldest?.close(constants.NGHTTP2_CANCEL);
  }
}

/** Ends a call whose client sends requests, but does not read the answers. The handlers of reflection do not wait. */
function limitUnsentBytes(stream: ServerHttp2Stream): void {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  stream.write = (...args: unknown[]) => {
    if (stream.writableLength > maxUnsentBytes) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    return write(...args);
  };
}
