import { suggestionFor } from '../error/suggestion.ts';
import { answerers, callErrorCodes, refusalReasons } from '../reply/reply.ts';
import { claimWords, statistics } from './expectation.ts';
import { tokensOf } from './tokens.ts';

const values = [...callErrorCodes, ...answerers, ...refusalReasons, 'none', 'yes', 'no'];

/**
 * Corrects an expectation that cannot be parsed, in one or two steps, or returns undefined.
 *
 * @param offset offset of the error
 * @param errorOffset returns the offset of the error of another text, or undefined if it can be parsed
 *
 * @example
 * correct('reviews status 200', 18, errorOffset); // 'reviews status = 200'
 */
export function correct(
  text: string,
  offset: number,
  errorOffset: (text: string) => number | undefined,
): string | undefined {
  const candidates = candidatesFor(text, offset);
  const corrected = candidates.find((candidate) => errorOffset(candidate) === undefined);
  if (corrected !== undefined) return corrected;
  return candidates
    .flatMap((candidate) => candidatesFor(candidate, errorOffset(candidate) ?? 0))
    .find((candidate) => errorOffset(candidate) === undefined);
}

/** Returns texts with one change each at an offset, the likeliest first. Most of them cannot be parsed either. */
function candidatesFor(text: string, offset: number): string[] {
  const tokens = tokensOf(text);
  const index = tokens.findIndex((token) => token.offset === offset);
  const previous = tokens.at(index === -1 ? -1 : index - 1);
  const insertSign = (sign: string, at: number): string => `${text.slice(0, at)}${sign} ${text.slice(at)}`;
  const token = tokens[index];
  if (token === undefined) return previous === undefined ? [] : [insertSign('=', previous.offset)];
  const end = offset + token.text.length;
  const replacements = [...nearestWords(token.text), ...withUnit(token.text), '='];
  return [
    ...replacements.map((word) => text.slice(0, offset) + word + text.slice(end)),
    ...(token.text === 'or' ? [`${text.slice(0, offset).trimEnd()}|${text.slice(end).trimStart()}`] : []),
    ...(token.text === '=' && previous?.text === '=' ? [text.slice(0, offset) + text.slice(end)] : []),
    ...(isNumber(token.text) ? [`${text.slice(0, offset)}= ${token.text}%${text.slice(end)}`] : []),
    insertSign(/\d[mu]?s$/.test(token.text) ? '<' : '=', offset),
    ...(previous === undefined || index === 0 ? [] : [insertSign('=', previous.offset)]),
  ];
}

function nearestWords(word: string): string[] {
  const alternatives = word.split('|').map((value) => (/^\d/.test(value) ? value : suggestionFor(value, values)));
  const names = [suggestionFor(word, claimWords), suggestionFor(word, statistics)];
  const value = alternatives.includes(undefined) ? undefined : alternatives.join('|');
  return [...names, value].filter((name) => name !== undefined);
}

/** Returns a fraction as a percentage, a number with each unit, or a percentage as a number. */
function withUnit(text: string): string[] {
  if (/^0?\.\d{1,5}$/.test(text)) return [`${Number((100 * Number(text)).toFixed(3))}%`];
  if (isNumber(text)) return [`${text}%`, `${text}ms`];
  return /^\d{1,2}%$/.test(text) ? [text.slice(0, -1)] : [];
}

function isNumber(text: string): boolean {
  return /^\d+(?:\.\d+)?$/.test(text);
}
