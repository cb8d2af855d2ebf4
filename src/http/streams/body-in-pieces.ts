import { Readable } from 'node:stream';

/** Size of a piece, in bytes. */
const pieceBytes = 64 * 1024;

/** Body that is sent in pieces, each when the server has taken those before. */
export interface PiecedBody {
  readonly pieces: Readable;
  /** Headers that a body in pieces needs. */
  readonly headers: { readonly 'content-length': string };
}

/**
 * Divides a body for a connection with TLS, which encrypts at once all that it gets: a server that does not read would
 * make each call hold a copy. Returns undefined for a short body.
 */
export function bodyInPieces(body: string | Buffer): PiecedBody | undefined {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  if (bytes.length <= pieceBytes) return undefined;
  return { pieces: Readable.from(piecesOf(bytes)), headers: { 'content-length': String(bytes.length) } };
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
}
