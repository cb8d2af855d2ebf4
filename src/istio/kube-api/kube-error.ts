import type { CommandErrorCode } from '../../error/error-code.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';

/** Part of a `Status` that names one field (`StatusCause`). */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  /** Path of the field, such as `spec.rules[0].matches[0].path.value`. */
  readonly field?: string;
}

/** Answer of the API server to a request that it refuses (`metav1.Status`). */
export interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly StatusCause[]; readonly retryAfterSeconds?: number };
}

/** Refusal of a request by the API server. */
export class KubeError extends MeshmockError {
  /** HTTP status of the answer, such as 404. */
  readonly status: number;
  /** Reason of the API server, such as `AlreadyExists`. Empty if it gives none. */
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  /** Warnings that came with the refusal. */
  readonly warnings: readonly string[];

  constructor(httpStatus: number, answer: Status, warnings: readonly string[] = []) {
    super(codeOf(httpStatus), answer.message ?? `the API server answers with HTTP status ${httpStatus}`);
    this.name = 'KubeError';
    this.status = httpStatus;
    this.reason = answer.reason ?? '';
    this.causes = answer.details?.causes ?? [];
    this.warnings = warnings;
  }
}

function codeOf(httpStatus: number): CommandErrorCode {
  if (httpStatus === 409) return 'conflict';
  if (httpStatus === 504) return 'timeout';
  return httpStatus === 429 || httpStatus >= 500 ? 'unavailable' : 'usage';
}

/** Reports whether an error is the API server's answer that an object does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}
