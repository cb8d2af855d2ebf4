import type { Node } from 'yaml';
import type { AssertedRequest } from '../../cases/asserted-route.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { methodProblem } from '../../plan/fields.ts';
import { parsePath } from '../../plan/parse.ts';
import { noLimits } from '../../plan/plan.ts';
import { readHeaders } from './header-fields.ts';
import type { YamlFile } from './yaml-file.ts';

/**
 * Reads each combination of authority, method and uri, in the order of istio-config-validator.
 *
 * @throws MeshmockError `usage` with line and column
 */
export function readRequests(yaml: YamlFile, node: Node): AssertedRequest[] {
  const fields = yaml.fields(node, ['authority', 'method', 'uri', 'headers'], 'authority, method and uri');
  const texts = (name: string, example: string, parse: (value: string) => string): string[] =>
    yaml.list(yaml.required(node, fields, name, `[${example}]`), example).map((item) => yaml.parseScalar(item, parse));
  const authorities = texts('authority', 'www.example.com', authority);
  const methods = texts('method', 'GET', method);
  const uris = texts('uri', '/users', uri);
  const headers = readHeaders(yaml, fields.get('headers'));
  return uris.flatMap((uri) =>
    authorities.flatMap((authority) => methods.map((method) => ({ authority, method, uri, headers }))),
  );
}

/** Parses an authority. @throws MeshmockError `usage` */
export function authority(value: string): string {
  if (/^[A-Za-z0-9._-]+(?::\d{1,5})?$/.test(value) && URL.canParse(`http://${value}`)) return value;
  throw new MeshmockError('usage', `"${value}": expected a host, or HOST:PORT`);
}

/** Parses a method. @throws MeshmockError `usage` */
export function method(value: string): string {
  const problem = methodProblem(value);
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}`);
  return value;
}

/** Parses a path. Of a whole URL it takes only the path, and no fragment, as istio-config-validator does. */
export function uri(value: string): string {
  const [, path = ''] = /^(?:[a-z]+:\/\/[^/?#]*)?(\/[^#\s]*)(?:#\S*)?$/i.exec(value) ?? [];
  if (path === '') throw new MeshmockError('usage', `"${value}": expected a path such as /users`);
  if (!isPlainPath(path))
    throw new MeshmockError('usage', `"${value}": expected a plain path: a mock would execute this one as a plan`);
  return path;
}

function isPlainPath(path: string): boolean {
  try {
    const plan = parsePath(path, noLimits);
    return plan.kind === 'answer' && plan.directives.length === 0;
  } catch {
    return false;
  }
}
