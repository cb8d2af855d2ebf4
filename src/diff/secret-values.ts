import type { Header } from '../plan/plan.ts';
import { isSecretName } from '../reply/redaction.ts';

/** Values that probes make themselves, and which tell nothing of a secret. */
const ownValues = new Set(['', '1', 'other', 'probe']);

/** Returns the text that reports show in the place of a secret value. */
function markOf({ length }: string): string {
  return `(${length} ${length === 1 ? 'character' : 'characters'})`;
}

/** Texts in the place of secret values. Different values have different texts, also if they have the same length. */
export class SecretMarks {
  private readonly marks = new Map<string, string>();

  /**
   * Returns the text in the place of a value.
   *
   * @example
   * const marks = new SecretMarks();
   * marks.of('one'); // '(3 characters)'
   * marks.of('two'); // '(3 characters, another value)'
   */
  of(value: string): string {
    const known = this.marks.get(value);
    if (known !== undefined) return known;
    const mark = markOf(value);
    const before = [...this.marks.keys()].filter(({ length }) => length === value.length).length;
    const which = before === 1 ? 'another value' : `value ${before + 1}`;
    const text = before === 0 ? mark : `${mark.slice(0, -1)}, ${which})`;
    this.marks.set(value, text);
    return text;
  }
}

/** Returns the value of a header as reports show it: only the length of one that may be secret. */
export function shownValue({ name, value }: Header): string {
  return isSecretName(name.toLowerCase()) && !ownValues.has(value) ? markOf(value) : value;
}

/** Returns a path as reports show it: of parameters that may be secret only the lengths. */
export function shownPath(path: string): string {
  return path.replaceAll(/([?&])([^=&]+)=([^&]*)/g, (_all, before: string, name: string, value: string) => {
    return `${before}${name}=${shownValue({ name, value })}`;
  });
}

/** Returns a text with paths and addresses inside as reports show it: of parameters that may be secret only the lengths. */
export function shownText(text: string, marks: SecretMarks): string {
  return text.replaceAll(/([?&])([^=&?\s]+)=([^&\s"]*)/g, (all, before: string, name: string, value: string) => {
    return shownValue({ name, value }) === value ? all : `${before}${name}=${marks.of(value)}`;
  });
}

/** Returns the name of a header or a parameter of a request with a value that reports do not show; undefined if none has. */
export function secretPart(request: {
  readonly path: string;
  readonly headers: readonly Header[];
}): string | undefined {
  const header = request.headers.find((one) => shownValue(one) !== one.value);
  if (header !== undefined) return `header ${header.name}`;
  return shownPath(request.path) === request.path ? undefined : 'parameter of the path';
}

/** Fields whose keys are names of headers or of parameters, such as `headers` and `includeAdditionalHeadersInCheck`. */
const namingFields = /headers|queryparams|parameters/i;
/** Fields beside the name of a header that hold its value. */
const valueFields: ReadonlySet<string> = new Set([
  ...['value', 'values', 'notValues', 'rawValue', 'raw_value'],
  // Envoy's conditions on headers and parameters.
  ...['string_match', 'exact_match', 'safe_regex_match', 'prefix_match', 'suffix_match', 'contains_match'],
  ...['stringMatch', 'exactMatch', 'safeRegexMatch', 'prefixMatch', 'suffixMatch', 'containsMatch'],
]);

/**
 * Returns a value of an object of Kubernetes with texts in the place of secret values of headers.
 *
 * @param object object with the value
 * @param path path of the value in the object
 */
export function withoutSecrets(object: unknown, path: readonly string[], marks: SecretMarks): unknown {
  let around = object;
  let isSecret = false;
  for (const [index, key] of path.entries()) {
    isSecret ||= holdsSecret(around, key, path.slice(0, index));
    around = isRecord(around) ? around[key] : undefined;
  }
  return masked(around, path, isSecret, marks);
}

function masked(value: unknown, path: readonly string[], isSecret: boolean, marks: SecretMarks): unknown {
  if (Array.isArray(value)) return value.map((one, index) => masked(one, [...path, String(index)], isSecret, marks));
  if (isRecord(value))
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        key,
        masked(one, [...path, key], isSecret || holdsSecret(value, key, path), marks),
      ]),
    );
  if (isSecret && (typeof value === 'string' || typeof value === 'number')) return marks.of(String(value));
  return typeof value === 'string' ? shownText(value, marks) : value;
}

/** Reports whether a field of an object has the value of a secret header, or is one. */
function holdsSecret(object: unknown, key: string, path: readonly string[]): boolean {
  if (path.some((one) => namingFields.test(one)) && isSecretName(key.toLowerCase())) return true;
  if (!valueFields.has(key) || !isRecord(object)) return false;
  // Conditions of an AuthorizationPolicy have keys such as `request.headers[authorization]`.
  return [object.name, object.key].some((name) => typeof name === 'string' && isSecretName(headerNameOf(name)));
}

function headerNameOf(name: string): string {
  return (/^request\.headers\[(.+)\]$/.exec(name)?.[1] ?? name).toLowerCase();
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
