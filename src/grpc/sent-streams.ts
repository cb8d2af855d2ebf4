import { channel } from 'node:diagnostics_channel';
import type { ClientHttp2Stream } from 'node:http2';
import { detailsLimitHeader } from './status-details.ts';

/**
 * Calls a function with the stream of each call that this process makes. grpc-js does not show its streams.
 *
 * @returns a function that stops it
 */
export function watchSentStreams(onStream: (stream: ClientHttp2Stream) => void): () => void {
  const created = channel('http2.client.stream.created');
  const onCreated = (message: unknown): void => {
    const { stream, headers } = message as { stream: ClientHttp2Stream; headers: Record<string, unknown> };
    if (headers[detailsLimitHeader] !== undefined) onStream(stream);
  };
  created.subscribe(onCreated);
  return () => created.unsubscribe(onCreated);
}
