import { MeshmockError } from '../error/meshmock-error.ts';

/** Where a server listens. An empty host means every address of the machine, port 0 any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `HOST:PORT`, `:PORT` or `PORT`; an IPv6 address stands in brackets.
 *
 * @throws MeshmockError `usage`
 */
export function parseAddress(text: string): ListenAddress {
  const [, v6, name = '', digits] = /^(?:\[([0-9a-fA-F:.]+)\]:|([^:[\]]*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    throw new MeshmockError(
      'usage',
      `"${text}" is no address: expected HOST:PORT, :PORT or PORT, such as localhost:8080`,
    );
  }
  return { host: v6 ?? name, port };
}

/** Difference between the gRPC port of a service and its HTTP port: 8080 has 9090, so 8081 has 9091. */
export const grpcPortOffset = 1010;

/** Returns the gRPC address that belongs to an HTTP address. Port 0 (any free port) belongs to port 0. */
export function grpcAddressFor({ host, port }: ListenAddress): ListenAddress {
  const isFree = port === 0 || port + grpcPortOffset > 65_535;
  return { host, port: isFree ? 0 : port + grpcPortOffset };
}
