import { clustersOf, type EndpointAddress } from './closure.ts';
import { type JsonObject, numberAt, objectsAt, textAt } from './json.ts';
import type { SnapshotPod } from './mesh-snapshot.ts';

/** Name of the listener that receives all requests to a sidecar. */
const inboundListener = 'virtualInbound';

/** Parts of a sidecar that decide about requests to one port of its pod. */
export interface InboundParts {
  readonly pod: SnapshotPod;
  readonly port: number;
  /** Filter chains that can take a connection to the port. */
  readonly chains: readonly JsonObject[];
  /** Listener filters and further settings of the listener. */
  readonly listener: JsonObject | undefined;
  readonly clusters: readonly JsonObject[];
  /** Certificates and filters that the chains only name, further listeners of the port, and the runtime settings. */
  readonly named: readonly JsonObject[];
  /** Addresses to which the sidecar itself sends requests, such as those of an authorization service. */
  readonly addresses: readonly EndpointAddress[];
}

/** Returns the parts of a sidecar for a port. A pod without a sidecar has none. */
export function inboundParts(pod: SnapshotPod, port: number): InboundParts {
  const { config } = pod;
  const listener = config?.listeners.find((one) => textAt(one, 'name') === inboundListener);
  if (config === undefined || listener === undefined)
    return { pod, port, chains: [], listener: undefined, clusters: [], named: [], addresses: [] };
  const { filter_chains: _, ...settings } = listener;
  const chains = objectsAt(listener, 'filter_chains').filter((chain) => {
    const chainPort = numberAt(chain, 'filter_chain_match', 'destination_port');
    return chainPort === undefined || chainPort === port;
  });
  // A Sidecar without interception, or an EnvoyFilter, makes listeners of their own.
  const others = config.listeners.filter(
    (one) =>
      one !== listener &&
      textAt(one, 'traffic_direction') !== 'OUTBOUND' &&
      numberAt(one, 'address', 'socket_address', 'port_value') === port,
  );
  const { clusters, endpoints, secrets, extensions, addresses } = clustersOf(config, [...chains, settings, ...others]);
  const named = [...secrets, ...extensions, ...others, ...endpoints, ...config.runtime];
  return { pod, port, chains, listener: settings, clusters, named, addresses };
}

/** Reports whether a listener receives all requests to a sidecar. */
export function isInboundListener(listener: JsonObject): boolean {
  return textAt(listener, 'name') === inboundListener;
}
