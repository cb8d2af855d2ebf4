import type { Socket } from 'node:net';

/** Private parts of a socket that Node's HTTP server has taken. */
interface Http1Socket {
  parser?: { remove(): void; close(): void } | null;
  on?: unknown;
  addListener?: unknown;
  prependListener?: unknown;
  setEncoding?: unknown;
}

/** First bytes of a client with prior knowledge of HTTP/2 (RFC 9113 section 3.4). No method begins with the first four. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const leastBytes = 4;

const maxListeners = 20;

/** Reports whether the first bytes of a client are those of HTTP/2. */
export function beginsHttp2(first: Buffer): boolean {
  if (first[0] !== preface[0] || first.length < leastBytes) return false;
  const bytes = Math.min(first.length, preface.length);
  return preface.compare(first, 0, bytes, 0, bytes) === 0;
}

/** Names of the listeners of Node's HTTP server (nodejs/node, lib/_http_server.js). */
const http1Listener = /^(?:bound )?(?:socketOn|onSocket)/;

/**
 * Takes a connection from Node's HTTP/1.1 server, before its parser has read anything, as that server does for an upgrade.
 * The bytes that were read can be read again.
 */
export function leaveHttp1(socket: Socket, read: Buffer): void {
  for (const event of ['end', 'close', 'drain', 'error', 'timeout', 'pause'])
    for (const listener of socket.listeners(event))
      if (http1Listener.test(listener.name)) socket.removeListener(event, listener as () => void);
  const taken = socket as unknown as Http1Socket;
  const { parser } = taken;
  taken.parser = null;
  // Otherwise the server would end the connection for a request that does not arrive.
  parser?.remove();
  setImmediate(() => parser?.close());
  // The server replaces these methods of the socket.
  delete taken.on;
  delete taken.addListener;
  delete taken.prependListener;
  delete taken.setEncoding;
  // Two servers watch it now.
  socket.setMaxListeners(maxListeners);
  socket.removeAllListeners('data').removeAllListeners('resume');
  // Without a listener, a stream that flows would lose the bytes.
  socket.pause();
  socket.unshift(read);
}
