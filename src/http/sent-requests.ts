import { channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { HttpVersion, Tls } from '../reply/reply.ts';
import { dialledTls } from '../tls/tls-facts.ts';

/** Facts of the connection of a call. */
export interface ConnectionFacts {
  readonly tls?: Tls;
  readonly httpVersion?: HttpVersion;
}

/** Receiver of the connection on which a request is sent. */
export interface SentRequest {
  onSent(facts: ConnectionFacts): void;
}

/** Request that begins. undici sends its headers in the same turn, and only then shows its socket. */
let beginning: SentRequest | undefined;
let isWatching = false;

/** Shows a request that begins the connection on which it is sent. Watching costs some time of all requests. */
export function watchSentRequest(request: SentRequest): void {
  beginning = request;
  if (isWatching) return;
  isWatching = true;
  channel('undici:client:sendHeaders').subscribe((message) => {
    const sent = beginning;
    beginning = undefined;
    sent?.onSent(factsOf((message as { readonly socket: Socket }).socket));
  });
}

function factsOf(socket: Socket & { readonly alpnProtocol?: unknown }): ConnectionFacts {
  const tls = dialledTls(socket);
  return { ...(tls !== undefined && { tls }), ...(socket.alpnProtocol === 'h2' && { httpVersion: '2' }) };
}
