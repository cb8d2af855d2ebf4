import type { GrpcStatusName } from '../plan/plan.ts';
import { type Headers, signatureHeader } from './mesh-headers.ts';
import { type RefusalRow, refusalRows } from './proxy-refusal-rows.ts';
import type { Refusal } from './reply.ts';

/** An answer that is no reply, as far as it can tell who made it. */
export interface UnsignedAnswer {
  /** Over gRPC only `grpcStatus` is looked at. */
  readonly status: number;
  readonly grpcStatus?: string;
  readonly headers: Headers;
  /** Over gRPC the status's message. */
  readonly body: string;
}

/** An answer of the proxy's own that no row names: a direct response, a request it cannot read, an external authorizer. */
const unknownExplanation =
  'The proxy answered by itself, with no words that are known. Look at its access log: RESPONSE_CODE_DETAILS and RESPONSE_FLAGS say why.';

/**
 * Why a proxy refused a call; undefined when the answer is not surely a proxy's own. What a meshmock signed never is one.
 * Of the others, texts and headers are all there is to tell by: a callee that answers in Envoy's words is taken for it.
 */
export function refusalOf(answer: UnsignedAnswer): Refusal | undefined {
  if (answer.headers[signatureHeader] !== undefined) return undefined;
  const row = refusalRows.find((candidate) => fits(answer, candidate));
  if (row === undefined && !isUnnamed(answer)) return undefined;
  return {
    reason: row?.reason ?? 'unknown',
    explanation: [row?.explanation ?? unknownExplanation, ...sayer(answer.headers)].join(' '),
  };
}

function fits(answer: UnsignedAnswer, { statuses, grpc = [], text, headers, isNearestOnly }: RefusalRow): boolean {
  return (
    hasStatus(answer, statuses, grpc) &&
    (text === undefined || hasText(answer, text)) &&
    (headers === undefined || headers.some((name) => answer.headers[name] === 'true')) &&
    (isNearestOnly === undefined || isNearest(answer.headers))
  );
}

function hasStatus({ status, grpcStatus }: UnsignedAnswer, statuses: readonly number[], grpc: readonly string[]) {
  if (statuses.length === 0) return grpcStatus !== 'OK';
  if (grpcStatus === undefined) return statuses.includes(status);
  return grpc.includes(grpcStatus) || statuses.some((httpStatus) => envoyGrpcStatus(httpStatus) === grpcStatus);
}

function hasText({ headers, body }: UnsignedAnswer, text: string | RegExp): boolean {
  if (text !== '') return typeof text === 'string' ? body === text : text.test(body);
  // The answer to HEAD has no body, but says how long it would be; a redirect over gRPC is an empty one too.
  return body === '' && Number(headers['content-length'] ?? 0) === 0 && headers.location === undefined;
}

/**
 * Whether the proxy that was met first made the answer itself: it says who it is, and for an upstream's answer would say
 * how long that took. Where Istio is told not to (`proxyHeaders.envoyDebugHeaders`), a callee's empty answer looks so too.
 */
function isNearest(headers: Headers): boolean {
  return isEnvoy(headers) && headers['x-envoy-upstream-service-time'] === undefined;
}

function isEnvoy({ server }: Headers): boolean {
  return server === 'envoy' || server === 'istio-envoy';
}

/** Envoy's own texts are plain, to the letter. A gRPC server may answer before the request has ended: not timed either. */
function isUnnamed({ status, grpcStatus, headers }: UnsignedAnswer): boolean {
  if (!isNearest(headers) || status < 400) return false;
  if (grpcStatus !== undefined) return grpcStatus !== 'UNIMPLEMENTED';
  return ['text/plain', undefined].includes(headers['content-type']);
}

/** Whose proxy it was, as far as headers tell. */
function sayer(headers: Headers): readonly string[] {
  if (headers['x-envoy-upstream-service-time'] !== undefined)
    return ["Said by a proxy behind the first one: the callee's sidecar, a waypoint or a gateway."];
  if (headers.server === 'envoy') return ["Said by the first proxy on the way: in Istio, the caller's own sidecar."];
  if (headers.server === 'istio-envoy')
    return ["Said by the first proxy on the way: a gateway, a waypoint or the callee's sidecar."];
  return [];
}

/** The gRPC status of Envoy's own answers (envoy source/common/grpc/status.cc Utility::httpToGrpcStatus). */
function envoyGrpcStatus(status: number): GrpcStatusName {
  switch (status) {
    case 400:
      return 'INTERNAL';
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'PERMISSION_DENIED';
    case 404:
      return 'UNIMPLEMENTED';
    case 429:
    case 502:
    case 503:
    case 504:
      return 'UNAVAILABLE';
    default:
      return 'UNKNOWN';
  }
}
