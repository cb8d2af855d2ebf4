import { withoutServerFields } from '../../istio/apply/server-fields.ts';
import type { Manifest } from '../../istio/resources/manifest.ts';
import { manifestsByIdentity } from '../../istio/resources/manifest-identity.ts';
import { type ChangedPart, changedParts } from './changed-parts.ts';

/** Object that differs between two snapshots. */
export interface ChangedObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly before: Manifest | undefined;
  readonly after: Manifest | undefined;
  readonly parts: readonly ChangedPart[];
}

/**
 * Returns the objects that differ between two snapshots.
 *
 * @param namespace namespace of objects that name none
 */
export function changedObjects(
  before: readonly Manifest[],
  after: readonly Manifest[],
  namespace: string,
): ChangedObject[] {
  const [old, recent] = [manifestsByIdentity(before, namespace), manifestsByIdentity(after, namespace)];
  const identities = new Set([...recent.keys(), ...old.keys()]);
  return [...identities].flatMap((identity) => changedObject(old.get(identity), recent.get(identity), namespace));
}

function changedObject(before: Manifest | undefined, after: Manifest | undefined, namespace: string): ChangedObject[] {
  const object = (after ?? before)?.object;
  if (object === undefined) return [];
  const parts = changedParts(fieldsOf(before), fieldsOf(after));
  if (parts.length === 0) return [];
  const { kind, metadata } = object;
  return [{ kind, namespace: metadata.namespace ?? namespace, name: metadata.name, before, after, parts }];
}

/** Returns an object without what a cluster writes into it, as `kubectl get -o yaml` prints it. */
function fieldsOf(manifest: Manifest | undefined): object | undefined {
  return manifest === undefined ? undefined : withoutServerFields(manifest.object);
}
