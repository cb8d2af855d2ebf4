import { RE2JS } from 're2js';
import { MeshmockError } from '../error/meshmock-error.ts';

/** Condition about a text. */
export type TextCondition =
  /** The text is one of the values, or with `!=` none of them. */
  | { readonly kind: 'equals'; readonly comparison: '=' | '!='; readonly values: readonly string[] }
  /** The text contains one of the values. */
  | { readonly kind: 'contains'; readonly values: readonly string[] }
  /** A regex finds a match anywhere in the text. */
  | { readonly kind: 'matches'; readonly regex: Regex }
  /** There is a text, such as a header of this name. */
  | { readonly kind: 'exists' };

/** Words of conditions that are not comparisons. */
export const conditionWords = ['contains', 'matches', 'exists'] as const;

/** Regular expression with the syntax and the semantics of RE2. Its time is linear in the length of the text. */
export class Regex {
  readonly source: string;
  readonly isCaseInsensitive: boolean;
  private readonly compiled: RE2JS;

  /**
   * @example
   * new Regex('^/v[12]/', false).isIn('/v2/users'); // true
   *
   * @throws MeshmockError `usage` if RE2 does not accept the text
   */
  constructor(source: string, isCaseInsensitive: boolean) {
    this.source = source;
    this.isCaseInsensitive = isCaseInsensitive;
    try {
      this.compiled = RE2JS.compile(source, isCaseInsensitive ? RE2JS.CASE_INSENSITIVE : 0);
    } catch (error) {
      const reason = (error as Error).message.replace('error parsing regexp: ', '');
      throw new MeshmockError('usage', `a regular expression of RE2 (${reason})`);
    }
  }

  /** Reports whether a part of a text matches. */
  isIn(text: string): boolean {
    return this.compiled.matcher(text).find();
  }
}

/**
 * Returns a regex that only a whole text matches, as in Envoy.
 *
 * @throws MeshmockError `usage` if RE2 does not accept the text
 */
export function wholeRegex(source: string): Regex {
  return new Regex(`^(?:${source})$`, false);
}

/** Reports whether a condition holds. `null` is a text that is known to be absent. */
export function satisfiesText(condition: TextCondition, text: string | null): boolean {
  switch (condition.kind) {
    case 'equals':
      return (text !== null && condition.values.includes(text)) === (condition.comparison === '=');
    case 'contains':
      return text !== null && condition.values.some((value) => text.includes(value));
    case 'matches':
      return text !== null && condition.regex.isIn(text);
    case 'exists':
      return text !== null;
  }
}
