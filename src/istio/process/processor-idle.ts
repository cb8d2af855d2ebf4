import { cpus } from 'node:os';

/** Meter of the share of time for which the processors of this machine have been idle, whatever program used them. */
export class ProcessorIdle {
  private last = times();

  /** Returns the share since the last call, or since the start of the meter. */
  share(): number {
    const now = times();
    const { idle, all } = this.last;
    this.last = now;
    return now.all === all ? 0 : (now.idle - idle) / (now.all - all);
  }
}

function times(): { readonly idle: number; readonly all: number } {
  const each = cpus().map(({ times: { user, nice, sys, idle, irq } }) => ({
    idle,
    all: user + nice + sys + idle + irq,
  }));
  return {
    idle: each.reduce((sum, one) => sum + one.idle, 0),
    all: each.reduce((sum, one) => sum + one.all, 0),
  };
}
