import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { KeptBytes } from './kept-bytes.ts';

/** Size of the pieces in which bytes are read. A part of a message keeps the whole piece that it arrived in. */
const pieceBytes = 1024;

/** Bytes that are kept while the reader is held. More stay in the kernel, as those of other connections do. */
const maxKeptBytes = 64 * 1024;

/** Room for bytes that wait, of all connections together. */
export interface WaitingRoom {
  /** Takes room for bytes, and reports whether there is enough. */
  beginWaiting(bytes: number): boolean;
  endWaiting(bytes: number): void;
}

/**
 * Gives the bytes of a connection to its WebSocket in small copies. Otherwise a byte of a message that does not end would
 * keep all bytes that arrived with it.
 *
 * While it is held, it keeps what arrives, and still notices the end of the connection. A paused socket would not: Node
 * reports an end only after all bytes before it are read, such as those of a Close frame.
 */
export class PieceReader {
  private readonly socket: Socket;
  private readonly read: ((this: Socket, piece: Buffer) => void) | undefined;
  private readonly room: WaitingRoom;
  private kept = new KeptBytes();
  /** Number of the kept bytes that have room. */
  private counted = 0;
  private isHeld = false;
  private hasEnded = false;

  /** @param messages nothing more is read after its first error, or after its end */
  constructor(socket: Socket, messages: WebSocket, room: WaitingRoom) {
    this.socket = socket;
    this.room = room;
    [this.read] = socket.listeners('data') as ((this: Socket, piece: Buffer) => void)[];
    if (this.read === undefined) return;
    const end = (): void => this.end();
    socket.removeListener('data', this.read);
    socket.on('data', (chunk: Buffer) => this.accept(chunk)).once('end', end);
    messages.once('error', end).once('close', end);
  }

  /** Gives the WebSocket nothing more until `release`. */
  hold(): void {
    this.isHeld = true;
  }

  /** Gives the WebSocket what has arrived in the meantime, and all that follows. */
  release(): void {
    this.isHeld = false;
    const { socket } = this;
    const kept = this.takeKept();
    if (kept.length > 0) this.accept(kept.whole());
    if (this.kept.length < maxKeptBytes) socket.resume();
  }

  private end(): void {
    this.hasEnded = true;
    this.takeKept();
  }

  private takeKept(): KeptBytes {
    const { kept } = this;
    this.kept = new KeptBytes();
    this.room.endWaiting(this.counted);
    this.counted = 0;
    return kept;
  }

  private accept(chunk: Buffer): void {
    const { socket } = this;
    let from = 0;
    while (from < chunk.length && !this.isHeld) {
      if (socket.destroyed || this.hasEnded) return;
      const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, chunk.length - from));
      from += chunk.copy(piece, 0, from);
      this.read?.call(socket, piece);
    }
    if (from < chunk.length) this.keep(chunk.subarray(from));
  }

  private keep(chunk: Buffer): void {
    if (this.hasEnded) return;
    this.kept.add(chunk);
    const hasRoom = this.room.beginWaiting(chunk.length);
    if (hasRoom) this.counted += chunk.length;
    if (!hasRoom || this.kept.length >= maxKeptBytes) this.socket.pause();
  }
}
