import type { Service } from '../resources/objects.ts';
import type { EndpointSlice } from './endpoint-slice.ts';
import { restoreRules } from './network-programs.ts';
import { serviceRules } from './service-rules.ts';

/** Keeps the rules of the node's packet filter as the Services and their endpoints demand. */
export class ServiceRules {
  private applied = '';
  private wanted = '';
  private applying: Promise<void> | undefined;
  private readonly restore: typeof restoreRules;

  /** @param restore applies a text of rules, for tests */
  constructor(restore: typeof restoreRules = restoreRules) {
    this.restore = restore;
  }

  /**
   * Resolves when these rules, or those of a newer update, are in effect. Updates that arrive while rules are applied
   * wait, and only the newest of them is applied.
   */
  async update(services: readonly Service[], slices: readonly EndpointSlice[], signal: AbortSignal): Promise<void> {
    this.wanted = serviceRules(services, slices);
    if (this.applying === undefined && this.wanted === this.applied) return;
    this.applying ??= this.applyNewest(signal);
    await this.applying;
  }

  private async applyNewest(signal: AbortSignal): Promise<void> {
    try {
      while (this.wanted !== this.applied) {
        const rules = this.wanted;
        await this.restore(rules, signal);
        this.applied = rules;
      }
    } finally {
      // In the same turn as the last comparison, so that no update joins a loop that has ended.
      this.applying = undefined;
    }
  }
}
