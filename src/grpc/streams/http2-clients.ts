import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Connection } from '../../connections/connection.ts';
import type { Connections } from '../../connections/connections.ts';
import { StreamLimit } from './stream-limit.ts';

/** Client with a connection of HTTP/2. */
export interface Http2Client {
  readonly connection: Connection;
  readonly streams: StreamLimit;
}

/** Returns a function that returns the client of a session. */
export function clientsOf(
  server: Http2Server,
  connections: Connections,
  maxStreams: number,
): (session: NonNullable<ServerHttp2Stream['session']>) => Http2Client | undefined {
  const clients = new WeakMap<object, Http2Client>();
  // A server makes the session of a connection at once.
  let latest: Connection | undefined;
  connections.watch(server, (connection) => {
    latest = connection;
  });
  server.on('session', (session: ServerHttp2Session) => {
    if (latest !== undefined)
      clients.set(session, { connection: latest, streams: new StreamLimit(session, maxStreams) });
    latest = undefined;
  });
  return (session) => clients.get(session);
}
