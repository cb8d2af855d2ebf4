/** Size of the first piece, in bytes. Each further one is twice as large, up to the largest. */
const firstPieceBytes = 2048;
const largestPieceBytes = 64 * 1024;

/**
 * Bytes that arrive in chunks of any size, joined in few pieces. A chunk itself would take memory for each object, and
 * would keep all bytes that arrived together with it.
 */
export class KeptBytes {
  private readonly pieces: Buffer[] = [];
  private lastBytes = 0;
  /** Number of bytes. */
  length = 0;

  /** Adds a copy of a chunk. */
  add(chunk: Buffer): void {
    this.length += chunk.length;
    let from = 0;
    while (from < chunk.length) {
      const last = this.pieceWithRoom();
      const copied = chunk.copy(last, this.lastBytes, from);
      this.lastBytes += copied;
      from += copied;
    }
  }

  private pieceWithRoom(): Buffer {
    const last = this.pieces.at(-1);
    if (last !== undefined && this.lastBytes < last.length) return last;
    const bytes = last === undefined ? firstPieceBytes : Math.min(largestPieceBytes, 2 * last.length);
    const next = Buffer.allocUnsafeSlow(bytes);
    this.pieces.push(next);
    this.lastBytes = 0;
    return next;
  }

  /** Returns all bytes in one buffer. */
  whole(): Buffer {
    return Buffer.concat(this.pieces, this.length);
  }
}
