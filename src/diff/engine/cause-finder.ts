import { isDeepStrictEqual } from 'node:util';
import { manifestsByIdentity } from '../../cases/meshes/file-objects.ts';
import type { Manifest } from '../../istio/resources/manifest.ts';
import { namespaceOf } from '../../istio/resources/objects.ts';
import type { Cause } from '../model.ts';

/** Objects that differ between two snapshots, and their places in files. */
export class CauseFinder {
  private readonly changed: readonly ChangedObject[];

  constructor(before: readonly Manifest[], after: readonly Manifest[], namespace: string) {
    const [old, recent] = [manifestsByIdentity(before, namespace), manifestsByIdentity(after, namespace)];
    const identities = new Set([...recent.keys(), ...old.keys()]);
    this.changed = [...identities].flatMap((identity) => {
      const [one, other] = [old.get(identity), recent.get(identity)];
      const manifest = other ?? one;
      const isEqual = isDeepStrictEqual(one?.object, other?.object);
      return isEqual || manifest === undefined ? [] : [{ manifest, before: one?.object, after: other?.object }];
    });
  }

  /**
   * Returns causes that differ between the snapshots, each with its place in a file. Those whose place itself differs are
   * first: a request that a changed route no longer matches gets an answer from another route, which is the same as
   * before. If none of the causes differs, the cause is the single object that does. If several do, it is unknown.
   */
  placed(causes: readonly Cause[]): Cause[] {
    const found = causes.flatMap((cause) => {
      const object = this.changed.find(({ manifest }) => isSame(cause, manifest.object));
      if (object === undefined) return [];
      const isChanged = !isDeepStrictEqual(partOf(object.before, cause.place), partOf(object.after, cause.place));
      return [{ isChanged, cause: { ...cause, where: lineOf(object.manifest, cause.place) } }];
    });
    if (found.length > 0)
      return found.toSorted((one, other) => Number(other.isChanged) - Number(one.isChanged)).map(({ cause }) => cause);
    const [only, another] = this.changed;
    if (only === undefined || another !== undefined) return [];
    const { kind, metadata } = only.manifest.object;
    const namespace = namespaceOf(only.manifest.object);
    return [{ kind, namespace, name: metadata.name, place: undefined, where: lineOf(only.manifest, undefined) }];
  }
}

/** Object that differs between the snapshots; `manifest` is the later one's, if it has the object. */
interface ChangedObject {
  readonly manifest: Manifest;
  readonly before: Manifest['object'] | undefined;
  readonly after: Manifest['object'] | undefined;
}

function isSame({ kind, namespace, name }: Cause, object: Manifest['object']): boolean {
  return (
    object.kind === kind && object.metadata.name === name && (object.metadata.namespace ?? namespace) === namespace
  );
}

/** Returns FILE:LINE of a place in an object, such as `http[0].timeout`. */
function lineOf({ whereIs }: Manifest, place: string | undefined): string {
  return whereIs(pathOf(place)).replace(/:\d+$/, '');
}

/** Returns the value of a place in an object; the object itself without one. */
function partOf(object: Manifest['object'] | undefined, place: string | undefined): unknown {
  return pathOf(place).reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object);
}

function pathOf(place: string | undefined): string[] {
  if (place === undefined || place.startsWith('route ')) return [];
  return ['spec', ...place.split(/[.[\]]+/).filter((part) => part !== '')];
}
