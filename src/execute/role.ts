import type { Header } from '../plan/plan.ts';
import type { EchoServer } from './echo-server.ts';
import type { Upstream } from './octopus.ts';

/** Answer of a stand-in. */
export interface StoredAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers: readonly Header[];
}

/** Answers of a stand-in by method and path. */
export interface StandIn {
  /** Returns the answer to a request, or undefined if the service answers as a mock. */
  find(method: string, uri: string): StoredAnswer | undefined;
}

/**
 * Role of a service, which decides its answer to a path that is not a plan. Two roles imitate the sample application of
 * Octopus's posts on Istio (mcasperson/NodeJSWebServer and mcasperson/NodejsProxy), and one the echo servers of test suites.
 */
export type Role =
  | { readonly kind: 'mock' }
  /** Stand-in for a service: stored answers for some requests, and otherwise a mock. */
  | { readonly kind: 'stand-in'; readonly answers: StandIn }
  /** Web server of Octopus: answers with its content, the path and its host name. */
  | { readonly kind: 'webserver'; readonly content: string }
  /** Proxy of Octopus: answers with the body of its upstream, and the duration of the call. */
  | { readonly kind: 'proxy'; readonly upstream: Upstream }
  /** Echo server: answers with the request. No path is a plan. */
  | EchoServer;
