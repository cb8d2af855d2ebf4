import { isSecretName } from '../reply/redaction.ts';
import type { ObservedAnswer, Outcome } from './observation.ts';
import { isShown, withoutHeaderSecrets, withoutSecretForms } from './secret-forms.ts';
import { type SecretMarks, shownValue } from './secret-values.ts';

/** Names of settings that are about secrets, and do not hold them, such as `credentialName` and `token_limit`. */
const harmlessNames =
  /(?:name|count|limit|ttl|expiry|expires|expiration|ur[il]|path|endpoint|headers?|type|cluster|issuer|bucket|prefix)s?$|^(?:max|forward|from|output|tokens|jwt_?cache)/i;

/**
 * Reports whether a setting of a program holds a secret, by its name.
 *
 * @example holdsSecret('client_secret'); // true
 */
export function holdsSecret(name: string): boolean {
  const isNamed = isSecretName(name.toLowerCase()) || /passwd|passphrase|private[-_]?key/i.test(name);
  return isNamed && !harmlessNames.test(name);
}

/** Parameter of a path. */
const parameter = /([?&])([^=&?\s]+)=(?!\(secret \d+\))([^&\s"]*)/g;
/**
 * Name and opening quote of a value, as in JSON, in Lua, and in the arguments of a function. A value in JSON is not a name of
 * the next one: `"error": "invalid_token", "code": "1"`.
 */
const beforeQuoted =
  /(?<![\w.-])([\w.-]+)(?![\w.-])(?:\\*["']?[\])]*\s*(?:==?|[~!]=|:)|(?<![:=]\s*\\*["'][\w.-]+)\\*["']\s*,)\s*(\\*["']|\[=*\[)/g;
/** Name before a value as in YAML and in forms. */
const beforeBare = /(?<![\w.-])([\w.-]+)(?:\\*["']?[\])]*(?:\s*==?\s*|\s*[~!]=\s*|:\s+)|\\*["']\s*:\s*)/g;
/** Value without quotes, but for calls of functions; a list; a block of YAML. */
const bareValue =
  /(?:- +[^\n]*(?:\n[ \t]*(?=- ))?)+|\[\s*(?=\\*["']|\d)[^\][]*\]|[|>][+-]?[ \t]*\n([ \t]+)[^\n]*(?:\n\1[^\n]*)*|[^\s"'(),;&{}<>[\]\\]+(?![^\s"'),;&{}<>[\]\\])/y;

/**
 * Returns a text of any kind, such as a path, a body or a program, with texts in the place of secrets, as far as their names
 * and forms tell them.
 *
 * @example
 * shownText('{"token": "abc"}', new SecretMarks()); // '{"token": "(secret 1)"}'
 */
export function shownText(text: string, marks: SecretMarks): string {
  const mark = (value: string): string => (isShown(value) ? value : marks.of(value));
  const ofHeaders = withoutHeaderSecrets(text, mark);
  const ofPaths = ofHeaders.replaceAll(parameter, (_all, before: string, name: string, value: string) => {
    return `${before}${name}=${isShown(value) ? value : shownValue({ name, value }, marks)}`;
  });
  const ofQuoted = withNamed(ofPaths, beforeQuoted, endOfQuoted, mark);
  return withoutSecretForms(withNamed(ofQuoted, beforeBare, endOfBare, mark), mark);
}

/**
 * Returns a text with other values after the names of secrets. Values of other names may have such names inside.
 *
 * @param before name, and what is between it and the value
 * @param endOf returns the end of a value
 */
function withNamed(
  text: string,
  before: RegExp,
  endOf: (text: string, start: number, quote: string) => number,
  mark: (value: string) => string,
): string {
  let shown = '';
  let from = 0;
  before.lastIndex = 0;
  for (let match = before.exec(text); match !== null; match = before.exec(text)) {
    const [, name = '', quote = ''] = match;
    const start = before.lastIndex;
    const end = holdsSecret(name) ? endOf(text, start, quote) : start;
    if (end > start) {
      shown += text.slice(from, start) + mark(text.slice(start, end));
      from = end;
      before.lastIndex = end;
    } else before.lastIndex = match.index + name.length;
  }
  return shown + text.slice(from);
}

/** Returns the end of a value in quotes, or in long brackets of Lua; that of the line, if the quotes do not end. */
function endOfQuoted(text: string, start: number, quote: string): number {
  if (quote.startsWith('[')) {
    const closing = text.indexOf(quote.replaceAll('[', ']'), start);
    return closing === -1 ? text.length : closing;
  }
  const line = text.indexOf('\n', start);
  const last = line === -1 ? text.length : line;
  let end = text.indexOf(quote, start);
  while (end !== -1 && text[end - 1] === '\\') end = text.indexOf(quote, end + 1);
  return end === -1 ? last : Math.min(last, end);
}

function endOfBare(text: string, start: number): number {
  bareValue.lastIndex = start;
  return bareValue.test(text) ? bareValue.lastIndex : start;
}

/** Returns an outcome with texts in the place of secrets of the answer. */
export function shownOutcome(outcome: Outcome, marks: SecretMarks): Outcome {
  return { ...outcome, answer: shownAnswer(outcome.answer, marks) };
}

function shownAnswer(answer: ObservedAnswer, marks: SecretMarks): ObservedAnswer {
  switch (answer.kind) {
    case 'direct':
      return { ...answer, body: shownText(answer.body, marks) };
    case 'redirect':
      return { ...answer, location: shownText(answer.location, marks) };
    case 'service':
    case 'refused':
    case 'foreign':
    case 'none':
      return answer;
  }
}
