import type { Socket } from 'node:net';

/** Maximum size of a line, in bytes. */
const maxLineBytes = 64 * 1024;

/** Line of a client, or the end of its lines because one is too long. */
export type Line = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'too-long' };

/**
 * Reads the lines of a connection, each when the one before has been handled. The last one needs no end.
 *
 * @param readTimeoutMs maximum time between the first and the last byte of a line, in milliseconds
 * @param onLate called if a line takes longer
 * @throws Error if the connection breaks
 */
export async function* linesOf(socket: Socket, readTimeoutMs: number, onLate: () => void): AsyncGenerator<Line> {
  /** Parts of a line that has not ended. */
  let parts: Buffer[] = [];
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const endLine = (last: Buffer): Line => {
    clearTimeout(timer);
    timer = undefined;
    const line = Buffer.concat([...parts, last]);
    parts = [];
    bytes = 0;
    return line.length > maxLineBytes ? { kind: 'too-long' } : { kind: 'line', text: textOf(line) };
  };
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', start)) {
        yield endLine(chunk.subarray(start, end));
        start = end + 1;
      }
      if (start === chunk.length) continue;
      // A copy, since a part would keep the whole chunk.
      parts.push(Buffer.from(chunk.subarray(start)));
      bytes += chunk.length - start;
      if (bytes > maxLineBytes) yield { kind: 'too-long' };
      timer ??= setTimeout(onLate, readTimeoutMs);
    }
    if (bytes > 0) yield endLine(Buffer.alloc(0));
  } finally {
    clearTimeout(timer);
  }
}

function textOf(line: Buffer): string {
  return line.toString().replace(/\r$/, '');
}
