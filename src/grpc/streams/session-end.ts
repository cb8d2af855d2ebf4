import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';

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
  // `session.socket` refuses to be destroyed. A listener is added to the socket itself, and returns it.
  const socket = session.socket.once('finish', () => closeWithin(socket, lingerMs));
  socket.setMaxListeners(maxListeners);
  session.once('goaway', () => closeWithin(socket, maxMs));
}

/** Sockets of a channel, which grpc-js does not close in each case. */
export class ChannelSockets {
  private readonly sockets = new Set<Socket>();
  private isClosed = false;

  /** Adds a socket that has connected. A call may have ended before, and with it the channel: grpc-js then forgets it. */
  add(socket: Socket): void {
    if (this.isClosed) {
      socket.destroy();
      return;
    }
    socket.setMaxListeners(maxListeners);
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    socket.once('finish', () => closeWithin(socket, lingerMs));
  }

  /**
   * Reports whether one of them carries a session. With TLS, the socket of the session is another one. The system gives one
   * local port to connections to several peers.
   */
  carries({ socket: { localAddress, localPort, remoteAddress, remotePort } }: Http2Session): boolean {
    if (localPort === undefined) return false;
    for (const socket of this.sockets)
      if (
        socket.localPort === localPort &&
        socket.remotePort === remotePort &&
        socket.localAddress === localAddress &&
        socket.remoteAddress === remoteAddress
      )
        return true;
    return false;
  }

  /** Closes the sockets of a channel that is closed, also if the peers keep their halves open. */
  close(): void {
    this.isClosed = true;
    for (const socket of this.sockets) closeWithin(socket, lingerMs);
  }
}

function closeWithin(socket: Socket, ms: number): void {
  const timer = setTimeout(() => socket.destroy(), ms).unref();
  socket.once('close', () => clearTimeout(timer));
}
