import { performance } from 'node:perf_hooks';

/** Phases of a comparison, with the time of each that has ended. */
export class Phases {
  readonly ended: { readonly name: string; readonly durationMs: number }[] = [];
  private readonly onPhase: (name: string) => void;

  /** @param onPhase called when a phase begins */
  constructor(onPhase: (name: string) => void) {
    this.onPhase = onPhase;
  }

  /** Runs a phase and returns its result. */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.onPhase(name);
    const startedAt = performance.now();
    const result = await work();
    this.ended.push({ name, durationMs: performance.now() - startedAt });
    return result;
  }
}
