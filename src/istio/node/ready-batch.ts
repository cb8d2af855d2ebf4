/** Maximum time for which a pod that is ready waits for others, in milliseconds. */
const maxWaitMs = 10_000;

/**
 * Pods that become ready while others start. Their statuses are written together: each change of endpoints makes istiod
 * send configuration to every proxy, so one write for each pod would cost a large mesh more than its pods.
 */
export class ReadyBatch<P extends object> {
  private readonly write: (pod: P) => void;
  private readonly areOthersStarting: () => boolean;
  private readonly waiting = new Set<P>();
  private readonly written = new WeakSet<P>();
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param write writes the status of a pod
   * @param areOthersStarting returns whether further pods may soon be ready
   */
  constructor(write: (pod: P) => void, areOthersStarting: () => boolean) {
    this.write = write;
    this.areOthersStarting = areOthersStarting;
  }

  /** Reports whether the status of a pod was written. */
  hasWritten(pod: P): boolean {
    return this.written.has(pod);
  }

  /** Writes the status of a pod that has become ready, at once or together with those of others. */
  add(pod: P): void {
    this.waiting.add(pod);
    if (!this.areOthersStarting()) this.writeAll();
    else this.timer ??= setTimeout(() => this.writeAll(), maxWaitMs);
  }

  private writeAll(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const pods = [...this.waiting];
    this.waiting.clear();
    for (const pod of pods) {
      this.written.add(pod);
      this.write(pod);
    }
  }
}
