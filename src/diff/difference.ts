import type { Cause } from './cause.ts';
import type { Probe } from './probe.ts';

/** Severities of differences, the worst first. */
export const severities = [
  'refused',
  'allowed',
  'destination',
  'share',
  'resilience',
  'request',
  'answer',
  'cosmetic',
] as const;

/**
 * Severity of a difference: newly refused or unreachable, newly allowed, another destination, another share, other
 * timeouts, retries, faults and limits, another request at the callee, another answer, and the rest.
 */
export type Severity = (typeof severities)[number];

/** Kinds of differences. */
const differenceKinds = [
  'refused',
  'allowed',
  'refusal',
  'status',
  'destination',
  'version',
  'share',
  'redirect',
  'direct_answer',
  'fault',
  'timeout',
  'retries',
  'attempts',
  'limit',
  'outlier_detection',
  'mirror',
  'mtls',
  'identity',
  'server_name',
  'certificate',
  'path',
  'method',
  'authority',
  'request_header',
  'answer_header',
] as const;

export type DifferenceKind = (typeof differenceKinds)[number];

/** One difference of one probe. */
export interface Difference {
  readonly kind: DifferenceKind;
  readonly severity: Severity;
  readonly probe: Probe;
  /** Behaviour before, in a few words, such as `200 details v1`. */
  readonly from: string;
  /** Behaviour after. */
  readonly to: string;
  /** Cause, or several of which one is the cause and no sign says which; empty if it is not known. */
  readonly causes: readonly Cause[];
}
