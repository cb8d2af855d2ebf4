import { isDeepStrictEqual } from 'node:util';
import { manifestsByIdentity } from '../../cases/meshes/file-objects.ts';
import type { Manifest } from '../../istio/resources/manifest.ts';
import { namespaceOf } from '../../istio/resources/objects.ts';
import type { Cause } from '../model.ts';

/** Objects that differ between two snapshots, and their places in files. */
export class CauseFinder {
  private readonly before: ReadonlyMap<string, Manifest>;
  private readonly after: ReadonlyMap<string, Manifest>;
  private readonly changed: readonly Manifest[];

  constructor(before: readonly Manifest[], after: readonly Manifest[], namespace: string) {
    this.before = manifestsByIdentity(before, namespace);
    this.after = manifestsByIdentity(after, namespace);
    const identities = new Set([...this.after.keys(), ...this.before.keys()]);
    this.changed = [...identities].flatMap((identity) => {
      const [one, other] = [this.before.get(identity), this.after.get(identity)];
      const isEqual = isDeepStrictEqual(one?.object, other?.object);
      return isEqual ? [] : [other ?? one].filter((found) => found !== undefined);
    });
  }

  /**
   * Returns causes that differ between the snapshots, each with its place in a file. If none of them does and a single
   * object differs, it is the cause.
   */
  placed(causes: readonly Cause[]): Cause[] {
    const found = causes.flatMap((cause) => {
      const manifest = this.changed.find(({ object }) => isSame(cause, object));
      return manifest === undefined ? [] : [{ ...cause, where: lineOf(manifest, cause.place) }];
    });
    if (found.length > 0) return found;
    const [only, another] = this.changed;
    if (only === undefined || another !== undefined) return [...causes];
    const { kind, metadata } = only.object;
    return [
      {
        kind,
        namespace: namespaceOf(only.object),
        name: metadata.name,
        place: undefined,
        where: lineOf(only, undefined),
      },
    ];
  }
}

function isSame({ kind, namespace, name }: Cause, object: Manifest['object']): boolean {
  return (
    object.kind === kind && object.metadata.name === name && (object.metadata.namespace ?? namespace) === namespace
  );
}

/** Returns FILE:LINE of a place in an object, such as `http[0].timeout`. */
function lineOf({ whereIs }: Manifest, place: string | undefined): string {
  const path =
    place === undefined || place.startsWith('route ')
      ? []
      : ['spec', ...place.split(/[.[\]]+/).filter((part) => part !== '')];
  return whereIs(path).replace(/:\d+$/, '');
}
