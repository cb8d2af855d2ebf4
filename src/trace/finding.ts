/**
 * Kinds of findings. `not_exported` means that a service reports that it exports no spans. `not_sampled` means that the
 * request was excluded from tracing.
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

/** One problem of a trace. */
export interface Finding {
  readonly kind: FindingKind;
  /** Names of the services from the first one to the place of the problem. */
  readonly where: readonly string[];
  /** Text for a person. */
  readonly message: string;
  /** Id of the span with the problem, if known. */
  readonly spanId?: string;
  readonly expected?: string;
  readonly seen?: string;
}

/** Formats a finding as one line. */
export function findingText({ kind, where, message }: Finding): string {
  return `${kind.replaceAll('_', ' ')}: ${where.join(' → ')}: ${message}`;
}
