import { parseSent } from '../observe/refused-requests.ts';
import type { PodRefusal } from './observation.ts';

/** New lines of the log of a pod's proxy. */
export interface PodLog {
  /** `NAMESPACE/NAME`. */
  readonly pod: string;
  readonly content: string;
}

/**
 * Finds the proxies that sent refused requests. The proxy of the callee logs the address that a header claims, such as that
 * of a client before a gateway. The log of the sender has the same request id.
 */
export class RefusalSenders {
  /** Lines of the call before: a sender may write its line earlier. */
  private previous: readonly PodLog[] = [];
  /** Refusals of the call before: a sender may write its line later. */
  private waiting: readonly PodRefusal[] = [];

  /** Returns the refusals with the proxies that sent them. Those without a known sender are returned by the next call. */
  complete(refusals: readonly PodRefusal[], logs: readonly PodLog[]): PodRefusal[] {
    const late = this.waiting;
    const all = [...late, ...refusals];
    const known = all.some(isOpen) ? sendersOf([...this.previous, ...logs]) : new Map<string, never>();
    const completed = all.map((one): PodRefusal => {
      const senders = isOpen(one) ? known.get(one.refused.requestId) : undefined;
      return senders === undefined ? one : { ...one, senders };
    });
    const isWaiting = (one: PodRefusal, index: number): boolean =>
      index >= late.length && isOpen(one) && one.senders === undefined;
    this.previous = logs;
    this.waiting = completed.filter(isWaiting);
    return completed.filter((one, index) => !isWaiting(one, index));
  }
}

function isOpen({ refused }: PodRefusal): boolean {
  return refused.by === 'callee' && refused.peer === '' && refused.requestId !== '';
}

function sendersOf(logs: readonly PodLog[]): ReadonlyMap<string, PodRefusal['senders'] & object> {
  const sent = logs.flatMap(({ pod, content }) => parseSent(content).map((one) => ({ ...one, pod })));
  return Map.groupBy(sent, ({ requestId }) => requestId);
}
