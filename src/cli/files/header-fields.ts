import type { Node } from 'yaml';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { headerNameProblem, headerValueProblem } from '../../plan/fields.ts';
import type { Header } from '../../plan/plan.ts';
import type { YamlFile } from './yaml-file.ts';

/** The headers that a map has, names in lower case; none if there is no map. @throws MeshmockError `usage` */
export function readHeaders(yaml: YamlFile, node: Node | undefined): Header[] {
  if (node === undefined) return [];
  return [...yaml.entries(node, 'headers such as "end-user: jason"')].map(([name, { key, value }]) => {
    const lower = name.toLowerCase();
    const problem = headerNameProblem(lower);
    if (problem !== undefined) throw yaml.errorAt(key, problem);
    return {
      name: lower,
      value: yaml.parseScalar(value, (content) => {
        const wrong = headerValueProblem(lower, content);
        if (wrong !== undefined) throw new MeshmockError('usage', `expected ${wrong}`);
        return content;
      }),
    };
  });
}
