/**
 * Returns the address that a host of numbers means, or undefined for a name. IPv4 addresses may be written in fewer
 * parts, and in decimal, octal or hexadecimal (inet_aton(3), and the WHATWG URL Standard, which undici follows).
 *
 * @example
 * numericAddress('0xA9FEA9FE'); // '169.254.169.254'
 * numericAddress('0251.254.43518'); // '169.254.169.254'
 * numericAddress('reviews'); // undefined
 *
 * @returns an empty text if the host ends with a number and is not an address, so it is not a name either
 */
export function numericAddress(host: string): string | undefined {
  if (!/(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i.test(host)) return undefined;
  const url = URL.parse(`http://${host}/`);
  return url?.hostname ?? '';
}
