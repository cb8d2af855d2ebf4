import type { KubeError } from '../kube-api/kube-error.ts';
import type { KubeObject } from '../resources/objects.ts';
import { formatFieldPath, parseFieldPath, scalars } from './field-path.ts';

/** One reason for which the API server refuses an object. */
export interface Problem {
  /** Path of the field; empty if the reason names none. */
  readonly path: readonly string[];
  readonly message: string;
  /** True if objects of the kind have no field of this name. */
  readonly isUnknownField?: true;
}

/**
 * Returns the reasons for which the API server refused an object, each with its field if one is named or can be found
 * in the object.
 */
export function problemsOf(error: KubeError, object: KubeObject): Problem[] {
  const { message, causes } = error;
  if (causes.length > 0) return causeProblems(error);
  const unknown = [...message.matchAll(/(unknown|duplicate) field "([^"]+)"/g)];
  if (message.includes('strict decoding error') && unknown.length > 0)
    return unknown.map(([, what = '', field = '']) => {
      const path = parseFieldPath(field);
      const problem = { path, message: `${what} field "${path.at(-1)}"` };
      return what === 'unknown' ? { ...problem, isUnknownField: true } : problem;
    });
  return webhookProblems(message, object) ?? typeProblems(message, object) ?? [{ path: [], message }];
}

/** Returns `FIELD: MESSAGE`, or the message if it names no field. */
export function problemText({ path, message }: Problem): string {
  return path.length === 0 ? message : `${formatFieldPath(path)}: ${message}`;
}

const unchecked = /some validation rules were not checked/;

function causeProblems({ causes }: KubeError): Problem[] {
  const isAlone = causes.length === 1;
  const problems = causes
    .filter(({ message = '' }) => isAlone || !unchecked.test(message))
    .map(({ field = '', message = '' }): Problem => {
      const [, quoted] = /"([\w-]+(?:\.[\w-]+|\[\d+\])+)" must/.exec(message) ?? [];
      const named = field === '<nil>' ? quoted : field;
      return { path: parseFieldPath(named ?? ''), message: shortMessage(message, field) };
    });
  const texts = problems.map(problemText);
  return problems.filter((_, index) => texts.indexOf(texts[index] ?? '') === index);
}

/** Leaves out what a line already says, such as the field or the type of the value in its place. */
function shortMessage(message: string, field: string): string {
  const shown = /^(?:Invalid|Unsupported|Duplicate) value: "(?:object|array|string|integer|boolean|)": /;
  const [prefix] = shown.exec(message) ?? [];
  const text = prefix === undefined ? message : message.slice(prefix.length);
  const withoutField = text.replace(`${field} in body `, '');
  // Rules in CEL come as `Invalid value: MESSAGE`, others as `Invalid value: VALUE: MESSAGE`.
  return withoutField.replace(/^Invalid value: (?!["{[\d-]|null\b|true\b|false\b)/, '');
}

/** Returns the errors in the denial of an admission webhook. istiod joins them with hashicorp's go-multierror. */
function webhookProblems(message: string, object: KubeObject): Problem[] | undefined {
  const [, webhook = '', reason = ''] = /^admission webhook "([^"]+)" denied the request: (.*)$/s.exec(message) ?? [];
  if (webhook === '') return undefined;
  const by = webhook.endsWith('validation.istio.io') ? 'istiod' : `the webhook ${webhook}`;
  const text = reason.replace(/^configuration is invalid: /, '').trim();
  const listed = text.match(/^\d+ errors? occurred:\n(.*)$/s)?.[1];
  const lines = listed?.split(/\n?\t\* /).slice(1) ?? [text];
  return lines.map((line) => {
    const reasonText = line.trim().replaceAll(/\s*\n\s*/g, ' ');
    return { path: pathInText(reasonText, object), message: `${by} denies it: ${reasonText}` };
  });
}

/** Returns the path that a text of istiod names, or of the only field whose value it quotes or has after the field's name. */
function pathInText(text: string, object: KubeObject): string[] {
  const [, rule] = /found at rule (\d+)/.exec(text) ?? [];
  if (rule !== undefined) return ['spec', 'rules', rule];
  const [named] = /\bspec(?:\.\w+|\[\d+\])+/.exec(text) ?? [];
  if (named !== undefined) return parseFieldPath(named);
  const values = [...scalars(object.spec, ['spec'])];
  for (const [, inQuotes, inBackticks] of text.matchAll(/"([^"]+)"|`([^`]+)`/g)) {
    const found = values.filter(([, value]) => String(value) === (inQuotes ?? inBackticks));
    if (found.length === 1) return found[0]?.[0] ?? [];
  }
  for (const [, name = '', number] of text.matchAll(/\b([A-Za-z]\w*) (-?\d+(?:\.\d+)?)(?![\w.])/g)) {
    const found = values.filter(([path, value]) => path.at(-1) === name && String(value) === number);
    if (found.length === 1) return found[0]?.[0] ?? [];
  }
  return [];
}

/** Returns the field whose value has the wrong type in one of Kubernetes' own kinds. */
function typeProblems(message: string, object: KubeObject): Problem[] | undefined {
  const wrong = /json: cannot unmarshal (\w+)(?: .*)? into Go (?:struct field \w+\.([\w.]+)|value) of type (\S+)/;
  const [, found = '', field = '', type = ''] = wrong.exec(message) ?? [];
  if (found === '') return undefined;
  const path = pathOfType(object, field.split('.'), found) ?? parseFieldPath(field);
  return [
    { path, message: `expected ${nameOfType(type)}, found ${withArticle(found === 'bool' ? 'boolean' : found)}` },
  ];
}

/**
 * Returns the path of the first value of a JSON type among those that a path of Go's decoder may mean: it names neither
 * elements of lists nor keys of maps.
 */
function pathOfType(value: unknown, names: readonly string[], type: string): string[] | undefined {
  const [name, ...rest] = names;
  if (name === undefined && jsonType(value) === type) return [];
  if (typeof value !== 'object' || value === null) return undefined;
  const named = name !== undefined && !Array.isArray(value) && Object.hasOwn(value, name);
  const tried = named ? [[name, rest] as const] : Object.keys(value).map((key) => [key, names] as const);
  for (const [key, remaining] of tried) {
    const path = pathOfType((value as Record<string, unknown>)[key], remaining, type);
    if (path !== undefined) return [key, ...path];
  }
  return undefined;
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function nameOfType(goType: string): string {
  if (/^u?int\d*$/.test(goType)) return 'an integer';
  if (goType === 'bool') return 'a boolean';
  if (goType === 'string') return 'a string';
  if (goType.startsWith('[]')) return 'a list';
  return goType.startsWith('float') ? 'a number' : 'an object';
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}
