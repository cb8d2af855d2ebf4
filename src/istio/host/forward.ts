import { connect, type Server, type Socket } from 'node:net';
import type { Entry } from '../node/entries.ts';

/** Forwards the connections of a listener to the targets of an entry, in turn. */
export class Forward {
  private targets: Entry['targets'] = [];
  private turn = 0;

  constructor(listener: Server) {
    listener.on('connection', (socket) => this.forward(socket));
  }

  /** Sets the targets of new connections. Without a target, connections are reset. */
  setTargets(targets: Entry['targets']): void {
    this.targets = targets;
  }

  private forward(from: Socket): void {
    const target = this.targets[this.turn++ % Math.max(1, this.targets.length)];
    if (target === undefined) {
      from.resetAndDestroy();
      return;
    }
    const to = connect({ ...target, noDelay: true });
    from.setNoDelay(true);
    // A reset on one side becomes a reset on the other, so that the caller sees it.
    from.once('error', () => to.resetAndDestroy());
    to.once('error', () => from.resetAndDestroy());
    from.once('close', () => to.destroy());
    to.once('close', () => from.destroy());
    from.pipe(to).pipe(from);
  }
}
