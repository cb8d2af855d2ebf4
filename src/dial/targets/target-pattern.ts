import { BlockList, isIP, isIPv4 } from 'node:net';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { hostProblem } from '../../plan/fields.ts';
import { withoutMapping } from './address-views.ts';
import { numericAddress } from './numeric-address.ts';

/** Addresses or names that a rule is about. */
export type TargetPattern = AddressRange | HostPattern;

export interface AddressRange {
  readonly kind: 'addresses';
  /** Text of the rule, as it was written. */
  readonly text: string;
  /** Length of the prefix, in bits. A longer prefix is more specific. */
  readonly prefix: number;
  contains(address: string): boolean;
}

export interface HostPattern {
  readonly kind: 'hosts';
  /** Text of the rule, as it was written. */
  readonly text: string;
  /** Length of the fixed part. A name without a wildcard is the most specific. */
  readonly length: number;
  /** @param name host name in lower case, without a dot at its end */
  matches(name: string): boolean;
}

/**
 * Parses an address, a range of addresses, a host name, or `*.` and a domain. `*` is every name.
 *
 * @example
 * parseTargetPattern('10.0.0.0/8');
 * parseTargetPattern('*.example.com'); // matches a.example.com and a.b.example.com, but not example.com
 *
 * @throws MeshmockError `usage` if the text is none of these
 */
export function parseTargetPattern(text: string): TargetPattern {
  const pattern = parseRange(text) ?? parseHosts(text);
  if (pattern !== undefined) return pattern;
  throw new MeshmockError(
    'usage',
    `"${text}" is not a target: expected an address, a range such as 10.0.0.0/8, a host, or *.example.com`,
  );
}

function parseRange(text: string): AddressRange | undefined {
  const [, ipv6, ipv4, digits] = /^(?:\[([^\]]*)\]|([^/]*))(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const written = ipv6 ?? ipv4 ?? '';
  if (isIP(written) === 0 || written.includes('%')) return undefined;
  const network = withoutMapping(written);
  const bits = isIPv4(network) ? 32 : 128;
  const mappedBits = isIPv4(network) && !isIPv4(written) ? 96 : 0;
  const prefix = digits === undefined ? bits : Number(digits) - mappedBits;
  if (prefix < 0 || prefix > bits) return undefined;
  const family = familyOf(network);
  const list = new BlockList();
  list.addSubnet(network, prefix, family);
  const contains = (address: string): boolean => familyOf(address) === family && list.check(address, family);
  return { kind: 'addresses', text, prefix, contains };
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv4(address) ? 'ipv4' : 'ipv6');

function parseHosts(text: string): HostPattern | undefined {
  const lower = text.toLowerCase().replace(/\.$/, '');
  if (lower === '*') return { kind: 'hosts', text, length: 0, matches: () => true };
  const host = lower.replace(/^\*\./, '');
  if (host.includes(':') || hostProblem(host) !== undefined || numericAddress(host) !== undefined) return undefined;
  if (host === lower)
    return { kind: 'hosts', text, length: Number.POSITIVE_INFINITY, matches: (name) => name === host };
  return { kind: 'hosts', text, length: host.length, matches: (name) => name.endsWith(`.${host}`) };
}
