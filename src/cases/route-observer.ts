import type { CallRoute } from '../send/request-batch.ts';
import type { AssertedRequest } from './asserted-route.ts';
import type { ProxyCounts } from './envoy-clusters.ts';
import type { RouteConfig } from './route-config.ts';

/** Observer of the routes that requests take in a mesh. */
export interface RouteObserver {
  readonly config: RouteConfig;
  /**
   * Returns the ways into the mesh on which requests meet the VirtualServices of an authority.
   *
   * @param timeoutMs timeout of one request, in milliseconds
   * @throws MeshmockError `usage` when no VirtualService has hosts
   */
  accessesFor(authority: string, timeoutMs: number): readonly EntryAccess[];
  /** Returns what the proxies have counted so far. */
  counts(signal: AbortSignal): Promise<ProxyCounts>;
  /** Makes the mocks of a service follow directives for every request, until the result is disposed of. */
  setBehaviour(service: string, directives: string, signal: AbortSignal): Promise<AsyncDisposable>;
}

/** Access to a mesh through one of its gateways or sidecars. */
export type EntryAccess =
  | { readonly kind: 'open'; readonly title: string; readonly routeOf: (request: AssertedRequest) => CallRoute }
  /** No request can be sent there, for this reason. */
  | { readonly kind: 'closed'; readonly title: string; readonly reason: string };
