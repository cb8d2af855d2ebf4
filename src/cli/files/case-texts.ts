import { isMap, isScalar, isSeq, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { YamlFile } from './yaml-file.ts';

/** Texts that replace `${name}` in a case. */
export interface CaseTexts {
  /** Values of the row of a table, which are parts of the YAML. */
  readonly row: ReadonlyMap<string, string>;
  /** Values of earlier answers, which keep no special meaning. */
  readonly captured: ReadonlyMap<string, string>;
}

/** Texts of a case without a table and without captured values: `${name}` is only a text there. */
export const noTexts: CaseTexts = { row: new Map(), captured: new Map() };

const reference = /\$(\$?)\{([^{}]*)\}/g;

/**
 * Returns a copy of a node in which texts replace `${name}`. `$${name}` becomes `${name}`.
 *
 * @param texts the known names; without any, the node itself is returned
 * @param except fields of the node that stay as they are
 * @throws MeshmockError `usage` with the place of an unknown name
 * @example
 * withTexts(yaml, node, { row: new Map([['path', '/a']]), captured: new Map() });
 */
export function withTexts(
  yaml: YamlFile,
  node: Node,
  { row, captured }: CaseTexts,
  except: readonly string[] = [],
): Node {
  if (row.size + captured.size === 0) return node;
  const replaced = (text: string, at: Node, field: string): string =>
    text.replaceAll(reference, (_all, doubled: string, name: string) => {
      if (doubled !== '') return `\${${name}}`;
      const value = row.get(name);
      if (value !== undefined) return value;
      const answered = captured.get(name);
      // A service must not choose a file of this machine.
      if (answered !== undefined && namesFile(field, withRow(text)))
        throw yaml.errorAt(at, 'the name of a file, which no answer chooses');
      if (answered !== undefined) return encodedFor(field, answered);
      throw yaml.errorAt(at, `one of ${[...row.keys(), ...captured.keys()].map((one) => `\${${one}}`).join(', ')}`);
    });
  const withRow = (text: string): string =>
    text.replaceAll(reference, (all, doubled: string, name: string) => (doubled === '' && row.get(name)) || all);
  const copy = (original: Node, field: string): Node => {
    const one = yaml.resolveAlias(original) ?? original;
    if (isScalar(one)) {
      if (typeof one.value !== 'string' || !one.value.includes('${')) return one;
      const scalar = new Scalar(replaced(one.value, one, field));
      scalar.source = withRow(one.value);
      return withRange(scalar, one);
    }
    if (isSeq(one)) {
      const sequence = new YAMLSeq();
      sequence.items = one.items.map((item) => copy(item as Node, field));
      return withRange(sequence, one);
    }
    if (!isMap(one)) return one;
    const map = new YAMLMap();
    map.items = one.items.map((pair) => {
      const { key, value } = pair;
      const name = field === '' && isScalar(key) ? String(key.value) : field;
      if (field === '' && except.includes(name)) return pair;
      return new Pair(copy(key as Node, name), value === null ? null : copy(value as Node, name));
    });
    return withRange(map, one);
  };
  return copy(node, '');
}

function withRange<N extends Node>(node: N, { range }: Node): N {
  if (range !== undefined) node.range = range;
  return node;
}

const fileFields: ReadonlySet<string> = new Set(['cacert', 'cert', 'key']);

/** Reports whether the text of a field names a file. */
function namesFile(field: string, text: string): boolean {
  return fileFields.has(field) || (field === 'data' && text.startsWith('@'));
}

/**
 * Returns the file of a scalar `@FILE`, or undefined for any other. A captured value that begins with `@` is a text.
 *
 * @example
 * fileOf(yaml, fields.get('data')); // 'order.json' for `data: "@order.json"`
 */
export function fileOf(yaml: YamlFile, node: Node | undefined): string | undefined {
  const scalar = node && yaml.resolveAlias(node);
  if (!isScalar(scalar) || !String(scalar.source ?? scalar.value).startsWith('@')) return undefined;
  return String(scalar.value).slice(1);
}

/** Returns a captured value as a text of a field, so that no character of it has a meaning there. */
function encodedFor(field: string, value: string): string {
  switch (field) {
    case 'call':
    case 'url':
      return encodeURIComponent(value);
    case 'expect':
      return /^[A-Za-z0-9][A-Za-z0-9._:/-]*$/.test(value) ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
    default:
      return value;
  }
}
