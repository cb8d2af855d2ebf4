import { InFlight } from './in-flight.ts';

/** Time for the first request of a connection, in milliseconds. */
const firstRequestMs = 1000;

/** Connections that a server has accepted, and that have not sent a request yet. Each has a key of the server's choice. */
export class NewConnections<Key> {
  private readonly acceptedAt = new Map<Key, number>();
  private readonly waiting = new InFlight();

  /** Adds a connection that was just accepted. */
  add(key: Key): void {
    this.acceptedAt.set(key, performance.now());
    this.waiting.begin();
  }

  /** Removes a connection that has sent its first request, or that is closed. */
  remove(key: Key): void {
    if (this.acceptedAt.delete(key)) this.waiting.end();
  }

  /** Waits until each connection has sent a request, is closed, or was accepted a second ago. */
  async waitForRequests(): Promise<void> {
    if (this.acceptedAt.size === 0) return;
    const lastAcceptedAt = [...this.acceptedAt.values()].at(-1) ?? 0;
    await this.waiting.waitUntilEmpty(lastAcceptedAt + firstRequestMs - performance.now());
  }
}
