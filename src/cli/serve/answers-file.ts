import { type Node, parse } from 'yaml';
import { ErrorList } from '../../error/error-list.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { text, wholeNumber } from '../../options/option-values.ts';
import { beginsPlan, headerValueProblem, methodProblem } from '../../plan/fields.ts';
import { readAnswerHeaders } from '../files/header-fields.ts';
import { YamlFile } from '../files/yaml-file.ts';
import { readText } from '../process/read-text.ts';
import { type AnswerRow, AnswerTable, pathPattern } from './answer-table.ts';

const rowFields = ['path', 'method', 'status', 'type', 'headers', 'body'];

const json = 'application/json; charset=utf-8';
const plain = 'text/plain; charset=utf-8';

/** Reads the answers of a stand-in. @throws MeshmockError `usage` if the file is missing or wrong */
export function readAnswers(file: string): AnswerTable {
  return parseAnswersFile(readText(file), file);
}

/**
 * Parses the answers of a stand-in.
 *
 * @param file path of the file; its errors start with it
 * @throws MeshmockError `usage` with line and column; it has all errors of the file
 * @example
 * parseAnswersFile('answers:\n  - { path: /users/:id, body: { name: Ada } }', 'users.yaml').find('GET', '/users/7');
 */
export function parseAnswersFile(content: string, file: string): AnswerTable {
  const yaml = new YamlFile(content, file);
  const errors = new ErrorList();
  const fields = yaml.knownFields(yaml.contents, ['answers'], 'a list under "answers:"', errors);
  const items = errors.collect(() => yaml.list(fields.get('answers'), '{ path: /users/:id, body: { id: 7 } }')) ?? [];
  // JSON has numbers, which the reader of the other fields leaves as texts.
  const values = (parse(content, { intAsBigInt: true }) as { answers?: { body?: unknown }[] } | null)?.answers ?? [];
  const rows = items.flatMap(
    (item, index) => errors.collect(() => readRow(yaml, item, values[index]?.body, errors)) ?? [],
  );
  errors.throwIfAny();
  return new AnswerTable(rows);
}

function readRow(yaml: YamlFile, node: Node, value: unknown, errors: ErrorList): AnswerRow {
  const fields = yaml.knownFields(node, rowFields, 'an answer with a path', errors);
  const optionalField = <T>(name: string, read: (content: string) => T): T | undefined =>
    errors.collect(() => yaml.optionalScalar(fields, name, read));
  const path = yaml.parseScalar(yaml.required(node, fields, 'path', '/users/:id'), (content) => {
    pathPattern(content);
    if (beginsPlan(content)) return checked(content, 'a path that is not a plan: a plan is executed');
    return checked(content, content.startsWith('/') ? undefined : 'a path that begins with "/"');
  });
  const body = bodyOf(value);
  return {
    path,
    method: optionalField('method', (content) => checked(content, methodProblem(content))),
    status: optionalField('status', wholeNumber(200, 599)) ?? 200,
    contentType:
      optionalField('type', (content) => checked(text(content), headerValueProblem('content-type', content))) ??
      (isJson(body) ? json : plain),
    headers: errors.collect(() => readAnswerHeaders(yaml, fields.get('headers'))) ?? [],
    body,
  };
}

function checked(value: string, problem: string | undefined): string {
  if (problem === undefined) return value;
  throw new MeshmockError('usage', `"${value}": expected ${problem}`);
}

/** Returns the text of a body: a text as it is, and anything else as JSON. */
function bodyOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value, withWholeNumbers);
}

/** Function of JavaScript that the types of TypeScript do not have yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** Keeps all digits of a whole number, such as those of an id. */
function withWholeNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJSON(String(value)) : value;
}

function isJson(body: string): boolean {
  if (!/^\s*[[{]/.test(body)) return false;
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}
