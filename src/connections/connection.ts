import type { Socket } from 'node:net';
import type { ReceivedRequest } from '../reply/reply.ts';
import { acceptedTls } from '../tls/tls-facts.ts';

/** Facts of a connection, as each of its requests shows them. */
export type ConnectionFacts = Pick<ReceivedRequest, 'tls' | 'httpVersion'>;

/** Facts of a connection without TLS. */
const plainFacts: ConnectionFacts = {};

/** Connection of a client. */
export class Connection {
  readonly socket: Socket;
  readonly facts: ConnectionFacts;
  private readonly onBusy: (connection: Connection, isBusy: boolean) => void;
  private requests = 0;
  private answers = 0;
  /** Bytes that had left when the last progress was seen. */
  private sentBytes = 0;
  private progressAt = 0;

  constructor(socket: Socket, onBusy: (connection: Connection, isBusy: boolean) => void) {
    this.socket = socket;
    const tls = acceptedTls(socket);
    this.facts = tls === undefined ? plainFacts : { tls };
    this.onBusy = onBusy;
  }

  /** Begins a request of the connection. */
  begin(): void {
    if (this.requests++ === 0) this.onBusy(this, true);
  }

  /** Ends a request of the connection. */
  end(): void {
    if (--this.requests === 0) this.onBusy(this, false);
  }

  /** Begins an answer whose bytes do not wait in the socket, as over HTTP/2. */
  beginAnswer(): void {
    this.answers++;
  }

  endAnswer(): void {
    this.answers--;
  }

  /**
   * Resets the connection. A connection that is already closing cannot be reset: Node would never close its socket
   * (libuv, `uv_tcp_close_reset` fails while a shutdown is in progress).
   */
  reset(): void {
    const { socket } = this;
    // Only the connection that carries TLS can be reset.
    const { _parent: carrier } = socket as Socket & { readonly _parent?: Socket | null };
    if (socket.writableEnded || socket.destroyed) socket.destroy();
    else (carrier ?? socket).resetAndDestroy();
  }

  /**
   * Reports whether the client has not read for a time, although bytes wait for it. Call it in regular intervals.
   *
   * @param leastBytes number of bytes that count as progress
   * @param now time of the clock of the checks, in milliseconds
   */
  isStalled(leastBytes: number, now: number, timeoutMs: number): boolean {
    const { writableLength } = this.socket;
    if (writableLength === 0 && this.answers === 0) {
      this.progressAt = 0;
      return false;
    }
    const sentBytes = this.socket.bytesWritten - writableLength;
    if (this.progressAt === 0 || sentBytes - this.sentBytes >= leastBytes) {
      this.sentBytes = sentBytes;
      this.progressAt = now;
    }
    return now - this.progressAt > timeoutMs;
  }
}
