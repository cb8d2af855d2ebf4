import { type ManifestSource, parseManifests } from '../resources/manifest.ts';
import { manifestsByIdentity } from '../resources/manifest-identity.ts';
import { type KubeObject, kubectlName } from '../resources/objects.ts';
import { parseFieldPath, scalars } from './field-path.ts';

/**
 * Puts `FILE:LINE:COLUMN: ` before each note that begins with the name of an object of the manifests: the place of the
 * field that the note is about, or else of the object. A note stays as it is if several objects have its name.
 *
 * @param namespace namespace of objects without one; undefined if only the mesh knows it
 * @example
 * withPlaces(['service/a: the selector app=b matches no pod'], sources, 'default');
 * // ['k8s/a.yaml:1:1: service/a: the …']
 */
export function withPlaces(
  notes: readonly string[],
  sources: readonly ManifestSource[],
  namespace: string | undefined,
): string[] {
  if (notes.length === 0) return [];
  const manifests = manifestsByIdentity(parseManifests(sources), namespace ?? '').values();
  const byName = Map.groupBy(manifests, ({ object }) => kubectlName(object));
  return notes.map((note) => {
    const [, name = '', message = ''] = /^(\S+\/[^\s:]+)(?: and \d+ other objects)?: (.*)$/s.exec(note) ?? [];
    const [manifest, ...others] = byName.get(name) ?? [];
    if (manifest === undefined || others.length > 0) return note;
    return `${manifest.whereIs(fieldOf(message, manifest.object))}: ${note}`;
  });
}

/** Text of a note that quotes the value of a field, and the names that the field may have. */
const quotes: readonly (readonly [text: RegExp, fields: readonly string[]])[] = [
  [/^no DestinationRule defines the subset (\S+) of /, ['subset']],
  [/^no Service or ServiceEntry is named (\S+?)(?: in \S+)?:/, ['host', 'hosts', 'name']],
  [/^no Gateway is named (?:[^\s:/]+\/)?([^\s:/]+):/, ['gateways']],
  [/^subset ([^\s:]+): no pod of /, ['name']],
  [/^nothing in the local mesh answers at (\S+),/, ['address', 'ip', 'hosts', 'externalName', 'addresses']],
];

/** Returns the path of the first field that a note is about; empty if it names none. */
function fieldOf(message: string, { spec }: KubeObject): readonly string[] {
  const [, unknown] = /^unknown field "([^"]+)"/.exec(message) ?? [];
  if (unknown !== undefined) return parseFieldPath(unknown);
  for (const [text, fields] of quotes) {
    const value = text.exec(message)?.[1];
    if (value === undefined) continue;
    for (const [path, found] of scalars(spec, ['spec']))
      if (found === value && fields.includes(path.findLast((part) => !/^\d+$/.test(part)) ?? '')) return path;
  }
  return message.startsWith('the selector ') && hasField(spec, 'selector') ? ['spec', 'selector'] : [];
}

function hasField(value: unknown, field: string): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, field);
}
