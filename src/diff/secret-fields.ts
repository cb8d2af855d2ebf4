import { isSecretName } from '../reply/redaction.ts';
import { holdsSecret, shownText } from './secret-texts.ts';
import { SecretMarks } from './secret-values.ts';

/** Fields whose keys are names of headers, parameters or variables, such as `headers` and `includeAdditionalHeadersInCheck`. */
const namingFields = /headers|queryparams|parameters|environmentvariables/i;
/** Fields with settings of filters and of plugins, whose keys are names of any kind. */
const settingFields = /^(?:pluginConfig|patch|typed_config|typedConfig|typed_per_filter_config|typedPerFilterConfig)$/;
/** Fields with bytes as base64. */
const bytesFields = /^(?:bytes|inline_bytes|inlineBytes)$/;
/** Fields beside the name of a header that hold its value. */
const valueFields: ReadonlySet<string> = new Set([
  ...['value', 'values', 'notValues', 'rawValue', 'raw_value'],
  // Envoy's conditions on headers and parameters.
  ...['string_match', 'exact_match', 'safe_regex_match', 'prefix_match', 'suffix_match', 'contains_match'],
  ...['stringMatch', 'exactMatch', 'safeRegexMatch', 'prefixMatch', 'suffixMatch', 'containsMatch'],
]);

/**
 * Returns a value of an object of Kubernetes with texts in the place of secret values: those of headers, those of settings
 * of filters and plugins, and those inside of texts.
 *
 * @param object object with the value
 * @param path path of the value in the object
 */
export function withoutSecrets(object: unknown, path: readonly string[], marks: SecretMarks): unknown {
  let around = object;
  let isSecret = false;
  for (const [index, key] of path.entries()) {
    isSecret ||= isSecretField(around, key, path.slice(0, index));
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
        masked(one, [...path, key], isSecret || isSecretField(value, key, path), marks),
      ]),
    );
  if (isSecret && (typeof value === 'string' || typeof value === 'number')) return marks.of(String(value));
  if (typeof value !== 'string') return value;
  if (bytesFields.test(path.at(-1) ?? '') && hasSecret(Buffer.from(value, 'base64').toString())) return marks.of(value);
  return shownText(value, marks);
}

/** Reports whether reports do not show a part of a text. */
export function hasSecret(text: string): boolean {
  return shownText(text, new SecretMarks()) !== text;
}

/** Reports whether a field of an object has a secret value, or is one. */
function isSecretField(object: unknown, key: string, path: readonly string[]): boolean {
  if (path.some((one) => namingFields.test(one)) && isSecretName(key.toLowerCase())) return true;
  if (path.some((one) => settingFields.test(one)) && holdsSecret(key)) return true;
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
