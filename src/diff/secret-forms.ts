import { redacted } from '../reply/redaction.ts';

/** Values that are not secret under any name. */
const plainValues: ReadonlySet<string> = new Set([
  ...['none', 'nil', 'null', 'true', 'false', redacted],
  // The value follows these.
  ...['Bearer', 'Basic'],
]);

/** Texts that are already in the place of secrets, also if a report has cut or wrapped them. */
const markPattern = /^(?:\(secret \d+\)|\((?:s(?:e(?:c(?:r(?:e(?:t(?: \d*)?)?)?)?)?)?)?…?$|…$)/;

/** Reports whether reports show a value under the name of a secret: it tells nothing of one, or is already in its place. */
export function isShown(value: string): boolean {
  return markPattern.test(value) || plainValues.has(value);
}

/** Forms of secrets. The second group of each is the secret, and the first one is before it. */
const secretForms: readonly RegExp[] = [
  /(-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----)(.+?)(?=-----END|$)/gs,
  // Secret members of a JSON Web Key.
  /(["'](?:k|d|p|q|dp|dq|qi)\\*["']\s*:\s*\\*["'])([\w+/=-]{16,})(?=\\*["'])/g,
  /(\b[Bb](?:earer|asic)\s+)((?=[\w+/=.~-]*(?:\d|=|[a-z][A-Z]))[\w+/=.~-]{6,})/g,
  /(\b)(eyJ[\w-]{6,}\.[\w-]+\.[\w-]*)/g,
  // Password in an address.
  /(:\/\/[^\s/:@"']*:)([^\s/"']+)(?=@)/g,
];

/** Secrets of several words after the names of headers. The second group of each is the secret. */
const headerForms: readonly RegExp[] = [
  /(\b[Aa]uthorization: (?:[Bb]earer|[Bb]asic) )([\w+/=.~:-]+)/g,
  /(\b[Aa]uthorization: )((?!(?:[Bb]earer|[Bb]asic) )[A-Za-z][\w-]* [\w+/=.~:-]+)/g,
  /((?<![\w-])[Cc]ookie: )([^\s"',;=]+=[^\s"',;]*(?:; [^\s"',;=]+=[^\s"',;]*)+)/g,
];

/**
 * Returns a text with texts in the place of the values of headers that have several words.
 *
 * @example withoutHeaderSecrets('Authorization: ApiKey abc', () => '(secret 1)'); // 'Authorization: (secret 1)'
 */
export function withoutHeaderSecrets(text: string, markOf: (secret: string) => string): string {
  return withoutForms(text, headerForms, markOf);
}

/** Returns a text with texts in the place of secrets that are known by their forms, whatever name they have. */
export function withoutSecretForms(text: string, markOf: (secret: string) => string): string {
  return withoutForms(text, secretForms, markOf);
}

function withoutForms(text: string, forms: readonly RegExp[], markOf: (secret: string) => string): string {
  const mark = (value: string): string => (isShown(value) ? value : markOf(value));
  return forms.reduce(
    (part, form) => part.replaceAll(form, (_all, before: string, value: string) => before + mark(value)),
    text,
  );
}
