import { MeshmockError } from '../../error/meshmock-error.ts';
import { parseAddress } from '../../plan/address.ts';

/** Entry into a running mesh: a meshmock or a gateway. */
export interface LiveEntry {
  /** Name of the service or gateway; undefined for a meshmock that calls every service. */
  readonly name: string | undefined;
  readonly protocol: 'http' | 'grpc';
  readonly address: { readonly host: string; readonly port: number };
}

/**
 * Parses an entry into a running mesh. A gateway may have the port of its Service in its name.
 *
 * @throws MeshmockError `usage`
 * @example
 * parseEntry('web=http://localhost:8080').name; // 'web'
 */
export function parseEntry(value: string): LiveEntry {
  const [, name, url = ''] = /^(?:([a-z0-9][a-z0-9.-]*(?::\d+)?)=)?(.*)$/s.exec(value) ?? [];
  const [, scheme = 'http', authority = ''] = /^(?:(http|grpc):\/\/)?([^/?#]+)\/?$/.exec(url) ?? [];
  if (authority === '')
    throw new MeshmockError('usage', `"${value}": expected http://HOST:PORT or grpc://HOST:PORT, or NAME=URL`);
  const address = parseAddress(/:\d+$/.test(authority) ? authority : `${authority}:${scheme === 'http' ? 80 : 9090}`);
  return { name, protocol: scheme as 'http' | 'grpc', address };
}
