import { isDeepStrictEqual } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { type ManifestSource, parseManifests } from '../../../src/istio/resources/manifest.ts';
import type { KubeObject } from '../../../src/istio/resources/objects.ts';

/** Returns manifests that mean the same as others: these once more, and in the other forms that differ from them. */
export function equalForms(
  sources: readonly ManifestSource[],
): { readonly form: string; readonly sources: readonly ManifestSource[] }[] {
  const split = sources.map(splitUp);
  return [
    { form: 'the same', sources },
    { form: 'in another form', sources: sources.map(inAnotherForm) },
    { form: 'with other names', sources: sources.map(withOtherNames) },
    ...(isDeepStrictEqual(split, sources) ? [] : [{ form: 'split up', sources: split }]),
  ];
}

/** Returns the same objects with their fields in reverse order, and a comment. */
function inAnotherForm({ name, text }: ManifestSource): ManifestSource {
  const documents = parseAllDocuments(text).map((document) => JSON.stringify(reversed(document.toJS())));
  return { name, text: ['# the same', ...documents].join('\n---\n') };
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([field, one]) => [field, reversed(one)]),
  );
}

/** Objects of these kinds are not referred to by their names. */
const renamedKinds = new Set([
  'VirtualService',
  'DestinationRule',
  'ServiceEntry',
  'AuthorizationPolicy',
  'PeerAuthentication',
  'RequestAuthentication',
  'HTTPRoute',
  'TCPRoute',
]);

/** Returns the same objects with other names, where nothing refers to the name. */
function withOtherNames(source: ManifestSource): ManifestSource {
  return mapObjects(source, (object) =>
    renamedKinds.has(object.kind)
      ? [{ ...object, metadata: { ...object.metadata, name: `${object.metadata.name}-renamed` } }]
      : [object],
  );
}

/**
 * Returns the same rules in more VirtualServices: one for each host, or for each condition at a gateway. Sidecars use one
 * VirtualService of a host only. A source without such rules stays as it is.
 */
export function splitUp(source: ManifestSource): ManifestSource {
  const split = (object: KubeObject): KubeObject[] =>
    object.kind === 'VirtualService' ? parts(object as Routes) : [object];
  const isWhole = parseManifests([source]).every(({ object }) => split(object).length === 1);
  return isWhole ? source : mapObjects(source, split);
}

interface Routes extends KubeObject {
  readonly spec: {
    readonly hosts?: readonly string[];
    readonly gateways?: readonly string[];
    readonly http?: readonly { readonly match?: readonly unknown[] }[];
  };
}

function parts(object: Routes): Routes[] {
  const { hosts = [], gateways = ['mesh'], http = [] } = object.spec;
  const named = (index: number): KubeObject['metadata'] => ({
    ...object.metadata,
    name: `${object.metadata.name}-${index}`,
  });
  if (hosts.length > 1)
    return hosts.map((host, index) => ({ ...object, metadata: named(index), spec: { ...object.spec, hosts: [host] } }));
  const conditions = http.flatMap(({ match = [], ...route }) => match.map((one) => ({ ...route, match: [one] })));
  const isSplit = !gateways.includes('mesh') && http.every(({ match = [] }) => match.length > 0);
  if (!isSplit || conditions.length < 2) return [object];
  return conditions.map((route, index) => ({
    ...object,
    metadata: named(index),
    spec: { ...object.spec, http: [route] },
  }));
}

function mapObjects(source: ManifestSource, map: (object: KubeObject) => readonly KubeObject[]): ManifestSource {
  const objects = parseManifests([source]).flatMap(({ object }) => map(object));
  return { name: source.name, text: objects.map((object) => JSON.stringify(object)).join('\n---\n') };
}
