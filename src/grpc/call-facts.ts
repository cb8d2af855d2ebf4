import { calleeTimeoutMs } from '../execute/allowance.ts';

/** Facts of a call of any kind. */
interface ReceivedCall {
  readonly cancelled: boolean;
  getDeadline(): Date | number;
  once(event: 'cancelled', listener: () => void): unknown;
}

/** Returns the deadline that the caller set, less a margin for the way back. */
export function timeLeftMs(call: ReceivedCall): number | undefined {
  const deadline = call.getDeadline();
  const leftMs = (typeof deadline === 'number' ? deadline : deadline.getTime()) - Date.now();
  return Number.isFinite(leftMs) ? calleeTimeoutMs(Math.max(0, leftMs)) : undefined;
}

/**
 * Returns a signal that is aborted when the caller cancels or has gone before its answer is made. grpc-js reports each
 * call as canceled when its stream closes, and an abort costs more than the rest of a signal.
 */
export function clientClosedSignal(call: ReceivedCall, served: { readonly isAnswered: boolean }): AbortSignal {
  const controller = new AbortController();
  call.once('cancelled', () => served.isAnswered || controller.abort());
  if (call.cancelled) controller.abort();
  return controller.signal;
}
