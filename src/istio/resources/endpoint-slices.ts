import type { EndpointSlice, Service } from './objects.ts';

const serviceLabel = 'kubernetes.io/service-name';

/**
 * Returns the IPv4 addresses of a Service that get new connections: those of ready endpoints that do not end. A condition
 * that is absent or null is unknown, and counts as ready and not terminating.
 */
export function readyAddresses({ metadata }: Service, slices: readonly EndpointSlice[]): Set<string> {
  const own = slices.filter(
    (slice) =>
      slice.addressType === 'IPv4' &&
      slice.metadata.namespace === metadata.namespace &&
      slice.metadata.labels?.[serviceLabel] === metadata.name,
  );
  const endpoints = own.flatMap((slice) => slice.endpoints ?? []);
  const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false && conditions?.terminating !== true);
  return new Set(ready.flatMap(({ addresses }) => addresses));
}
