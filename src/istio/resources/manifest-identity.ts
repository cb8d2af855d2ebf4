import type { Manifest } from './manifest.ts';
import { groupOf } from './objects.ts';

/**
 * Maps the group, kind, namespace and name of each object to its manifest. A later manifest replaces an earlier one.
 *
 * @param namespace namespace of objects without one
 */
export function manifestsByIdentity(manifests: readonly Manifest[], namespace: string): Map<string, Manifest> {
  return new Map(manifests.map((manifest) => [identityOf(manifest, namespace), manifest]));
}

/** Returns a text that only manifests of the same object have. */
export function identityOf({ object }: Manifest, namespace: string): string {
  const { kind, metadata } = object;
  return [groupOf(object), kind, metadata.namespace ?? namespace, metadata.name].join(' ');
}
