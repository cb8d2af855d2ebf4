import type { LookupAddress } from 'node:dns';
import { networkInterfaces } from 'node:os';

/**
 * Returns addresses in the order in which they are dialled: IPv6 first if this machine has an address from which it can
 * reach it (the rule of RFC 6724 that matters here), otherwise IPv4 first. The order within a family stays.
 */
export function inDialOrder(addresses: readonly LookupAddress[]): readonly LookupAddress[] {
  const ipv6 = addresses.filter(({ family }) => family === 6);
  if (ipv6.length === 0 || ipv6.length === addresses.length) return addresses;
  const ipv4 = addresses.filter(({ family }) => family !== 6);
  const isLoopback = ipv6.every(({ address }) => address === '::1');
  const isReachable = Object.values(networkInterfaces())
    .flatMap((all = []) => all)
    .some((own) => own.family === 'IPv6' && own.internal === isLoopback && !own.address.startsWith('fe80:'));
  return isReachable ? [...ipv6, ...ipv4] : [...ipv4, ...ipv6];
}
