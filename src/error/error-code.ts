/** Codes of errors of a request. `reply/status.ts` maps each of them to an HTTP and a gRPC status. */
export const requestErrorCodes = [
  'invalid_plan',
  'limit_exceeded',
  'invalid_header',
  'header_too_large',
  'bad_request',
  'not_found',
  'request_timeout',
  'canceled',
  'deadline_exceeded',
  'overloaded',
  'internal',
] as const;

export type RequestErrorCode = (typeof requestErrorCodes)[number];

/** Codes of errors of a command. `exit-codes.ts` maps each of them to an exit code. */
export type CommandErrorCode =
  /** The command line, a variable or a file of the user is wrong. */
  | 'usage'
  /** Something that the command needs does not answer, such as a mesh or a Jaeger. */
  | 'unavailable'
  /** Something did not happen in time. */
  | 'timeout'
  /** Something else has what the command needs, such as a port or the name of a mesh. */
  | 'conflict'
  /** This machine lacks something, such as root, Linux or a program. */
  | 'machine'
  /** A defect of meshmock. */
  | 'internal';

/** Codes of all errors that meshmock throws. */
export type ErrorCode = RequestErrorCode | CommandErrorCode;

/** Returns the code with which a request is answered when an error of this code ends it. */
export function requestErrorCodeOf(code: ErrorCode): RequestErrorCode {
  if (code === 'usage') return 'bad_request';
  return requestErrorCodes.find((known) => known === code) ?? 'internal';
}
