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
import { ErrorList } from '../../error/error-list.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import { suggestionFor } from '../../error/suggestion.ts';
import type { SourcePlace, TextPlace } from '../../error/text-place.ts';
import { yamlProblem } from '../../istio/resources/yaml-problem.ts';

/** Fields of a map, by name. */
export type Fields = ReadonlyMap<string, Node>;

/** Entry of a map, with the node of its key for errors. */
export interface MapEntry {
  readonly key: Node;
  readonly value: Node;
}

/**
 * Reader of a YAML document, field by field. Its errors have the file, line and column, and a caret.
 *
 * @example
 * const yaml = new YamlFile('name: a\nreplicas: 2', 'mesh.yaml');
 * const fields = yaml.fields(yaml.contents, ['name', 'replicas'], 'a service');
 * yaml.optionalScalar(fields, 'replicas', Number); // 2
 */
export class YamlFile {
  private readonly text: string;
  private readonly file: string;
  private readonly lines: LineCounter;
  private readonly document: Document.Parsed;

  /**
   * @param file path of the file, for errors
   * @throws MeshmockError `usage` when the text is not one valid document
   */
  constructor(text: string, file: string, { lines, document } = parseOneDocument(text)) {
    this.text = text;
    this.file = file;
    this.lines = lines;
    this.document = document;
    const problem = yamlProblem(this.document);
    if (problem !== undefined)
      throw this.error(problem.offset, problem.message, this.placeOf(problem.offset, problem.expected));
  }

  /** Returns a reader for each document of a text, except for empty documents. @throws MeshmockError `usage` */
  static all(text: string, file: string): YamlFile[] {
    const lines = new LineCounter();
    const documents = parseAllDocuments(text, yamlOptions(lines)) as Document.Parsed[];
    return documents
      .map((document) => new YamlFile(text, file, { lines, document }))
      .filter(({ contents }) => contents !== null && !(isScalar(contents) && contents.value === ''));
  }

  get contents(): Node | null {
    return this.document.contents;
  }

  /**
   * Reads the fields of a map.
   *
   * @param expected description of the map, for errors
   * @throws MeshmockError `usage` when the node is not a map, or has an unknown field or a field without a value
   */
  fields(node: Node | null | undefined, known: readonly string[], expected: string): Fields {
    const entries = this.entries(node, expected);
    const errors = new ErrorList();
    for (const [name, { key }] of entries) if (!known.includes(name)) errors.add(this.unknownField(key, name, known));
    errors.throwIfAny();
    return new Map([...entries].map(([name, { value }]) => [name, value]));
  }

  /**
   * Reads the fields of a map as `fields` does, and keeps errors about unknown ones.
   *
   * @throws MeshmockError `usage` when the node is not a map
   */
  knownFields(node: Node | null | undefined, known: readonly string[], expected: string, errors: ErrorList): Fields {
    const fields = new Map<string, Node>();
    for (const [name, { key, value }] of this.entries(node, expected)) {
      if (known.includes(name)) fields.set(name, value);
      else errors.add(this.unknownField(key, name, known));
    }
    return fields;
  }

  private unknownField(key: Node, name: string, known: readonly string[]): MeshmockError {
    const nearest = suggestionFor(name, known);
    const suggested = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
    return this.errorAt(key, `one of ${known.join(', ')}`, suggested);
  }

  /**
   * Reads the entries of a map with any keys.
   *
   * @param expected description of the map, for errors
   * @throws MeshmockError `usage` when the node is not a map, or has a key without a value
   */
  entries(node: Node | null | undefined, expected: string): ReadonlyMap<string, MapEntry> {
    const map = this.resolveAlias(node);
    if (!isMap(map)) throw this.errorAt(node, expected);
    const entries = new Map<string, MapEntry>();
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (value === null) throw this.errorAt(key as Node, `a value for ${name}`);
      entries.set(name, { key: key as Node, value: value as Node });
    }
    return entries;
  }

  /** Reads the items of a list. @throws MeshmockError `usage` when the node is not a list, or an empty one */
  list(node: Node | undefined, example: string): readonly Node[] {
    const list = this.resolveAlias(node);
    if (!isSeq(list) || list.items.length === 0)
      throw this.errorAt(node, `a list with at least one entry, such as "- ${example}"`);
    return list.items as Node[];
  }

  /** Reports whether a node is a list, or an alias of one. */
  isList(node: Node): boolean {
    return isSeq(this.resolveAlias(node));
  }

  /**
   * Parses the text of a scalar.
   *
   * @param expected description of the scalar, for a node that is not one
   * @throws MeshmockError `usage` with the place of the scalar, when the parser throws a MeshmockError
   */
  parseScalar<T>(node: Node, parse: (value: string) => T, expected = 'a single value'): T {
    const scalar = this.resolveAlias(node);
    if (!isScalar(scalar) || scalar.value === '') throw this.errorAt(node, expected);
    try {
      return parse(String(scalar.value));
    } catch (error) {
      if (!(error instanceof MeshmockError)) throw error;
      const [offset] = node.range as Range;
      throw this.error(offset, error.message, error.place ?? this.placeOf(offset, ''));
    }
  }

  /** Returns the text of a scalar, which may be empty. @throws MeshmockError `usage` when the node is not a scalar */
  textOf(node: Node): string {
    const scalar = this.resolveAlias(node);
    if (!isScalar(scalar)) throw this.errorAt(node, 'a single value');
    return String(scalar.value ?? '');
  }

  /** Parses the scalar of an optional field. Returns undefined without it. @throws MeshmockError `usage` */
  optionalScalar<T>(fields: Fields, name: string, parse: (value: string) => T): T | undefined {
    return this.optionalNode(fields, name, (node) => this.parseScalar(node, parse));
  }

  /** Reads the node of an optional field. Returns undefined without it. @throws MeshmockError `usage` */
  optionalNode<T>(fields: Fields, name: string, read: (node: Node) => T): T | undefined {
    const node = fields.get(name);
    return node === undefined ? undefined : read(node);
  }

  /**
   * Returns the node of a required field.
   *
   * @param map the map of the fields, for the place of the error
   * @throws MeshmockError `usage` when the field is missing
   */
  required(map: Node, fields: Fields, name: string, example: string): Node {
    const node = fields.get(name);
    if (node === undefined) throw this.errorAt(map, `the field ${name}, such as "${name}: ${example}"`);
    return node;
  }

  /**
   * Returns an error at a node, or at the start of the file.
   *
   * @param suggestion end of the message
   */
  errorAt(node: Node | null | undefined, expected: string, suggestion = ''): MeshmockError {
    const offset = node?.range?.[0] ?? 0;
    return this.error(offset, `expected ${expected}${suggestion}`, this.placeOf(offset, expected));
  }

  /** Returns `FILE:LINE:COLUMN` of a node. */
  whereIs(node: Node): string {
    return this.positionOf(node.range?.[0] ?? 0);
  }

  /** Returns the place of a node, for errors that are found later. */
  placeIn(node: Node): SourcePlace {
    const { text, offset } = this.placeOf(node.range?.[0] ?? 0, '');
    return { where: this.whereIs(node), text, offset };
  }

  /** Returns the node that an alias (`*name`) refers to; other nodes unchanged. */
  resolveAlias(node: Node | null | undefined): Node | null | undefined {
    return isAlias(node) ? node.resolve(this.document) : node;
  }

  private placeOf(offset: number, expected: string): TextPlace {
    const { line, col } = this.lines.linePos(Math.min(offset, this.text.length));
    return { text: this.text.split(/\r?\n/)[line - 1] ?? '', offset: col - 1, expected };
  }

  private error(offset: number, message: string, place: TextPlace | undefined): MeshmockError {
    return new MeshmockError('usage', `${this.positionOf(offset)}: ${message}`, optional('place', place));
  }

  private positionOf(offset: number): string {
    const { line, col } = this.lines.linePos(Math.min(offset, this.text.length));
    return `${this.file}:${line}:${col}`;
  }
}

/** Reads every scalar as text, so that the version 1.10 does not become 1.1. */
function yamlOptions(lineCounter: LineCounter) {
  return { lineCounter, prettyErrors: false, schema: 'failsafe' } as const;
}

function parseOneDocument(text: string): { readonly lines: LineCounter; readonly document: Document.Parsed } {
  const lines = new LineCounter();
  return { lines, document: parseDocument(text, yamlOptions(lines)) };
}
