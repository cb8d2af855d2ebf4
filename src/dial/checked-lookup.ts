import type { LookupFunction } from 'node:net';
import type { TargetResolver } from './target-resolver.ts';

/** Addresses of a host that may be dialled. */
export type CheckedAddresses = Awaited<ReturnType<TargetResolver['resolve']>>;

/** Returns a lookup for a connection that dials exactly the addresses that were checked. */
export function checkedLookup(addresses: CheckedAddresses): LookupFunction {
  const [first] = addresses;
  return (_host, options, callback) => {
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? '', first?.family);
  };
}
