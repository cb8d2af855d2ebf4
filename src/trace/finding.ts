/**
 * What can be wrong with a trace. `not_exported`: a service says itself that it makes no spans; `not_sampled`: none of
 * them does, since the request was not to be traced.
 */
export type FindingKind =
  | 'missing'
  | 'doubled'
  | 'wrong_parent'
  | 'dangling_parent'
  | 'wrong_status'
  | 'unexpected'
  | 'second_trace'
  | 'not_exported'
  | 'not_sampled';

export interface Finding {
  readonly kind: FindingKind;
  /** The services from the first one to where it is. */
  readonly where: readonly string[];
  /** For a person to read. */
  readonly message: string;
  /** The span that it is about, as far as it is known. */
  readonly spanId?: string;
  readonly expected?: string;
  readonly seen?: string;
}

/** A finding in one line. */
export function findingText({ kind, where, message }: Finding): string {
  return `${kind.replaceAll('_', ' ')}: ${where.join(' → ')}: ${message}`;
}
