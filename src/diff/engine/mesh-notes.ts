import { withPlaces } from '../../istio/apply/note-places.ts';
import type { ApplyReport } from '../../istio/local-mesh/local-mesh.ts';
import type { ManifestSource } from '../../istio/resources/manifest.ts';

/**
 * Returns that proxies do not find hosts by DNS: requests to these fail on both sides.
 *
 * @param clusters Envoy's names of the clusters
 */
export function unresolvedNotes(clusters: ReadonlySet<string>): string[] {
  const hosts = [...new Set([...clusters].map((cluster) => cluster.split('|')[3] ?? cluster))];
  return hosts.map((host) => `not found by DNS: ${host}; it was waited for, and requests to it have no callee`);
}

/** Warnings about a snapshot, and what the mesh leaves out of it. */
export type MeshReport = Pick<ApplyReport, 'warnings' | 'leftOut'>;

/**
 * Returns what the mesh leaves out of a snapshot, with places in files.
 *
 * @param namespace namespace of objects without one
 */
export function leftOutNotes(
  { leftOut }: Pick<MeshReport, 'leftOut'>,
  sources: readonly ManifestSource[],
  namespace: string,
): string[] {
  return withPlaces(leftOut, sources, namespace).map((note) => `not run: ${note}`);
}

/**
 * Returns the warnings and left-out parts that only the later one of two snapshots has, with places in its files.
 *
 * @param namespace namespace of objects without one
 */
export function newNotes(
  before: MeshReport,
  after: MeshReport,
  sources: readonly ManifestSource[],
  namespace: string,
): { readonly leftOut: string[]; readonly warnings: string[] } {
  const leftOut = after.leftOut.filter((note) => !before.leftOut.includes(note));
  const warnings = after.warnings.filter((note) => !before.warnings.includes(note));
  return {
    leftOut: leftOutNotes({ leftOut }, sources, namespace),
    warnings: withPlaces(warnings, sources, namespace),
  };
}
