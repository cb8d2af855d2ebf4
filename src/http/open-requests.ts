import type { FastifyReply } from 'fastify';

/** The requests under way, so that a server can end when they are answered. */
export class OpenRequests {
  draining = false;
  private count = 0;
  private readonly onNone: (() => void)[] = [];

  add(reply: FastifyReply): void {
    this.count++;
    reply.raw.once('close', () => this.remove());
  }

  /** To be called before an answer goes out: one of a server that is to end is the last of its connection. */
  closeWhenDraining(reply: FastifyReply): void {
    if (this.draining) reply.header('connection', 'close');
  }

  /** Resolves when all answers are out. */
  async ended(): Promise<void> {
    while (this.count > 0) await new Promise<void>((resolve) => this.onNone.push(resolve));
  }

  private remove(): void {
    if (--this.count > 0) return;
    for (const resolve of this.onNone.splice(0)) resolve();
  }
}
