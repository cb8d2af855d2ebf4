import {
  type Document,
  type DocumentOptions,
  isMap,
  isNode,
  LineCounter,
  parseAllDocuments,
  type SchemaOptions,
} from 'yaml';
import { MeshmockError } from '../error/meshmock-error.ts';
import type { KubeObject } from './objects.ts';
import { yamlProblem } from './yaml-problem.ts';

/** A text with manifests and what stands before each of its errors: a file's path, or `-`. */
export interface ManifestSource {
  readonly name: string;
  readonly text: string;
}

/** An object as it stands in a file. */
export interface Manifest {
  readonly object: KubeObject;
  /** `FILE:LINE:COLUMN` of a field of the object, or of what there is of it. */
  whereIs(path: readonly string[]): string;
}

/**
 * As sigs.k8s.io/yaml reads it, and with it kubectl and Istio: YAML 1.1, in which `yes` is no text and `<<` merges, but
 * without its numbers to the base of 60 and its times, and a number has a digit: `exportTo: .` is a text.
 */
const kubernetesYaml: DocumentOptions & SchemaOptions = {
  version: '1.1',
  customTags: (tags) =>
    tags
      .filter((one) => typeof one === 'string' || (one.tag !== 'tag:yaml.org,2002:timestamp' && one.format !== 'TIME'))
      .map((one) =>
        typeof one !== 'string' && 'test' in one && one.test?.test('.')
          ? { ...one, test: /^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)$/ }
          : one,
      ),
};

/**
 * Reads the objects of YAML (or JSON) documents; a `List` is the objects in it.
 *
 * @throws MeshmockError `usage` with file, line and column
 */
export function parseManifests(sources: readonly ManifestSource[]): Manifest[] {
  return sources.flatMap(({ name, text }) => {
    const lines = new LineCounter();
    const documents = parseAllDocuments(text, { ...kubernetesYaml, lineCounter: lines, prettyErrors: false });
    const at = (offset: number): string => {
      const { line, col } = lines.linePos(Math.min(offset, text.length));
      return `${name}:${line}:${col}`;
    };
    return documents.flatMap((document) => {
      const problem = yamlProblem(document as Document);
      if (problem !== undefined) {
        const { line, col } = lines.linePos(Math.min(problem.offset, text.length));
        const place = { text: text.split(/\r?\n/)[line - 1] ?? '', offset: col - 1, expected: problem.expected };
        throw new MeshmockError('usage', `${at(problem.offset)}: ${problem.message}`, { place });
      }
      return objectsOf(document as Document, at);
    });
  });
}

function objectsOf(document: Document, at: (offset: number) => string): Manifest[] {
  if (document.contents === null) return [];
  const value = contentOf(document, at);
  if (value === null) return [];
  const isList = isRecord(value) && value.kind === 'List' && Array.isArray(value.items);
  const found = isList
    ? (value.items as unknown[]).map((item, index) => ({ item, base: ['items', String(index)] }))
    : [{ item: value, base: [] }];
  return found.map(({ item, base }) => {
    const whereIs = (path: readonly string[]): string => at(offsetOf(document, [...base, ...path]));
    return { object: checkedObject(item, whereIs), whereIs };
  });
}

/** @throws MeshmockError `usage` for an alias of nothing, and for aliases of aliases without end */
function contentOf(document: Document, at: (offset: number) => string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    const place = at(document.contents?.range?.[0] ?? 0);
    throw new MeshmockError('usage', `${place}: this is no YAML: ${(error as Error).message}`);
  }
}

function checkedObject(value: unknown, whereIs: Manifest['whereIs']): KubeObject {
  const expected = 'expected a Kubernetes object with apiVersion, kind and metadata.name';
  if (!isRecord(value)) throw new MeshmockError('usage', `${whereIs([])}: ${expected}`);
  const { apiVersion, kind, metadata } = value;
  const name = isRecord(metadata) ? metadata.name : undefined;
  if (typeof apiVersion === 'string' && apiVersion.startsWith('kustomize.config.k8s.io/'))
    throw new MeshmockError(
      'usage',
      `${whereIs([])}: ${String(kind)} is for kustomize: give what \`kubectl kustomize\` prints of its folder`,
    );
  const missing = Object.entries({ apiVersion, kind, 'metadata.name': name })
    .filter(([, text]) => typeof text !== 'string' || text === '')
    .map(([field]) => field);
  if (missing.length > 0)
    throw new MeshmockError('usage', `${whereIs([])}: ${expected}: there is no ${missing.join(', no ')}`);
  return value as KubeObject;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The offset of the key of a field, else of the nearest part of the document that stands there. */
function offsetOf(document: Document, path: readonly string[]): number {
  const field = path.at(-1);
  const parent = document.getIn(path.slice(0, -1), true);
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }) => String(key) === field);
    if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? 0;
  }
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}
