import type { Node } from 'yaml';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { answerHeaderNameProblem, headerNameProblem, headerValueProblem } from '../../plan/fields.ts';
import type { Header } from '../../plan/plan.ts';
import type { YamlFile } from './yaml-file.ts';

/**
 * Reads a map of headers. Names become lower case.
 *
 * @param node the map; undefined for no headers
 * @param hasBody true if the message has a body, and so a content type
 * @throws MeshmockError `usage` with line and column
 */
export function readHeaders(yaml: YamlFile, node: Node | undefined, hasBody = false): Header[] {
  return readFields(
    yaml,
    node,
    'end-user: jason',
    (name) => (hasBody && name === 'content-type' ? undefined : headerNameProblem(name)),
    (value) => [value],
  );
}

/**
 * Reads a map of headers of an answer. A header whose value is a list is sent once for each item.
 *
 * @param node the map; undefined for no headers
 * @throws MeshmockError `usage` with line and column
 */
export function readAnswerHeaders(yaml: YamlFile, node: Node | undefined): Header[] {
  return readFields(
    yaml,
    node,
    'location: /login',
    (name) => (name === 'content-type' ? 'the content type as "type" of the answer' : answerHeaderNameProblem(name)),
    (value) => (yaml.isList(value) ? yaml.list(value, 'a=1') : [value]),
  );
}

function readFields(
  yaml: YamlFile,
  node: Node | undefined,
  example: string,
  nameProblemOf: (name: string) => string | undefined,
  valuesOf: (value: Node) => readonly Node[],
): Header[] {
  if (node === undefined) return [];
  return [...yaml.entries(node, `headers such as "${example}"`)].flatMap(([key, entry]) => {
    const name = key.toLowerCase();
    const nameProblem = nameProblemOf(name);
    if (nameProblem !== undefined) throw yaml.errorAt(entry.key, nameProblem);
    return valuesOf(entry.value).map((item) => {
      const value = yaml.parseScalar(item, (content) => {
        const valueProblem = headerValueProblem(name, content);
        if (valueProblem !== undefined) throw new MeshmockError('usage', `expected ${valueProblem}`);
        return content;
      });
      return { name, value };
    });
  });
}
