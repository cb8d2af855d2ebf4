import { connect, type Server, type Socket } from 'node:net';
import type { Entry } from './entries.ts';

/** Hands each connection of a listener on to the targets of its entry, in turn. */
export class Forward {
  private targets: Entry['targets'] = [];
  private turn = 0;

  constructor(listener: Server) {
    listener.on('connection', (socket) => this.hand(socket));
  }

  /** Where connections go from now on; without a target they are closed. */
  aimAt(targets: Entry['targets']): void {
    this.targets = targets;
  }

  private hand(from: Socket): void {
    const target = this.targets[this.turn++ % Math.max(1, this.targets.length)];
    if (target === undefined) {
      from.resetAndDestroy();
      return;
    }
    const to = connect({ ...target, noDelay: true });
    from.setNoDelay(true);
    // A reset on one side is one on the other: it is what the caller is to see.
    from.once('error', () => to.resetAndDestroy());
    to.once('error', () => from.resetAndDestroy());
    from.once('close', () => to.destroy());
    to.once('close', () => from.destroy());
    from.pipe(to).pipe(from);
  }
}
