import { type Manifest, type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { identityOf, manifestsByIdentity } from '../../istio/resources/manifest-identity.ts';
import type { KubeObject } from '../../istio/resources/objects.ts';
import { missingObjects } from '../asserted-routes/entry-points.ts';
import type { CaseFile } from '../case.ts';
import { entryClients } from '../entry-clients.ts';
import { RouteConfig } from '../route-config.ts';

/** Manifests of a file, and notes about them for the user. */
export interface NotedSources {
  readonly sources: readonly ManifestSource[];
  readonly notes: readonly string[];
}

/** Adds the objects that asserted routes need and the manifests do not have, such as clients and Gateways. */
export function withMissingObjects(given: readonly ManifestSource[], namespace: string): NotedSources {
  const manifests = parseManifests(given);
  const { objects, notes } = missingObjects(new RouteConfig(withNamespaces(manifests, namespace)));
  const applied = manifestsByIdentity(manifests, namespace);
  const replaced = manifests.filter((manifest) => applied.get(identityOf(manifest, namespace)) !== manifest);
  return {
    sources: [...given, { name: 'objects added for the cases', text: manifestText(objects) }],
    notes: [
      ...replaced.map(({ whereIs }) => `${whereIs([])}: a later object of this kind and name replaces this one`),
      ...notes,
    ],
  };
}

/** Adds the pods in which cases of a file begin, and that its manifests do not have. */
export function withEntryClients(given: readonly ManifestSource[], file: CaseFile): readonly ManifestSource[] {
  const clients = entryClients(file, withNamespaces(parseManifests(given), file.namespace));
  return clients.length === 0 ? given : [...given, { name: 'clients of the cases', text: manifestText(clients) }];
}

/** Returns the objects of manifests, each with its namespace. */
export function withNamespaces(manifests: Iterable<Manifest>, namespace: string): KubeObject[] {
  return [...manifests].map(({ object }) => ({ ...object, metadata: { namespace, ...object.metadata } }));
}

/** Formats objects as the text of a manifest. */
export function manifestText(objects: readonly object[]): string {
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}
