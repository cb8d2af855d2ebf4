import type { Http2Session } from 'node:http2';

/** Time in which a peer must close its half of a connection after ours, in milliseconds. */
const lingerMs = 5000;

/** Node, grpc-js and meshmock listen to the end of a socket. */
const maxListeners = 20;

/**
 * Closes the connection of an HTTP/2 session whose peer does not let it end.
 *
 * After a GOAWAY of the peer, Node no longer notices that the peer breaks the protocol or closes the connection: streams
 * never close, and the descriptor is lost. When Node has closed its half of a connection, it waits for the peer for ever.
 *
 * @param maxMs maximum time of the streams that are open when the peer sends GOAWAY, in milliseconds
 */
export function boundEnd(session: Http2Session, maxMs: number): void {
  const closeWithin = (ms: number): void => {
    const timer = setTimeout(() => socket.destroy(), ms).unref();
    socket.once('close', () => clearTimeout(timer));
  };
  // `session.socket` refuses to be destroyed. A listener is added to the socket itself, and returns it.
  const socket = session.socket.once('finish', () => closeWithin(lingerMs));
  socket.setMaxListeners(maxListeners);
  session.once('goaway', () => closeWithin(maxMs));
}
