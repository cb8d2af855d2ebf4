import { type Document, isMap, isNode } from 'yaml';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { KubeObject } from './objects.ts';
import { parseYaml } from './yaml-documents.ts';
import { yamlProblem } from './yaml-problem.ts';

/** Text with manifests, and its name. */
export interface ManifestSource {
  /** Name in error messages: the path of a file, or `-`. */
  readonly name: string;
  readonly text: string;
}

/** Object of a file, and the place of its fields. */
export interface Manifest {
  readonly object: KubeObject;
  /** Returns `FILE:LINE:COLUMN` of a field of the object, or of its nearest existing parent. */
  whereIs(path: readonly string[]): string;
}

/**
 * Parses the objects of YAML or JSON documents. A `List` yields its items.
 *
 * @throws MeshmockError `usage` with file, line and column if a text is not YAML or an object lacks a required field
 * @example parseManifests([{ name: 'mesh.yaml', text }]).map(({ object }) => object.kind)
 */
export function parseManifests(sources: readonly ManifestSource[]): Manifest[] {
  return sources.flatMap(({ name, text: given }) => {
    const { text, documents, lines } = parseYaml(given);
    const at = (offset: number): string => {
      const { line, col } = lines.linePos(Math.min(offset, text.length));
      return `${name}:${line}:${col}`;
    };
    return documents.flatMap((document) => {
      const problem = yamlProblem(document);
      if (problem !== undefined) {
        const { line, col } = lines.linePos(Math.min(problem.offset, text.length));
        const place = { text: text.split(/\r?\n/)[line - 1] ?? '', offset: col - 1, expected: problem.expected };
        throw new MeshmockError('usage', `${at(problem.offset)}: ${problem.message}`, { place });
      }
      return objectsOf(document, at);
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

/** @throws MeshmockError `usage` for an alias without an anchor, and if aliases expand to too many nodes */
function contentOf(document: Document, at: (offset: number) => string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    const place = at(document.contents?.range?.[0] ?? 0);
    throw new MeshmockError('usage', `${place}: invalid YAML: ${(error as Error).message}`);
  }
}

function checkedObject(value: unknown, whereIs: Manifest['whereIs']): KubeObject {
  const expected = 'expected a Kubernetes object with apiVersion, kind and metadata.name';
  if (!isRecord(value)) throw new MeshmockError('usage', `${whereIs([])}: ${expected}`);
  const { apiVersion, kind, metadata } = value;
  // istioctl takes IstioOperators without a name.
  if (kind === 'IstioOperator' && metadata === undefined)
    return { ...value, metadata: { name: 'istio' } } as KubeObject;
  const name = isRecord(metadata) ? metadata.name : undefined;
  if (isKustomization(value, whereIs([])))
    throw new MeshmockError(
      'usage',
      `${whereIs([])}: ${typeof kind === 'string' ? kind : 'Kustomization'} is input for kustomize: use the output of \`kubectl kustomize FOLDER\``,
    );
  const missing = Object.entries({ apiVersion, kind, 'metadata.name': name })
    .filter(([, text]) => typeof text !== 'string' || text === '')
    .map(([field]) => field);
  if (typeof name === 'boolean' || typeof name === 'number')
    throw new MeshmockError(
      'usage',
      `${whereIs(['metadata', 'name'])}: metadata.name: expected a string, found a ${typeof name}: put it in quotes`,
    );
  if (missing.length > 0)
    throw new MeshmockError('usage', `${whereIs([])}: ${expected}: missing ${missing.join(', ')}`);
  return value as KubeObject;
}

/** Reports whether a document is input for kustomize, which needs neither apiVersion nor kind in a file with its name. */
function isKustomization({ apiVersion, kind }: Record<string, unknown>, place: string): boolean {
  if (apiVersion === undefined && (kind === undefined || kind === 'Kustomization'))
    return /(?:^|\/)kustomization\.ya?ml:/i.test(place);
  return typeof apiVersion === 'string' && apiVersion.startsWith('kustomize.config.k8s.io/');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the offset of a field's key, or of the nearest existing part of the document. */
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
