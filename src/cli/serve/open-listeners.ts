import type { ListenAddress } from '../../plan/address.ts';

const allInterfaces: ReadonlySet<string> = new Set(['', '0.0.0.0', '::']);

/**
 * Returns a note for a person at a terminal if a service listens on all interfaces, or undefined. In a container that is
 * right; on a laptop, the whole network can make the service call others.
 */
export function openListenersNote(addresses: readonly ListenAddress[]): string | undefined {
  if (!addresses.some(({ host }) => allInterfaces.has(host))) return undefined;
  return 'it listens on all interfaces, so other machines can make it call others; --http localhost:8080 --grpc localhost:9090 restricts it';
}
