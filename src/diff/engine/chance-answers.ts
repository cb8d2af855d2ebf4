import type { CallResult } from '../../reply/reply.ts';
import type { ProbeMode } from '../probe.ts';

/**
 * Reports whether an answer may be by chance, so that its request is sent again: on a slow machine a request may exceed a
 * short timeout, and a connection may end with a pod that was replaced, or reach one whose mock still starts or is not
 * ready.
 */
export function mayBeByChance(answer: CallResult, mode: ProbeMode): boolean {
  // Among many requests, resets are a share of the behaviour.
  return hasTimedOut(answer) || (mode.kind === 'plain' && wasReset(answer));
}

function hasTimedOut({ status, grpcStatus, mesh, error }: CallResult): boolean {
  const reason = mesh?.refusal?.reason;
  // A fault or a direct response may have the status of a timeout.
  if (reason !== undefined) return reason === 'timeout';
  return status === 504 || grpcStatus === 'DEADLINE_EXCEEDED' || error?.code === 'timeout';
}

function wasReset({ mesh, error }: CallResult): boolean {
  const reason = mesh?.refusal?.reason;
  if (error !== undefined) return error.code === 'reset' || error.code === 'refused';
  return reason === 'upstream_reset' || reason === 'connect_failure';
}
