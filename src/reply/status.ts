import { type RequestErrorCode, requestErrorCodeOf } from '../error/error-code.ts';
import type { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import { type GrpcStatusName, grpcStatusNames } from '../plan/plan.ts';
import type { CallErrorCode, CallResult, Reply } from './reply.ts';

/** HTTP status of each code of a request error. `grpcStatusOf` maps it to a gRPC status, except for `grpcStatusOfCode`. */
const statusOfCode: Readonly<Record<RequestErrorCode, number>> = {
  invalid_plan: 400,
  limit_exceeded: 400,
  invalid_header: 400,
  bad_request: 400,
  not_found: 404,
  request_timeout: 408,
  header_too_large: 431,
  canceled: 499,
  internal: 500,
  overloaded: 503,
  deadline_exceeded: 504,
};

/** gRPC status of the codes for which that of the HTTP status would be wrong: clients repeat UNAVAILABLE at once. */
const grpcStatusOfCode: Readonly<Partial<Record<RequestErrorCode, GrpcStatusName>>> = {
  overloaded: 'RESOURCE_EXHAUSTED',
};

/** Returns the HTTP status of the answer to a request that an error ends. */
export function statusOfError({ code }: MeshmockError): number {
  return statusOfCode[requestErrorCodeOf(code)];
}

/** Returns the statuses of the reply to a request that an error ends. */
export function statusesOfError(error: MeshmockError): Pick<Reply, 'status' | 'grpcStatus'> {
  return { status: statusOfError(error), ...optional('grpcStatus', grpcStatusOfCode[requestErrorCodeOf(error.code)]) };
}

/** HTTP status of each gRPC status, from googleapis' `google/rpc/code.proto`. */
const httpStatuses: Readonly<Record<GrpcStatusName, number>> = {
  OK: 200,
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/** gRPC status of each HTTP status. One is chosen where several gRPC statuses have the same HTTP status. */
const grpcStatuses: Readonly<Record<number, GrpcStatusName>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  408: 'DEADLINE_EXCEEDED',
  409: 'ABORTED',
  412: 'FAILED_PRECONDITION',
  429: 'RESOURCE_EXHAUSTED',
  431: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** Maps an HTTP status to a gRPC status. */
export function grpcStatusOf(status: number): GrpcStatusName {
  if (status < 400) return 'OK';
  return grpcStatuses[status] ?? (status < 500 ? 'FAILED_PRECONDITION' : 'UNKNOWN');
}

/** Maps a gRPC code to its name and its HTTP status. */
export function httpStatusOf(code: number): { status: number; grpcStatus: GrpcStatusName } {
  const grpcStatus = grpcStatusNames[code] ?? 'UNKNOWN';
  return { status: httpStatuses[grpcStatus], grpcStatus };
}

/** gRPC statuses that make a SERVER span an error (OpenTelemetry semantic conventions, RPC spans). */
const grpcServerErrors: ReadonlySet<string> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

/**
 * Reports whether the SERVER span of an answer is an error. A 4xx is not: it is an error of the client
 * (OpenTelemetry semantic conventions, HTTP spans).
 *
 * @param status HTTP status, or name of the gRPC status
 */
export function isServerSpanError(status: number | string): boolean {
  return typeof status === 'number' ? status >= 500 : grpcServerErrors.has(status);
}

/** Reports whether the CLIENT span of an answer is an error. A 4xx is one. */
export function isClientSpanError(status: number | string): boolean {
  return typeof status === 'number' ? status >= 400 : status !== 'OK';
}

/** Returns the code of a gRPC status. */
export function grpcCodeOf(name: GrpcStatusName): number {
  return grpcStatusNames.indexOf(name);
}

/**
 * Returns the status of a service from its calls: 502 if one failed, else 504 if one timed out, else 200.
 *
 * | answer | call |
 * |---|---|
 * | none | failed; timed out if the error is `timeout` or `not_made` |
 * | status 504 | timed out |
 * | a proxy's refusal, with any status | failed; timed out if the reason is `timeout` |
 * | a meshmock's with status 400 or more | failed |
 * | a foreign one with status 500 or more | failed; ok if a gRPC server does not know `Call` |
 * | any other | ok |
 */
export function statusOfCalls(calls: readonly CallResult<unknown>[]): 200 | 502 | 504 {
  const outcomes = calls.map(callVerdict);
  if (outcomes.includes('failed')) return 502;
  return outcomes.includes('timed out') ? 504 : 200;
}

/** Reports whether a call failed or timed out. */
export function isFailed(call: CallResult<unknown>): boolean {
  return callVerdict(call) !== 'ok';
}

/** Codes of errors that exclude that a service received the call. */
export const undeliveredErrors: ReadonlySet<string> = new Set<CallErrorCode>([
  'refused',
  'dns',
  'blocked',
  'unreachable',
  'tls',
  'budget',
  'not_made',
]);

/** Returns the status of a call, or the code of its error. */
export function outcomeOf({ error, status }: CallResult<unknown>): string {
  return error?.code ?? String(status ?? '');
}

/** Returns whether a call is ok, failed or timed out, by the table of `statusOfCalls`. */
export function callVerdict(call: CallResult<unknown>): 'ok' | 'failed' | 'timed out' {
  if (call.error !== undefined)
    return call.error.code === 'timeout' || call.error.code === 'not_made' ? 'timed out' : 'failed';
  const status = call.status ?? 200;
  // Over gRPC, Envoy's timeout is UNAVAILABLE, like its other refusals.
  if (status === 504 || call.mesh?.refusal?.reason === 'timeout') return 'timed out';
  if (call.answeredBy === 'proxy') return 'failed';
  const bad = call.answeredBy === 'service' ? status >= 400 : status >= 500 && call.grpcStatus !== 'UNIMPLEMENTED';
  return bad ? 'failed' : 'ok';
}
