import { Document, isMap, isSeq } from 'yaml';

/** Case of `meshmock test`, with the fields in their order. */
export interface WrittenCase {
  readonly name: string;
  readonly [field: string]: unknown;
}

/** Contents of a file of cases. */
export interface WrittenFile {
  readonly manifests: readonly string[];
  readonly meshConfig?: string;
  readonly namespace?: string;
  readonly fill?: boolean;
  readonly apply?: readonly string[];
  readonly before?: readonly WrittenCase[];
  readonly cases?: readonly WrittenCase[];
  readonly always?: readonly WrittenCase[];
}

/** Fields whose values are written in one line. */
const inlineFields = new Set(['manifests', 'apply', 'expect', 'headers', 'given']);

/**
 * Formats a file of cases, or one case, in the form that a person writes it.
 *
 * @example
 * formatCases({ name: 'answers', call: '/@reviews/x', expect: ['reviews status = 200'] });
 * // name: answers\ncall: /@reviews/x\nexpect: [ reviews status = 200 ]\n
 */
export function formatCases(value: WrittenFile | WrittenCase): string {
  const document = new Document(value);
  writeInline(document.contents);
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function writeInline(node: unknown): void {
  if (isSeq(node)) for (const item of node.items) writeInline(item);
  if (!isMap(node)) return;
  for (const { key, value } of node.items) {
    const isInline = inlineFields.has(String(key));
    if (isInline && (isMap(value) || isSeq(value))) value.flow = true;
    else writeInline(value);
  }
}

/** Gives cases different names, by a number at the end. */
export function withUniqueNames(cases: readonly WrittenCase[], taken: Set<string>): WrittenCase[] {
  return cases.map((one) => {
    let { name } = one;
    for (let number = 2; taken.has(name); number++) name = `${one.name} (${number})`;
    taken.add(name);
    return { ...one, name };
  });
}
