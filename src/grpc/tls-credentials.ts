import { isIP } from 'node:net';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';

/** Private part of grpc-js, which takes the name for TLS from the address that it dials. */
interface SecureConnectorFactory {
  _createSecureConnector(...args: unknown[]): {
    connectionOptions: { readonly host: string; readonly servername: string };
  };
}

/**
 * Returns credentials that ask for the host of an authority by SNI, and verify it, whatever address is dialled. An address
 * as a host is verified too, and not asked for (RFC 6066 section 3).
 */
export function tlsCredentials(authority: string): ChannelCredentials {
  const host = authority.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const created = credentials.createSsl();
  const factory = created as unknown as SecureConnectorFactory;
  const create = factory._createSecureConnector.bind(created);
  factory._createSecureConnector = (...args) => {
    const connector = create(...args);
    connector.connectionOptions = { ...connector.connectionOptions, host, servername: isIP(host) === 0 ? host : '' };
    return connector;
  };
  return created;
}
