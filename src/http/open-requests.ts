import type { FastifyReply } from 'fastify';

/** The requests under way, so that a server can end when they are answered. */
export class OpenRequests {
  draining = false;
  private readonly replies = new Set<FastifyReply>();
  private readonly onEmpty: (() => void)[] = [];

  add(reply: FastifyReply): void {
    this.replies.add(reply);
    if (this.draining) reply.header('connection', 'close');
    reply.raw.once('close', () => this.onEnded(reply));
  }

  /** From now on answers end their connections. */
  drain(): void {
    this.draining = true;
    for (const reply of this.replies) {
      if (!reply.raw.headersSent) reply.header('connection', 'close');
    }
  }

  /** Resolves when all answers are out. */
  async ended(): Promise<void> {
    while (this.replies.size > 0) await new Promise<void>((resolve) => this.onEmpty.push(resolve));
  }

  /** An answer that has ended may still lie in the socket's buffer: closing would cut it off. */
  private onEnded(reply: FastifyReply): void {
    const { socket } = reply.request.raw;
    if (socket.destroyed || socket.writableLength === 0) {
      this.remove(reply);
    } else {
      const onOut = (): void => {
        socket.off('drain', onOut);
        socket.off('close', onOut);
        this.remove(reply);
      };
      socket.once('drain', onOut);
      socket.once('close', onOut);
    }
  }

  private remove(reply: FastifyReply): void {
    this.replies.delete(reply);
    if (this.replies.size > 0) return;
    for (const resolve of this.onEmpty.splice(0)) resolve();
  }
}
