import { isIPv4, isIPv6 } from 'node:net';

/**
 * Returns the addresses that a rule about an address must be checked against: the address itself, and the IPv4 addresses
 * that it contains. A gateway of the network may translate the second kind, so a blocked address would be reachable
 * through them. An IPv4-mapped address is the IPv4 address, and the unspecified address is also the loopback address,
 * which the kernel connects to instead.
 *
 * @param address IPv4 or IPv6 address, perhaps with a zone
 * @example
 * addressViews('::ffff:169.254.169.254'); // ['169.254.169.254']
 * addressViews('64:ff9b::a9fe:a9fe'); // ['64:ff9b::a9fe:a9fe', '169.254.169.254']
 */
export function addressViews(address: string): readonly string[] {
  if (isIPv4(address)) return viewsOfIpv4(address);
  const plain = address.replace(/%.*$/s, '');
  if (!isIPv6(plain)) return [address];
  const groups = ipv6Groups(plain);
  const mapped = mappedIpv4(groups);
  if (mapped !== undefined) return viewsOfIpv4(mapped);
  if (isZero(groups)) return ['::', '::1'];
  return [plain, ...containedIpv4(groups).flatMap(viewsOfIpv4)];
}

/** Returns the IPv4 address of an IPv4-mapped address, or the address itself. */
export function withoutMapping(address: string): string {
  return (isIPv6(address) ? mappedIpv4(ipv6Groups(address)) : undefined) ?? address;
}

function viewsOfIpv4(address: string): readonly string[] {
  return address === '0.0.0.0' ? [address, '127.0.0.1'] : [address];
}

type Groups = readonly number[];

/** Returns the eight groups of an IPv6 address. `URL` writes an IPv4 part as two groups. */
function ipv6Groups(address: string): Groups {
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const groupsOf = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)));
  const first = groupsOf(head);
  if (tail === undefined) return first;
  const last = groupsOf(tail);
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
}

const isZero = (groups: Groups): boolean => groups.every((group) => group === 0);

/** Returns the IPv4 address of an address in ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
function mappedIpv4(groups: Groups): string | undefined {
  return isZero(groups.slice(0, 5)) && groups[5] === 0xffff ? ipv4At(groups, 6) : undefined;
}

/** Returns the IPv4 addresses in an IPv6 address of a form that contains one. */
function containedIpv4(groups: Groups): string[] {
  const [first = 0, second = 0, third = 0, , fifth = 0, sixth = 0, , last = 0] = groups;
  const lowest = ipv4At(groups, 6);
  // NAT64: the well-known prefix 64:ff9b::/96 (RFC 6052), and the local prefix 64:ff9b:1::/48 (RFC 8215), in which the
  // IPv4 address is after 48 bits, around the byte that is always 0, or after 96 bits.
  if (first === 0x64 && second === 0xff9b) {
    const [, , , fourth = 0] = groups;
    return third === 1 ? [lowest, ipv4Of(fourth, ((fifth & 0xff) << 8) | (sixth >> 8))] : [lowest];
  }
  // 6to4 (RFC 3056).
  if (first === 0x2002) return [ipv4At(groups, 1)];
  // Teredo (RFC 4380): the server, and the client with inverted bits.
  if (first === 0x2001 && second === 0)
    return [ipv4At(groups, 2), ipv4Of((groups[6] ?? 0) ^ 0xffff, (last ^ 0xffff) & 0xffff)];
  // ISATAP (RFC 5214).
  if ((fifth & 0xfdff) === 0 && sixth === 0x5efe) return [lowest];
  // IPv4-translated ::ffff:0:0:0/96 (RFC 2765), and IPv4-compatible ::/96 (RFC 4291), except ::1.
  const isTranslated = isZero(groups.slice(0, 4)) && fifth === 0xffff && sixth === 0;
  const isCompatible = isZero(groups.slice(0, 6)) && groups[6] !== 0;
  return isTranslated || isCompatible ? [lowest] : [];
}

function ipv4At(groups: Groups, index: number): string {
  return ipv4Of(groups[index] ?? 0, groups[index + 1] ?? 0);
}

function ipv4Of(high: number, low: number): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}
