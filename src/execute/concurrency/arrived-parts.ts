import type { ArrivedStream } from '../../reply/reply.ts';
import { roundMs } from './round-ms.ts';

/** Parts in which an answer arrives: chunks, or messages. */
export class ArrivedParts {
  private readonly startedAt: number;
  private count = 0;
  private firstMs: number | undefined;

  /** @param startedAt start of the call, on the clock of `performance.now()` */
  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  /** Counts a part. */
  add(): void {
    this.count++;
    this.firstMs ??= roundMs(performance.now() - this.startedAt);
  }

  /** Returns what the answer shows of its arrival; nothing before the first part. */
  facts(): { readonly stream?: ArrivedStream } {
    const { count: chunks, firstMs: firstByteMs } = this;
    return firstByteMs === undefined ? {} : { stream: { chunks, firstByteMs } };
  }
}
