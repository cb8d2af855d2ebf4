import { satisfiesText, type TextCondition } from './text-condition.ts';

/** Number of different texts that are counted one by one, and the length up to which they are shown. */
const mostTexts = 20;
const shownLength = 200;

/** Counts of the calls that show a text. The memory does not depend on the number of calls. */
export class TextCounts {
  /** Number of calls that show whether there is a text. */
  known = 0;
  /** Number of calls whose text satisfies the condition. */
  hits = 0;
  private readonly condition: TextCondition;
  private readonly counts = new Map<string, number>();
  private others = 0;

  constructor(condition: TextCondition) {
    this.condition = condition;
  }

  /** Counts calls. `null` is a text that is known to be absent. */
  add(text: string | null, calls = 1): void {
    this.known += calls;
    if (satisfiesText(this.condition, text)) this.hits += calls;
    const shown = text === null ? '(none)' : text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
    const count = this.counts.get(shown);
    if (count === undefined && this.counts.size === mostTexts) this.others += calls;
    else this.counts.set(shown, (count ?? 0) + calls);
  }

  /** Numbers of calls by text, for a person. */
  get entries(): (readonly [text: string, count: number])[] {
    const all = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return this.others === 0 ? all : [...all, ['(others)', this.others]];
  }
}
