import type { Header } from '../plan/plan.ts';
import { isSecretName } from '../reply/redaction.ts';
import { withoutSecretForms } from './secret-forms.ts';

/** Values that probes make themselves, and which tell nothing of a secret. */
const ownValues = new Set(['', '1', 'other', 'probe']);

/**
 * Texts in the place of the secret values of one report. Equal values have the same text everywhere in it, and different
 * values have different ones. The texts tell nothing of the values.
 */
export class SecretMarks {
  private readonly marks = new Map<string, string>();

  /**
   * Returns the text in the place of a value.
   *
   * @example
   * const marks = new SecretMarks();
   * marks.of('one'); // '(secret 1)'
   * marks.of('two'); // '(secret 2)'
   */
  of(value: string): string {
    const known = this.marks.get(value);
    if (known !== undefined) return known;
    const mark = `(secret ${this.marks.size + 1})`;
    this.marks.set(value, mark);
    return mark;
  }
}

/** Reports whether reports do not show the value of a header or of a parameter. */
export function isSecret({ name, value }: Header): boolean {
  return isSecretName(name.toLowerCase()) && !ownValues.has(value);
}

/** Returns the value of a header as reports show it: a text in the place of one, or of a part, that may be secret. */
export function shownValue(header: Header, marks: SecretMarks): string {
  return isSecret(header) ? marks.of(header.value) : withoutSecretForms(header.value, (secret) => marks.of(secret));
}

/** Returns a path as reports show it, with texts in the place of parameters, and of parts of others, that may be secret. */
export function shownPath(path: string, marks: SecretMarks): string {
  return path.replaceAll(/([?&])([^=&]+)=([^&]*)/g, (_all, before: string, name: string, value: string) => {
    return `${before}${name}=${shownValue({ name, value }, marks)}`;
  });
}

/** Returns the name of a header or a parameter of a request with a value that reports do not show; undefined if none has. */
export function secretPart(request: {
  readonly path: string;
  readonly headers: readonly Header[];
}): string | undefined {
  const marks = new SecretMarks();
  const header = request.headers.find((one) => shownValue(one, marks) !== one.value);
  if (header !== undefined) return `header ${header.name}`;
  return shownPath(request.path, marks) === request.path ? undefined : 'parameter of the path';
}
