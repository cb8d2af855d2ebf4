import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Bound } from '../execute/budgets/limits.ts';
import type { ServedCall } from './served-call.ts';

/** Request over HTTP/2 that is not one of gRPC. The server of gRPC accepts all connections of HTTP/2, and admits it. */
export interface Http2Arrival {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** Names and values of the headers, in turn. */
  readonly rawHeaders: readonly string[];
}

/** Handler of the requests over HTTP/2 that are not those of gRPC. */
export interface Http2Requests {
  /** Reports whether a path is that of a probe. Probes are always answered. */
  isProbe(path: string): boolean;
  /** Answers a request that is admitted, or a probe, which has no admission. */
  answer(arrival: Http2Arrival, served: ServedCall | undefined): void;
  /** Answers that there is no room for a request. */
  refuse(arrival: Http2Arrival, reason: Bound | 'overload'): void;
}

/** Reports whether the headers of a request are those of a call of gRPC. */
export function isGrpcRequest(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.startsWith('application/grpc') === true;
}
