import { MeshmockError } from '../error/meshmock-error.ts';
import { conditionWords, Regex, type TextCondition } from './text-condition.ts';
import { namedTextFacts, type TextFact, textFacts } from './text-facts.ts';
import type { TokenReader } from './token-reader.ts';

/** Facts of other claims that `contains` and `matches` also take. */
const comparedAsTexts = ['version', 'pod', 'peer'] as const;

/** Reports whether a claim about a text begins at the current place. */
export function isTextClaim(reader: TokenReader): boolean {
  if (textFacts.some((fact) => fact === reader.peek())) return true;
  const isCompared = comparedAsTexts.some((fact) => fact === reader.peek());
  const [word, next] = [reader.peek(1), reader.peek(2)];
  // `pod contains = 3` counts the pods that are called so.
  return isCompared && (word === 'contains' || word === 'matches') && next !== undefined && !/^[<>!]?=$/.test(next);
}

/**
 * Parses a fact, and the name of its header or trailer.
 *
 * @throws MeshmockError `usage`
 */
export function parseTextFact(reader: TokenReader): TextFact {
  const kind = reader.oneOf([...textFacts, ...comparedAsTexts]);
  if (!namedTextFacts.some((named) => named === kind)) return { kind, header: undefined };
  const name = reader.take(/:?[A-Za-z0-9#$%&'*+.^_`~-]+/)?.[0];
  if (name === undefined) throw reader.fail(kind === 'trailer' ? 'the name of a trailer' : 'the name of a header');
  return { kind, header: name.toLowerCase() };
}

/**
 * Parses a condition, or the values of which an amount is expected.
 *
 * @throws MeshmockError `usage`
 */
export function parseTextCondition(reader: TokenReader): TextCondition {
  const word = [...conditionWords, '=' as const, '!=' as const].find((known) => known === reader.peek());
  if (word === undefined && /^[<>]=?$/.test(reader.peek() ?? ''))
    throw reader.fail(`=, != or one of ${conditionWords.join(', ')}: a text has no order`);
  if (word !== undefined) reader.index++;
  switch (word) {
    case 'exists':
      return { kind: 'exists' };
    case 'matches':
      return { kind: 'matches', regex: parseRegex(reader) };
    case 'contains':
      return { kind: 'contains', values: parseValues(reader) };
    default:
      return { kind: 'equals', comparison: word ?? '=', values: parseValues(reader) };
  }
}

const value = /"(?:[^"\\]|\\.)*"|'[^']*'|[^\s|"'=<>!][^\s|"']*/;
const values = new RegExp(`(?:${value.source})(?:\\|(?:${value.source}))*`);

/** Parses values with `|` between them. A value with spaces or `|` has quotes. */
function parseValues(reader: TokenReader): string[] {
  const found = reader.take(values)?.[0];
  if (found === undefined)
    throw reader.fail('a value; write one with spaces, with "|" or with "=" at its start in quotes');
  return [...found.matchAll(new RegExp(value, 'g'))].map(([one]) => withoutQuotes(one));
}

/** Removes quotes. In double quotes, a backslash makes a quote or a backslash part of the text. */
function withoutQuotes(text: string): string {
  if (text.startsWith('"')) return text.slice(1, -1).replaceAll(/\\(["\\])/g, '$1');
  return text.startsWith("'") ? text.slice(1, -1) : text;
}

/** Parses `/regex/`, `/regex/i`, or a regex in quotes. */
function parseRegex(reader: TokenReader): Regex {
  const index = reader.index;
  const found = reader.take(/\/((?:[^/\\]|\\.)+)\/(i?)(?=\s|$)/);
  const quoted = found === undefined ? reader.take(/"(?:[^"\\]|\\.)*"|'[^']*'/)?.[0] : undefined;
  const source = found?.[1]?.replaceAll('\\/', '/') ?? (quoted && withoutQuotes(quoted));
  if (source === undefined) throw reader.fail('a regular expression such as /^v[12]/; write a "/" in it as \\/');
  try {
    return new Regex(source, found?.[2] === 'i');
  } catch (error) {
    if (error instanceof MeshmockError) throw reader.fail(error.message, index);
    throw error;
  }
}
