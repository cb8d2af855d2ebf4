import type { CallRoute } from '../send/request-batch.ts';
import type { AssertedRequest } from './asserted-route.ts';
import type { ProxyCounts } from './envoy-clusters.ts';
import type { RouteConfig } from './route-config.ts';

/** A mesh of which the routes that requests take can be seen. */
export interface RouteObserver {
  readonly config: RouteConfig;
  /**
   * Every way in by which a request may meet the VirtualServices of its authority.
   *
   * @throws MeshmockError `usage` when there is none
   */
  entryRoutesFor(request: AssertedRequest, timeoutMs: number): readonly EntryRoute[];
  /** What the proxies have counted so far. */
  counts(signal: AbortSignal): Promise<ProxyCounts>;
  /** Makes the mocks of a service do something with every request, until what it gives is disposed of. */
  setBehaviour(service: string, directives: string, signal: AbortSignal): Promise<AsyncDisposable>;
}

/** A way in, or why there is none. */
export type EntryRoute = { readonly title: string } & ({ readonly way: CallRoute } | { readonly closed: string });
