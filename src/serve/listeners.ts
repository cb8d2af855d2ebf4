import net from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { InFlight } from '../execute/concurrency/in-flight.ts';

/** Listeners of one protocol, and the number of their connections. */
export class Listeners {
  private readonly listeners: net.Server[] = [];
  private readonly connections = new InFlight();

  /** Adds a server that listens. */
  add(listener: net.Server): void {
    this.listeners.push(listener);
    listener.on('connection', (socket: net.Socket) => {
      this.connections.begin();
      socket.once('close', () => this.connections.end());
    });
  }

  /**
   * Stops listening after a drain, without a reset: each connection that the kernel has accepted is served.
   *
   * @param drainMs maximum time to wait until no connection is left, in milliseconds
   * @param maxAcceptMs maximum time to accept the connections that wait then, in milliseconds
   */
  async close(drainMs: number, maxAcceptMs: number): Promise<void> {
    await this.connections.waitUntilEmpty(drainMs);
    await Promise.all(this.listeners.map((listener) => stopListening(listener, maxAcceptMs)));
  }
}

/**
 * Stops listening once no connection waits to be accepted. Node accepts one connection in each turn of the event loop, and
 * the kernel resets those that still wait when a listener closes.
 */
async function stopListening(listener: net.Server, maxAcceptMs: number): Promise<void> {
  let hasAccepted: boolean;
  const { allowHalfOpen } = listener as net.Server & net.ServerOpts;
  const last = net.createServer({ allowHalfOpen, noDelay: true }, (socket) => {
    hasAccepted = true;
    listener.emit('connection', socket);
  });
  // A backlog of zero, which Node would replace by its default: it passes the whole part on. The kernel now ignores new
  // connections while one waits. Their clients try again a second later, and are refused.
  last.listen(listener, 0.5);
  const until = performance.now() + maxAcceptMs;
  await setImmediate();
  do {
    hasAccepted = false;
    await setImmediate();
  } while (hasAccepted && performance.now() < until);
  last.close();
  // http.Server.close would also cut off answers in the buffer of a socket.
  net.Server.prototype.close.call(listener);
}
