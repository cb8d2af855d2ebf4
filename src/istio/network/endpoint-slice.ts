import { type KubeObject, namespaceOf, type Service } from '../resources/objects.ts';

/** EndpointSlice of discovery.k8s.io/v1, as the API server returns it. */
export interface EndpointSlice extends KubeObject {
  addressType: string;
  endpoints?: readonly Endpoint[] | null;
  ports?: readonly EndpointPort[] | null;
}

export interface Endpoint {
  addresses: readonly string[];
  /** A condition that is absent or null is unknown. Consumers take it for ready and serving, and not terminating. */
  conditions?: {
    readonly ready?: boolean | null;
    readonly serving?: boolean | null;
    readonly terminating?: boolean | null;
  };
  hostname?: string | null;
  targetRef?: { kind?: string; name?: string; namespace?: string } | null;
}

export interface EndpointPort {
  name?: string | null;
  port?: number | null;
  protocol?: string | null;
}

const serviceLabel = 'kubernetes.io/service-name';

/** Returns `NAMESPACE/NAME` of a Service. */
export function serviceKey(service: Service): string {
  return `${namespaceOf(service)}/${service.metadata.name}`;
}

/** Groups the slices with IPv4 addresses by the `serviceKey` of their Services. */
export function slicesByService(slices: readonly EndpointSlice[]): Map<string, EndpointSlice[]> {
  const routable = slices.filter(
    ({ addressType, metadata }) => addressType === 'IPv4' && metadata.labels?.[serviceLabel] !== undefined,
  );
  return Map.groupBy(routable, (slice) => `${namespaceOf(slice)}/${slice.metadata.labels?.[serviceLabel]}`);
}

/** Reports whether an endpoint is ready. Slices of a Service with `publishNotReadyAddresses` say so of all. */
export function isReadyEndpoint({ conditions }: Endpoint): boolean {
  return conditions?.ready ?? true;
}

/** Reports whether an endpoint still serves while it ends. Such endpoints are used if none is ready. */
export function isServingWhileTerminating({ conditions }: Endpoint): boolean {
  return (conditions?.serving ?? true) && (conditions?.terminating ?? false);
}
