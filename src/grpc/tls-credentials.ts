import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { optional } from '../error/optional.ts';
import type { ClientTls } from '../execute/client.ts';
import type { Tls } from '../reply/reply.ts';
import { LatestOf } from '../tls/latest-of.ts';
import { hostOf, serverNameOf } from '../tls/server-name.ts';
import { dialledTls } from '../tls/tls-facts.ts';

/** Private part of grpc-js, which takes the name for TLS from the address that it dials. */
interface SecureConnectorFactory {
  _createSecureConnector(...args: unknown[]): {
    connectionOptions: { readonly host: string; readonly servername: string; readonly secureContext: SecureContext };
    connect(socket: Socket): Promise<{ readonly socket: Socket }>;
  };
}

/** Returns credentials that show each socket which connects, before TLS begins. */
export function showSockets(created: ChannelCredentials, onSocket: (socket: Socket) => void): ChannelCredentials {
  const factory = created as unknown as SecureConnectorFactory;
  const create = factory._createSecureConnector.bind(created);
  factory._createSecureConnector = (...args) => {
    const connector = create(...args);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      onSocket(socket);
      return connect(socket);
    };
    return connector;
  };
  return created;
}

const maxListeners = 20;

/**
 * Returns credentials that ask for the host of an authority by SNI, and verify it, whatever address is dialled. An address
 * as a host is verified too, and not asked for (RFC 6066 section 3).
 *
 * @param tls certificates of the client; without them, it trusts well-known authorities
 * @param onConnected called with the facts of each connection
 */
export function tlsCredentials(
  authority: string,
  tls: ClientTls | undefined,
  onConnected: (facts: Tls | undefined) => void,
): ChannelCredentials {
  const host = tls?.serverName ?? hostOf(authority);
  const contexts = tls && new LatestOf(tls, () => createSecureContext(contextOf(tls)));
  const created =
    contexts === undefined
      ? credentials.createSsl()
      : credentials.createFromSecureContext(contexts.get(), { rejectUnauthorized: tls?.isInsecure !== true });
  const factory = created as unknown as SecureConnectorFactory;
  const create = factory._createSecureConnector.bind(created);
  factory._createSecureConnector = (...args) => {
    const connector = create(...args);
    const connect = connector.connect.bind(connector);
    connector.connect = async (carrier) => {
      // The connector is that of all connections of a channel.
      if (contexts !== undefined)
        connector.connectionOptions = { ...connector.connectionOptions, secureContext: contexts.get() };
      const connected = await connect(carrier);
      // grpc-js, Node and meshmock listen to its end.
      connected.socket.setMaxListeners(maxListeners);
      onConnected(dialledTls(connected.socket));
      return connected;
    };
    connector.connectionOptions = { ...connector.connectionOptions, host, servername: serverNameOf(host) };
    return connector;
  };
  return created;
}

/** Returns the settings of TLS. A certificate that the client trusts may be the server's own, signed by anyone. */
function contextOf({ ca, cert, key }: ClientTls): SecureContextOptions {
  return {
    ...(ca === undefined ? {} : { ca, allowPartialTrustChain: true }),
    ...optional('cert', cert),
    ...optional('key', key),
  };
}
