import type { Server, Socket } from 'node:net';
import type { Budgets } from '../execute/budgets/budgets.ts';
import { CheckClock } from './check-clock.ts';
import { Connection } from './connection.ts';

/** Number of bytes that a client must take within the write timeout, unless fewer wait for it. */
const leastProgressBytes = 64 * 1024;

/**
 * Connections of clients, over all protocols. It closes those that wait longest for a request if there are too many, and
 * those whose clients do not read.
 */
export class Connections {
  private readonly budgets: Budgets;
  private readonly all = new Set<Connection>();
  /** Connections without a request. The one that waits longest comes first. */
  private readonly idle = new Set<Connection>();
  private readonly clock: CheckClock;

  constructor(budgets: Budgets) {
    this.budgets = budgets;
    this.clock = new CheckClock(budgets.limits.writeTimeoutMs, () => this.closeStalled());
  }

  /** Number of connections. */
  get count(): number {
    return this.all.size;
  }

  /** Adds each connection that a server accepts. */
  watch(server: Server, onConnection: (connection: Connection) => void): void {
    // Before the server's own listener, which may already read requests.
    server.prependListener('connection', (socket: Socket) => onConnection(this.add(socket)));
  }

  private add(socket: Socket): Connection {
    const connection = new Connection(socket, this.onBusy);
    this.all.add(connection);
    this.idle.add(connection);
    socket.once('close', () => {
      this.all.delete(connection);
      this.idle.delete(connection);
    });
    if (this.idle.size > this.budgets.limits.maxIdleConnections) this.closeOldest();
    return connection;
  }

  /** Forgets a connection, which another server takes over. */
  release(connection: Connection): void {
    this.all.delete(connection);
    this.idle.delete(connection);
  }

  /** Closes all connections. Call it when no request is left: some clients never close their half. */
  closeAll(): void {
    for (const { socket } of this.all) socket.destroy();
  }

  /** Stops the checks. */
  stop(): void {
    this.clock.stop();
  }

  private readonly onBusy = (connection: Connection, isBusy: boolean): void => {
    if (isBusy) this.idle.delete(connection);
    else if (!connection.socket.destroyed) this.idle.add(connection);
  };

  private closeOldest(): void {
    const [oldest] = this.idle;
    if (oldest === undefined) return;
    this.idle.delete(oldest);
    this.budgets.refusals.add('max-idle-connections');
    oldest.socket.destroy();
  }

  private closeStalled(): void {
    const now = this.clock.now();
    for (const connection of this.all) {
      if (!connection.isStalled(leastProgressBytes, now, this.budgets.limits.writeTimeoutMs)) continue;
      this.budgets.refusals.add('write-timeout');
      connection.socket.destroy();
    }
  }
}
