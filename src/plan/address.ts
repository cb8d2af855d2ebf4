import { MeshmockError } from '../error/meshmock-error.ts';

/** Address that a server listens on. An empty host means every address of the machine, port 0 means any free port. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Parses `HOST:PORT`, `:PORT` or `PORT`. An IPv6 address has brackets.
 *
 * @example
 * parseAddress('[::1]:8080'); // { host: '::1', port: 8080 }
 *
 * @throws MeshmockError `usage` if the text is not an address
 */
export function parseAddress(text: string): ListenAddress {
  const [, ipv6, name = '', digits] = /^(?:\[([0-9a-fA-F:.]+)\]:|([^:[\]]*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    throw new MeshmockError(
      'usage',
      `"${text}" is not an address: expected HOST:PORT, :PORT or PORT, such as localhost:8080`,
    );
  }
  return { host: ipv6 ?? name, port };
}

/** Difference between the gRPC port and the HTTP port of a service: 8080 goes with 9090, so 8081 goes with 9091. */
export const grpcPortOffset = 1010;

/**
 * Returns the gRPC address that goes with an HTTP address. It has port 0 (any free port) if the HTTP address has, or if
 * its port would be too high.
 */
export function grpcAddressFor({ host, port }: ListenAddress): ListenAddress {
  const isFree = port === 0 || port + grpcPortOffset > 65_535;
  return { host, port: isFree ? 0 : port + grpcPortOffset };
}
