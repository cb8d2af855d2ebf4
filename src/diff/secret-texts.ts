import { isSecretName, redacted } from '../reply/redaction.ts';
import type { ObservedAnswer, Outcome } from './observation.ts';
import { type SecretMarks, shownValue } from './secret-values.ts';

/** Names of settings that are about secrets, and do not hold them, such as `credentialName` and `token_bucket`. */
const harmlessNames =
  /(?:name|ur[il]|path|endpoint|headers?|type|cluster|issuer|bucket|prefix)s?$|^(?:max|forward|from|output|tokens|jwt_?cache)/i;

/**
 * Reports whether a setting of a program holds a secret, by its name.
 *
 * @example holdsSecret('client_secret'); // true
 */
export function holdsSecret(name: string): boolean {
  const isNamed = isSecretName(name.toLowerCase()) || /passwd|passphrase|private[-_]?key/i.test(name);
  return isNamed && !harmlessNames.test(name);
}

/** Values that are not secret under any name. */
const plainValues: ReadonlySet<string> = new Set([
  ...['none', 'nil', 'null', 'true', 'false', redacted],
  // The value follows these.
  ...['Bearer', 'Basic'],
]);

/** Texts that are already in the place of secrets. */
const markPattern = /^\(secret \d+\)/;

/** Forms of secrets. The second group of each is the secret, and the first one is before it. */
const secretForms: readonly RegExp[] = [
  /(-----BEGIN [A-Z ]*PRIVATE KEY-----)([^-]+)/g,
  /(\b[Bb](?:earer|asic)\s+)((?=[\w+/=.~-]*(?:\d|=|[a-z][A-Z]))[\w+/=.~-]{6,})/g,
  /(\b)(eyJ[\w-]{6,}\.[\w-]+\.[\w-]*)/g,
  // Password in an address.
  /(:\/\/[^\s/:@"']*:)([^\s/@"']+)(?=@)/g,
];

/** Parameter of a path. */
const parameter = /([?&])([^=&?\s]+)=(?!\(secret \d+\))([^&\s"]*)/g;
/** Value in quotes after its name, as in JSON, in Lua, and in the arguments of a function. */
const quotedValue = /(?<![\w.-])([\w.-]+)(\\*["']?[\])]*\s*(?:==?|[~!]=|:|,)\s*(\\*["']))((?:(?!\3)[^\n])+)/g;
/** Value after its name, as in YAML and in forms, but for calls of functions. */
const bareValue =
  /(?<![\w.-])([\w.-]+)(["']?[\])]*(?:\s*==?\s*|\s*[~!]=\s*|:\s+))([^\s"'(),;&{}<>[\]\\]+)(?![^\s"'),;&{}<>[\]\\])/g;

/**
 * Returns a text of any kind, such as a path, a body or a program, with texts in the place of secrets, as far as their names
 * and forms tell them.
 *
 * @example
 * shownText('{"token": "abc"}', new SecretMarks()); // '{"token": "(secret 1)"}'
 */
export function shownText(text: string, marks: SecretMarks): string {
  const mark = (value: string): string => (markPattern.test(value) || plainValues.has(value) ? value : marks.of(value));
  const named = (all: string, name: string, before: string, value: string): string =>
    holdsSecret(name) ? `${name}${before}${mark(value)}` : all;
  const withoutNamed = text
    .replaceAll(parameter, (_all, before: string, name: string, value: string) => {
      return `${before}${name}=${shownValue({ name, value }, marks)}`;
    })
    .replaceAll(quotedValue, (all, name: string, before: string, _quote: string, value: string) =>
      named(all, name, before, value),
    )
    .replaceAll(bareValue, named);
  return secretForms.reduce(
    (part, form) => part.replaceAll(form, (_all, before: string, value: string) => before + mark(value)),
    withoutNamed,
  );
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
