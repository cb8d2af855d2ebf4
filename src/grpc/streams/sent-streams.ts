import { channel } from 'node:diagnostics_channel';
import type { ClientHttp2Stream } from 'node:http2';

/**
 * Calls a function with the stream of each call that this process makes. grpc-js does not show its streams.
 *
 * @param header header that each of the calls has, and other requests over HTTP/2 do not have
 * @returns a function that stops it
 */
export function watchSentStreams(
  header: string,
  onStream: (stream: ClientHttp2Stream, headers: Record<string, unknown>) => void,
): () => void {
  const created = channel('http2.client.stream.created');
  const onCreated = (message: unknown): void => {
    const { stream, headers } = message as { stream: ClientHttp2Stream; headers: Record<string, unknown> };
    if (headers[header] !== undefined) onStream(stream, headers);
  };
  created.subscribe(onCreated);
  return () => created.unsubscribe(onCreated);
}
