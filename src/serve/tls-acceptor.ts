import net from 'node:net';
import tls from 'node:tls';
import type { Connection } from '../connections/connection.ts';
import type { Connections } from '../connections/connections.ts';
import type { Budgets } from '../execute/budgets/budgets.ts';
import type { TlsMaterial } from '../tls/tls-files.ts';

/** Acceptor of connections with TLS. */
export interface TlsAcceptor {
  /** Begins TLS on a connection. */
  accept(socket: net.Socket): void;
  /** Shows clients that connect from now on another certificate, and verifies theirs by other authorities. */
  replace(material: TlsMaterial): void;
}

/** Servers that get the connections, and a log. */
export interface TlsHandlers {
  /** Serves HTTP/1.1. */
  acceptHttp(socket: net.Socket): void;
  /** Serves HTTP/2: gRPC, and HTTP. */
  acceptHttp2(socket: net.Socket): void;
  /** Reports a client whose connection did not succeed. */
  onProblem(problem: string): void;
}

/** First byte of a client that begins TLS: a record of its handshake (RFC 8446 section 5.1). */
export const handshakeByte = 0x16;

const http2Protocol = 'h2';

const maxListeners = 20;

/** Time in which a client may read its answer, in milliseconds. */
const lingerMs = 1000;

/**
 * Creates the acceptor of connections with TLS. Clients choose HTTP/2 or HTTP/1.1 by ALPN.
 *
 * @param material certificate, and the authorities of clients: with these, each client must show a certificate
 */
export function createTlsAcceptor(
  material: TlsMaterial,
  connections: Connections,
  budgets: Budgets,
  { acceptHttp, acceptHttp2, onProblem }: TlsHandlers,
): TlsAcceptor {
  const server = tls.createServer({
    ...material,
    ALPNProtocols: [http2Protocol, 'http/1.1'],
    requestCert: material.ca !== undefined,
    rejectUnauthorized: material.ca !== undefined,
    handshakeTimeout: budgets.limits.readTimeoutMs,
    allowHalfOpen: true,
  });
  const handshakes = new WeakMap<net.Socket, Connection>();
  server.on('secureConnection', (socket) => {
    const { _parent: carrier } = socket as net.Socket & { readonly _parent?: net.Socket };
    const connection = carrier && handshakes.get(carrier);
    // The servers of the connection inside count it from now on.
    if (connection !== undefined) connections.release(connection);
    // Several servers watch it.
    socket.setMaxListeners(maxListeners);
    if (socket.alpnProtocol === http2Protocol) acceptHttp2(socket);
    else acceptHttp(socket);
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') budgets.refusals.add('read-timeout');
    else if (error.code !== 'ECONNRESET') onProblem(`TLS failed: ${error.message}`);
    socket.destroy();
  });
  const acceptor = net.createServer();
  connections.watch(acceptor, (connection) => {
    const { socket } = connection;
    const timer = setTimeout(() => {
      budgets.refusals.add('read-timeout');
      socket.destroy();
    }, budgets.limits.readTimeoutMs).unref();
    const ignoreError = (): void => {};
    socket.on('error', ignoreError).once('close', () => clearTimeout(timer));
    socket.once('end', () => socket.end());
    socket.once('data', (first: Buffer) => {
      clearTimeout(timer);
      if (first[0] !== handshakeByte) {
        onProblem('a client sent no TLS to a port for TLS');
        answerPlain(socket, first);
        return;
      }
      handshakes.set(socket, connection);
      socket.removeAllListeners('end').off('error', ignoreError).pause();
      socket.unshift(first);
      server.emit('connection', socket);
    });
  });
  return {
    accept: (socket) => void acceptor.emit('connection', socket),
    replace: (replaced) => server.setSecureContext(replaced),
  };
}

/** Answers a client that does not use TLS, in HTTP/1.1 if it speaks that. */
function answerPlain(socket: net.Socket, first: Buffer): void {
  const isHttp = /^[A-Z-]+ \S* HTTP\/1\.|^[A-Z]+ \//.test(first.toString('latin1', 0, 256));
  const text = 'this port speaks TLS: use https: instead of http:, or grpcs: instead of grpc:\n';
  const head = `HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n`;
  socket.end(isHttp ? head + text : '');
  // Bytes that are not read would make the kernel reset the connection, and the client might lose the answer.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once('close', () => clearTimeout(timer));
}
