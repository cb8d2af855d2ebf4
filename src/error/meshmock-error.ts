import type { TextPlace } from './text-place.ts';

/** What can go wrong before a request is carried out. `reply/status.ts` maps each code to HTTP and gRPC. */
export type ErrorCode =
  | 'invalid_plan'
  | 'limit_exceeded'
  | 'invalid_header'
  | 'header_too_large'
  | 'bad_request'
  | 'not_found'
  | 'canceled'
  | 'deadline_exceeded'
  | 'overloaded'
  | 'usage'
  /** This machine lacks what a mesh without a cluster needs. */
  | 'machine'
  | 'internal';

/** The one error class of meshmock: a code for programs, a message for people, and the place if there is one. */
export class MeshmockError extends Error {
  readonly code: ErrorCode;
  readonly place: TextPlace | undefined;
  /** Path of the field in a plan given as JSON or protobuf, such as `plan.stages[0].calls[1].port`. */
  readonly field: string | undefined;

  constructor(code: ErrorCode, message: string, where: { place?: TextPlace; field?: string } = {}) {
    super(message);
    this.name = 'MeshmockError';
    this.code = code;
    this.place = where.place;
    this.field = where.field;
  }
}
