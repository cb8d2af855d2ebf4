import type { Node } from 'yaml';
import type { AssertedRequest } from '../../cases/asserted-route.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { methodProblem } from '../../plan/fields.ts';
import { parsePath } from '../../plan/parse.ts';
import { noLimits } from '../../plan/plan.ts';
import { readHeaders } from './header-fields.ts';
import type { YamlFile } from './yaml-file.ts';

/**
 * Every combination of authority, method and uri, in the order of the validator.
 *
 * @param testCase where it is told that one of them is missing
 * @throws MeshmockError `usage`
 */
export function readRequests(yaml: YamlFile, node: Node, testCase: Node): AssertedRequest[] {
  const fields = yaml.fields(node, ['authority', 'method', 'uri', 'headers'], 'authority, method and uri');
  const texts = (name: string, example: string, parse: (value: string) => string): string[] =>
    yaml
      .list(yaml.required(testCase, fields, name, `[${example}]`), example)
      .map((item) => yaml.parseScalar(item, parse));
  const authorities = texts('authority', 'www.example.com', authority);
  const methods = texts('method', 'GET', method);
  const uris = texts('uri', '/users', uri);
  const headers = readHeaders(yaml, fields.get('headers'));
  return uris.flatMap((uri) =>
    authorities.flatMap((authority) => methods.map((method) => ({ authority, method, uri, headers }))),
  );
}

/** @throws MeshmockError `usage` */
export function authority(value: string): string {
  if (/^[A-Za-z0-9._-]+(?::\d{1,5})?$/.test(value) && URL.canParse(`http://${value}`)) return value;
  throw new MeshmockError('usage', `"${value}": expected a host, or HOST:PORT`);
}

function method(value: string): string {
  const problem = methodProblem(value);
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}`);
  return value;
}

/** Of a whole URL the host is not looked at, as in the validator. */
function uri(value: string): string {
  const [, path = ''] = /^(?:[a-z]+:\/\/[^/?#]*)?(\/[^#\s]*)$/i.exec(value) ?? [];
  if (path !== '' && isPlain(path)) return path;
  if (path !== '') throw new MeshmockError('usage', `"${value}": a mock takes it for a plan of calls, not for a path`);
  throw new MeshmockError('usage', `"${value}": expected a path such as /users`);
}

function isPlain(path: string): boolean {
  try {
    const plan = parsePath(path, noLimits);
    return plan.kind === 'answer' && plan.directives.length === 0;
  } catch {
    return false;
  }
}
