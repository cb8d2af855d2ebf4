import { isIP } from 'node:net';

/** Returns the host of an authority, without the brackets of an IPv6 address. */
export function hostOf(authority: string): string {
  return authority.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

/** Returns a host as the name that a client asks for by SNI. An address is not a name (RFC 6066 section 3). */
export function serverNameOf(host: string): string {
  return isIP(host) === 0 ? host : '';
}
