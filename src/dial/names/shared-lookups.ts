import { type FoundName, NameError, type NameSource } from './name-source.ts';

/** Maximum number of names that are looked up at the same time. Each of them has a socket. */
const maxPending = 500;

/** Maximum number of names whose addresses are kept. */
const maxKept = 1000;

/** Maximum time for which addresses are kept, in milliseconds. A name whose pods have changed is soon known. */
const maxKeptMs = 1000;

interface PendingLookup {
  readonly found: Promise<FoundName>;
  readonly ended: AbortController;
  waiters: number;
}

/**
 * Lookups of a source that wait at most once for a name. Addresses are kept for their time to live, and for a second at
 * most. A lookup ends when its last waiter leaves. If too many names are pending, the oldest one is ended, so that names
 * without an answer do not stop others.
 */
export class SharedLookups {
  private readonly source: NameSource;
  private readonly pending = new Map<string, PendingLookup>();
  private readonly kept = new Map<string, { readonly found: FoundName; readonly until: number }>();

  constructor(source: NameSource) {
    this.source = source;
  }

  /**
   * Returns a name with its addresses, in the order in which they are dialled.
   *
   * @param signal ends the wait; its reason is thrown
   * @throws NameError if the name has no address, or if no name server answers
   */
  async find(name: string, signal: AbortSignal): Promise<FoundName> {
    signal.throwIfAborted();
    const kept = this.kept.get(name);
    const found = kept !== undefined && kept.until > performance.now() ? kept.found : await this.waitFor(name, signal);
    return { ...found, addresses: this.source.arrange(found.addresses) };
  }

  private async waitFor(name: string, signal: AbortSignal): Promise<FoundName> {
    const lookup = this.pending.get(name) ?? this.start(name);
    lookup.waiters++;
    try {
      return await untilAborted(lookup.found, signal);
    } finally {
      if (--lookup.waiters === 0) this.end(name, lookup);
    }
  }

  private start(name: string): PendingLookup {
    const [oldest] = this.pending;
    if (oldest !== undefined && this.pending.size >= maxPending)
      this.end(...oldest, new NameError(`given up, because ${maxPending} other names are looked up`));
    const ended = new AbortController();
    const found = untilAborted(this.source.lookup(name, ended.signal), ended.signal);
    const lookup = { found, ended, waiters: 0 };
    this.pending.set(name, lookup);
    found.then(
      (result) => this.keep(name, result),
      () => {},
    );
    return lookup;
  }

  private end(name: string, lookup: PendingLookup, reason?: NameError): void {
    if (this.pending.get(name) === lookup) this.pending.delete(name);
    lookup.ended.abort(reason);
  }

  private keep(name: string, found: FoundName): void {
    if (found.ttlMs <= 0) return;
    this.kept.delete(name);
    this.kept.set(name, { found, until: performance.now() + Math.min(found.ttlMs, maxKeptMs) });
    const [oldest] = this.kept.keys();
    if (oldest !== undefined && this.kept.size > maxKept) this.kept.delete(oldest);
  }
}

/** Waits for a promise, or rejects with the reason of the signal when it is aborted. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const dispose = (): void => signal.removeEventListener('abort', onAbort);
    work.then(resolve, reject).finally(dispose);
    if (signal.aborted) onAbort();
  });
}
