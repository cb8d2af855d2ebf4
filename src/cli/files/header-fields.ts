import type { Node } from 'yaml';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { headerNameProblem, headerValueProblem } from '../../plan/fields.ts';
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
  if (node === undefined) return [];
  return [...yaml.entries(node, 'headers such as "end-user: jason"')].map(([key, entry]) => {
    const name = key.toLowerCase();
    const nameProblem = hasBody && name === 'content-type' ? undefined : headerNameProblem(name);
    if (nameProblem !== undefined) throw yaml.errorAt(entry.key, nameProblem);
    const value = yaml.parseScalar(entry.value, (content) => {
      const valueProblem = headerValueProblem(name, content);
      if (valueProblem !== undefined) throw new MeshmockError('usage', `expected ${valueProblem}`);
      return content;
    });
    return { name, value };
  });
}
