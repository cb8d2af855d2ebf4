/** Word or sign of an expectation. */
export interface Token {
  readonly text: string;
  /** Index into the text of the expectation. */
  readonly offset: number;
}

/** Splits an expectation into words and signs. */
export function tokensOf(text: string): readonly Token[] {
  const found = text.matchAll(/->|→|[<>!]?=|[<>]|±|\+\/?-|(?:(?!->)[^\s=!<>±+→])+|\S/g);
  return [...found].map((match) => ({ text: match[0], offset: match.index }));
}
