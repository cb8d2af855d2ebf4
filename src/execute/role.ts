import type { EchoServer } from './echo-server.ts';
import type { Upstream } from './octopus.ts';

/**
 * Role of a service, which decides its answer to a path that is not a plan. Two roles imitate the sample application of
 * Octopus's posts on Istio (mcasperson/NodeJSWebServer and mcasperson/NodejsProxy), and one the echo servers of test suites.
 */
export type Role =
  | { readonly kind: 'mock' }
  /** Web server of Octopus: answers with its content, the path and its host name. */
  | { readonly kind: 'webserver'; readonly content: string }
  /** Proxy of Octopus: answers with the body of its upstream, and the duration of the call. */
  | { readonly kind: 'proxy'; readonly upstream: Upstream }
  /** Echo server: answers with the request. No path is a plan. */
  | EchoServer;
