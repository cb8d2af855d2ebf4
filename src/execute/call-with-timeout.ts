import type { CallError } from '../reply/reply.ts';
import type { CallAnswer, Client, OutgoingCall } from './client.ts';
import { deadlineSignal } from './concurrency/deadline-signal.ts';

/** Makes one call and waits for its own timeout at most. Never rejects. */
export async function callWithTimeout(client: Client, call: OutgoingCall, stop: AbortSignal): Promise<CallAnswer> {
  const { timeoutMs } = call;
  const limited = deadlineSignal(
    stop,
    timeoutMs,
    () => stop.reason as CallError,
    () => ({ code: 'timeout', message: `no answer within ${timeoutMs} ms` }),
  );
  try {
    return await client.call(call, limited.signal);
  } finally {
    limited.dispose();
  }
}
