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

/** Where in a text an error lies, and what would have been right there. */
export interface TextPlace {
  readonly text: string;
  /** Index into `text`, from 0 to its length. */
  readonly offset: number;
  /** What was expected at the offset, for a person to read; empty where nobody can say. */
  readonly expected: string;
}

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

const shownAround = 38;

/**
 * Draws two lines: the text around the offset, and a caret under the offset with what was expected.
 * Long texts are cut to what fits a terminal; characters that have no width of one are shown as `?`.
 */
export function caretLines({ text, offset, expected }: TextPlace): [string, string] {
  const from = Math.max(0, offset - shownAround);
  const to = Math.min(text.length, offset + shownAround);
  const before = from > 0 ? '…' : '';
  const after = to < text.length ? '…' : '';
  const shown = text.slice(from, to).replaceAll(/[^\x20-\x7e\xa1-\xff→]/g, '?');
  const caret = `${' '.repeat(before.length + offset - from)}^${expected === '' ? '' : ` expected ${expected}`}`;
  return [before + shown + after, caret];
}
