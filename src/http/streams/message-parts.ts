import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

/** Size of the pieces in which bytes are read. A part of a message keeps the whole piece that it arrived in. */
const pieceBytes = 1024;

/** Least size of the parts in which a long answer is sent, in bytes. */
const leastGroupBytes = 64 * 1024;

/** Groups the parts of a text until each group has a least size, so that a reader gets few parts. */
export function inGroups(parts: readonly Buffer[]): Buffer[][] {
  const groups: Buffer[][] = [];
  let bytes = leastGroupBytes;
  for (const part of parts) {
    if (bytes >= leastGroupBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(part);
    bytes += part.length;
  }
  return groups;
}

/**
 * Copies the bytes of a connection in small pieces for their reader. Otherwise a byte of a message that does not end would
 * keep all bytes that arrived with it.
 *
 * @param messages emits an error if a message breaks a rule: then nothing more is read
 */
export function readInPieces(socket: Socket, messages: EventEmitter): void {
  const [read] = socket.listeners('data') as ((this: Socket, piece: Buffer) => void)[];
  if (read === undefined) return;
  socket.removeListener('data', read);
  let isBroken = false;
  messages.once('error', () => {
    isBroken = true;
  });
  socket.on('data', (chunk: Buffer) => {
    for (let from = 0; from < chunk.length && !socket.destroyed && !isBroken; from += pieceBytes) {
      const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, chunk.length - from));
      chunk.copy(piece, 0, from);
      read.call(socket, piece);
      if (!socket.isPaused() || from + pieceBytes >= chunk.length) continue;
      // The reader wants no more, so messages in the rest do not wait in memory of their own.
      socket.unshift(chunk.subarray(from + pieceBytes));
      return;
    }
  });
}
