import type { ErrorCode } from './error-code.ts';
import type { TextPlace } from './text-place.ts';

/** Error of meshmock: a code for programs, a message for people, and the place of the error in a text, if known. */
export class MeshmockError extends Error {
  readonly code: ErrorCode;
  readonly place: TextPlace | undefined;
  /** Path of the field in a plan given as JSON or protobuf, such as `plan.stages[0].calls[1].port`. */
  readonly field: string | undefined;
  /** Further errors of the same input. */
  readonly others: readonly MeshmockError[];

  constructor(
    code: ErrorCode,
    message: string,
    where: { place?: TextPlace; field?: string; others?: readonly MeshmockError[] } = {},
  ) {
    super(message);
    this.name = 'MeshmockError';
    this.code = code;
    this.place = where.place;
    this.field = where.field;
    this.others = where.others ?? [];
  }
}
