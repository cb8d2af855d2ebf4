import type { CallAnswer, Client, OutgoingCall } from './client.ts';
import { abortReason } from './concurrency/abort-reason.ts';
import { DeadlineSignal } from './concurrency/deadline-signal.ts';

/** Makes one call, and waits at most for its own timeout. Never rejects. */
export async function callWithTimeout(client: Client, call: OutgoingCall, stop: AbortSignal): Promise<CallAnswer> {
  const { timeoutMs } = call;
  const deadline = new DeadlineSignal(
    stop,
    timeoutMs,
    () => abortReason(stop),
    () => ({ code: 'timeout', message: `no answer within ${timeoutMs} ms` }),
  );
  try {
    return await client.call(call, deadline.signal);
  } finally {
    deadline.dispose();
  }
}
