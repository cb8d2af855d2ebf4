import type { GrpcStatusName } from '../plan/plan.ts';
import { type Headers, signatureHeader } from './mesh-headers.ts';
import { type RefusalRow, refusalRows } from './proxy-refusal-rows.ts';
import type { Refusal } from './reply.ts';

/** Parts of an answer that show who made it. */
export interface UnsignedAnswer {
  /** HTTP status. Over gRPC, only `grpcStatus` counts. */
  readonly status: number;
  readonly grpcStatus?: string;
  readonly headers: Headers;
  /** Body; over gRPC, the message of the status. */
  readonly body: string;
}

/** Explanation of a proxy's answer that no row describes, such as a direct response or that of an external authorizer. */
const unknownExplanation =
  'The proxy answered by itself, with an unknown text. Look at its access log: RESPONSE_CODE_DETAILS and RESPONSE_FLAGS say why.';

/**
 * Returns why a proxy refused a call, or undefined if the answer is not certainly a proxy's own.
 *
 * An answer that a meshmock signed is never a refusal. Other answers are recognized by their text and headers only, so a
 * callee that answers with Envoy's texts counts as a proxy.
 *
 * @example
 * refusalOf({ status: 403, headers: { server: 'envoy' }, body: 'RBAC: access denied' })?.reason; // 'rbac_denied'
 */
export function refusalOf(answer: UnsignedAnswer): Refusal | undefined {
  if (answer.headers[signatureHeader] !== undefined) return undefined;
  const row = refusalRows.find((candidate) => matchesRow(answer, candidate));
  if (row === undefined && !isUnknownRefusal(answer)) return undefined;
  return {
    reason: row?.reason ?? 'unknown',
    explanation: [row?.explanation ?? unknownExplanation, ...proxySentence(answer.headers)].join(' '),
  };
}

function matchesRow(
  answer: UnsignedAnswer,
  { statuses, grpc = [], text, headers, isNearestOnly }: RefusalRow,
): boolean {
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
  // The answer to HEAD has no body but a content-length. A redirect over gRPC has no body either.
  return body === '' && Number(headers['content-length'] ?? 0) === 0 && headers.location === undefined;
}

/**
 * Reports whether the first proxy on the way made the answer itself. A proxy names itself in `server`, and adds the
 * upstream's time to an upstream's answer. If Istio's `proxyHeaders.envoyDebugHeaders` turns that header off, an empty
 * answer of a callee looks the same.
 */
function isNearest(headers: Headers): boolean {
  return isEnvoy(headers) && headers['x-envoy-upstream-service-time'] === undefined;
}

function isEnvoy({ server }: Headers): boolean {
  return server === 'envoy' || server === 'istio-envoy';
}

/**
 * Reports whether an answer is a proxy's own although no row matches. Envoy's own bodies are exactly `text/plain`.
 * `UNIMPLEMENTED` is excluded: if a gRPC server answers before the request has ended, its answer has no upstream time.
 */
function isUnknownRefusal({ status, grpcStatus, headers }: UnsignedAnswer): boolean {
  if (!isNearest(headers) || status < 400) return false;
  if (grpcStatus !== undefined) return grpcStatus !== 'UNIMPLEMENTED';
  return ['text/plain', undefined].includes(headers['content-type']);
}

/** Returns a sentence about whose proxy refused, as far as the headers show it. */
function proxySentence(headers: Headers): readonly string[] {
  if (headers['x-envoy-upstream-service-time'] !== undefined)
    return ["Said by a proxy after the first one: the callee's sidecar, a waypoint or a gateway."];
  if (headers.server === 'envoy') return ["Said by the first proxy on the way: in Istio, the caller's own sidecar."];
  if (headers.server === 'istio-envoy')
    return ["Said by the first proxy on the way: a gateway, a waypoint or the callee's sidecar."];
  return [];
}

/** Maps the HTTP status of Envoy's own answers to gRPC (envoy source/common/grpc/status.cc Utility::httpToGrpcStatus). */
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
