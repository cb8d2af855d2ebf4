import { connect, type Server, type Socket } from 'node:net';
import type { Entry } from '../node/entries.ts';

type Target = Entry['targets'][number];

/** Forwards the connections of a listener to the targets of an entry, in turn. */
export class Forward {
  private targets: Entry['targets'] = [];
  private turn = 0;
  private readonly onRefused: (problem: string) => void;

  /** @param onRefused receives the reason if no target accepts a connection */
  constructor(listener: Server, onRefused: (problem: string) => void = () => {}) {
    this.onRefused = onRefused;
    listener.on('connection', (socket) => this.forward(socket));
  }

  /** Sets the targets of new connections. Without a target, connections are reset. */
  setTargets(targets: Entry['targets']): void {
    this.targets = targets;
  }

  /** Forwards a connection to the next target, or to the first one after it that accepts the connection. */
  private forward(from: Socket): void {
    from.setNoDelay(true);
    from.on('error', () => {});
    const first = this.turn++ % Math.max(1, this.targets.length);
    this.connect(from, [...this.targets.slice(first), ...this.targets.slice(0, first)], 'it has no pod');
  }

  private connect(from: Socket, [target, ...others]: readonly Target[], problem: string): void {
    if (from.destroyed) return;
    if (target === undefined) {
      this.onRefused(problem);
      from.resetAndDestroy();
      return;
    }
    const to = connect({ ...target, noDelay: true });
    const giveUp = (): void => void to.destroy();
    from.once('close', giveUp);
    const tryNext = ({ message }: Error): void => {
      from.off('close', giveUp);
      this.connect(from, others, message);
    };
    to.once('error', tryNext);
    to.once('connect', () => {
      to.off('error', tryNext);
      join(from, to);
    });
  }
}

/** Passes the bytes of two connections on, in both directions. */
function join(from: Socket, to: Socket): void {
  // A reset on one side becomes a reset on the other, so that the caller sees it.
  from.once('error', () => to.resetAndDestroy());
  to.once('error', () => from.resetAndDestroy());
  from.once('close', () => to.destroy());
  to.once('close', () => from.destroy());
  from.pipe(to).pipe(from);
}
