import { type Manifest, type ManifestSource, parseManifests } from '../../istio/manifest.ts';
import { groupOf, type KubeObject } from '../../istio/objects.ts';
import { missingObjects } from '../asserted-routes/entry-points.ts';
import { RouteConfig } from '../route-config.ts';

/** With what a file of asserted routes leaves to others. */
export function withMissingObjects(given: readonly ManifestSource[], namespace: string) {
  const manifests = parseManifests(given);
  const { objects, notes } = missingObjects(new RouteConfig(withNamespaces(manifests, namespace)));
  const last = manifestsByIdentity(manifests, namespace);
  const twice = manifests.filter((manifest) => last.get(identityOf(manifest, namespace)) !== manifest);
  return {
    sources: [...given, { name: 'what was made for the cases', text: manifestText(objects) }],
    notes: [
      ...twice.map((manifest) => `${manifest.whereIs([])}: the same object comes again later, and replaces this one`),
      ...notes,
    ],
  };
}

/** The objects of manifests, each with its namespace. */
export function withNamespaces(manifests: Iterable<Manifest>, namespace: string): KubeObject[] {
  return [...manifests].map(({ object }) => ({ ...object, metadata: { namespace, ...object.metadata } }));
}

/** Objects as the text of a manifest. */
export function manifestText(objects: readonly object[]): string {
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

/** Manifests by what tells their objects apart: of several for one object the last, as in a cluster. */
export function manifestsByIdentity(manifests: readonly Manifest[], namespace: string): Map<string, Manifest> {
  return new Map(manifests.map((manifest) => [identityOf(manifest, namespace), manifest]));
}

function identityOf({ object }: Manifest, namespace: string): string {
  const { kind, metadata } = object;
  return [groupOf(object), kind, metadata.namespace ?? namespace, metadata.name].join(' ');
}
