import { type ClientHttp2Stream, constants } from 'node:http2';
import type { Budgets } from '../../execute/budgets/budgets.ts';

/** Bytes of each answer that do not count, because the number of calls bounds them. */
const freeBytes = 16 * 1024;

/**
 * Counts the bytes of a gRPC answer while they arrive: grpc-js keeps them until a message is whole, and shows nothing
 * before. An answer for which there is no room is cut off, with ENHANCE_YOUR_CALM.
 */
export function countIncomingBytes(stream: ClientHttp2Stream, { memory, refusals }: Budgets): void {
  let received = 0;
  let taken = 0;
  const onData = (chunk: Buffer): void => {
    received += chunk.length;
    const more = received - freeBytes - taken;
    if (more <= 0 || stream.closed) return;
    if (memory.hasRoom(more)) {
      // Few answers are so large that they count.
      if (taken === 0) stream.once('close', () => memory.addAnswer(-taken));
      memory.addAnswer(more);
      taken += more;
    } else {
      refusals.add('max-held');
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
  };
  // As a listener of `data` alone, it would let the stream flow before grpc-js listens.
  stream.once('response', () => stream.on('data', onData));
}
