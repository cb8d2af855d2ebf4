import type { Node } from 'yaml';
import { text } from '../../options/option-values.ts';
import type { YamlFile } from './yaml-file.ts';

/** Row of a table of cases. */
export interface CaseRow {
  readonly values: ReadonlyMap<string, string>;
  /** Node of the row; undefined for a combination of columns. */
  readonly node: Node | undefined;
}

const expected = 'rows such as "- { caller: web, path: /a }", or columns such as "caller: [web, worker]"';

/** Number of combinations of columns. More are a mistake. */
const mostRows = 1000;

/**
 * Reads the table of `for each`: a list of rows, or columns of which every combination is a row.
 *
 * @throws MeshmockError `usage` with line and column
 * @example
 * // for each: { caller: [web, worker], path: [/a, /b] }
 * readTable(yaml, node).length; // 4
 */
export function readTable(yaml: YamlFile, node: Node): CaseRow[] {
  if (yaml.isList(node)) return yaml.list(node, '{ caller: web, path: /a }').map((row) => readRow(yaml, row));
  const columns = [...yaml.entries(node, expected)].map(([name, { key, value }]) => {
    checkName(yaml, key, name);
    return { name, values: yaml.list(value, 'web').map((item) => yaml.parseScalar(item, text)) };
  });
  if (columns.length === 0) throw yaml.errorAt(node, expected);
  if (columns.reduce((product, { values }) => product * values.length, 1) > mostRows)
    throw yaml.errorAt(node, `at most ${mostRows} combinations`);
  let rows: ReadonlyMap<string, string>[] = [new Map()];
  for (const { name, values } of columns)
    rows = rows.flatMap((row) => values.map((value) => new Map([...row, [name, value]])));
  return rows.map((values) => ({ values, node: undefined }));
}

function readRow(yaml: YamlFile, node: Node): CaseRow {
  const entries = [...yaml.entries(node, expected)];
  const values = entries.map(([name, { key, value }]): [string, string] => {
    checkName(yaml, key, name);
    return [name, yaml.parseScalar(value, text)];
  });
  return { values: new Map(values), node };
}

/** Pattern of a name that `${…}` can contain. */
export const textName = /^[A-Za-z][A-Za-z0-9_-]*$/;

function checkName(yaml: YamlFile, key: Node, name: string): void {
  if (!textName.test(name))
    throw yaml.errorAt(key, 'a name of letters, digits, "_" and "-", which begins with a letter');
}

/** Returns the name of a case for a row. A name that shows no value of the row gets all of them at its end. */
export function rowName(name: string, replaced: string, { values }: CaseRow): string {
  return name === replaced ? `${name}: ${[...values.values()].join(' ')}` : replaced;
}
