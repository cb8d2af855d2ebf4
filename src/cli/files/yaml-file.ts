import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  parseDocument,
  type Range,
} from 'yaml';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { TextPlace } from '../../error/text-place.ts';
import { yamlProblem } from '../../istio/yaml-problem.ts';

/** The fields of a map by their names. */
export type Fields = ReadonlyMap<string, Node>;

/** A file of settings in YAML, read field by field; what is wrong in it is shown with line, column and caret. */
export class YamlFile {
  private readonly text: string;
  private readonly file: string;
  private readonly lines: LineCounter;
  private readonly document: Document.Parsed;

  /**
   * @param file stands before each error, with line and column
   * @throws MeshmockError `usage` when the text is no YAML
   */
  constructor(text: string, file: string, { lines, document } = parsedOne(text)) {
    this.text = text;
    this.file = file;
    this.lines = lines;
    this.document = document;
    const problem = yamlProblem(this.document);
    if (problem !== undefined)
      throw this.fail(problem.offset, problem.message, this.placeOf(problem.offset, problem.expected));
  }

  /** The documents of a text that may have several; those in which nothing stands are left out. @throws MeshmockError `usage` */
  static all(text: string, file: string): YamlFile[] {
    const lines = new LineCounter();
    const documents = parseAllDocuments(text, optionsWith(lines)) as Document.Parsed[];
    return documents
      .map((document) => new YamlFile(text, file, { lines, document }))
      .filter(({ contents }) => contents !== null && !(isScalar(contents) && contents.value === ''));
  }

  get contents(): Node | null {
    return this.document.contents;
  }

  /**
   * The fields of a map, each with a value.
   *
   * @throws MeshmockError `usage` when it is none, or has others than the known ones
   */
  fields(node: Node | null | undefined, known: readonly string[], expected: string): Fields {
    const fields = this.entries(node, expected);
    for (const [name, { key }] of fields)
      if (!known.includes(name)) throw this.errorAt(key, `one of ${known.join(', ')}`);
    return new Map([...fields].map(([name, { value }]) => [name, value]));
  }

  /** The entries of a map whose names are the writer's. @throws MeshmockError `usage` when it is none */
  entries(
    node: Node | null | undefined,
    expected: string,
  ): ReadonlyMap<string, { readonly key: Node; readonly value: Node }> {
    const map = this.resolved(node);
    if (!isMap(map)) throw this.errorAt(node, expected);
    const entries = new Map<string, { readonly key: Node; readonly value: Node }>();
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (value === null) throw this.errorAt(key as Node, `a value for ${name}`);
      entries.set(name, { key: key as Node, value: value as Node });
    }
    return entries;
  }

  /** The entries of a list. @throws MeshmockError `usage` when it is none or empty */
  list(node: Node | undefined, example: string): readonly Node[] {
    const list = this.resolved(node);
    if (!isSeq(list) || list.items.length === 0)
      throw this.errorAt(node, `a list with at least one entry, such as "- ${example}"`);
    return list.items as Node[];
  }

  /** Whether a node is a list, or an alias of one. */
  isList(node: Node): boolean {
    return isSeq(this.resolved(node));
  }

  /**
   * What a parser makes of the text of a scalar.
   *
   * @throws MeshmockError `usage` that says where it stands, when the parser throws one
   */
  parseScalar<T>(node: Node, parse: (value: string) => T, expected = 'a single value'): T {
    const scalar = this.resolved(node);
    if (!isScalar(scalar) || scalar.value === '') throw this.errorAt(node, expected);
    try {
      return parse(String(scalar.value));
    } catch (error) {
      if (!(error instanceof MeshmockError)) throw error;
      throw this.fail((node.range as Range)[0], error.message, error.place);
    }
  }

  /** The same of a field that may be missing. @throws MeshmockError `usage` */
  optionalScalar<T>(fields: Fields, name: string, parse: (value: string) => T): T | undefined {
    const node = fields.get(name);
    return node === undefined ? undefined : this.parseScalar(node, parse);
  }

  /** What is read of a field that may be missing and is no scalar. @throws MeshmockError `usage` */
  optionalNode<T>(fields: Fields, name: string, read: (node: Node) => T): T | undefined {
    const node = fields.get(name);
    return node === undefined ? undefined : read(node);
  }

  /** A field that a map has to have. @throws MeshmockError `usage` when it has not */
  required(map: Node, fields: Fields, name: string, example: string): Node {
    const found = fields.get(name);
    if (found === undefined) throw this.errorAt(map, `${name}, such as "${name}: ${example}"`);
    return found;
  }

  /** An error at a node, or at the start of the file. */
  errorAt(node: Node | null | undefined, expected: string): MeshmockError {
    const offset = node?.range?.[0] ?? 0;
    return this.fail(offset, `expected ${expected}`, this.placeOf(offset, expected));
  }

  /** `FILE:LINE:COLUMN` of a node. */
  whereIs(node: Node): string {
    return this.at(node.range?.[0] ?? 0);
  }

  /** What an alias (`*name`) stands for. */
  private resolved(node: Node | null | undefined): Node | null | undefined {
    return isAlias(node) ? node.resolve(this.document) : node;
  }

  private placeOf(offset: number, expected: string): TextPlace {
    const { line, col } = this.lines.linePos(Math.min(offset, this.text.length));
    return { text: this.text.split(/\r?\n/)[line - 1] ?? '', offset: col - 1, expected };
  }

  private fail(offset: number, message: string, place?: TextPlace): MeshmockError {
    return new MeshmockError('usage', `${this.at(offset)}: ${message}`, place === undefined ? {} : { place });
  }

  private at(offset: number): string {
    const { line, col } = this.lines.linePos(Math.min(offset, this.text.length));
    return `${this.file}:${line}:${col}`;
  }
}

// Everything is text, so that a version 1.10 stays one.
function optionsWith(lineCounter: LineCounter) {
  return { lineCounter, prettyErrors: false, schema: 'failsafe' } as const;
}

function parsedOne(text: string): { readonly lines: LineCounter; readonly document: Document.Parsed } {
  const lines = new LineCounter();
  return { lines, document: parseDocument(text, optionsWith(lines)) };
}
