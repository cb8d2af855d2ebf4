import type { Manifest } from '../istio/manifest.ts';

/** A route, subset or rule that no request met, or of which nobody can tell. */
export interface CoveragePart {
  /** Such as `VirtualService reviews`. */
  readonly object: string;
  /** Such as `route 2, to v3`; the first is 1. */
  readonly part: string;
  /** `FILE:LINE:COLUMN`. */
  readonly where: string;
}

/** What is known of one part; nothing if it was met. */
export type CoverageFinding = CoveragePart & { readonly reason?: string };

/** An object, as findings about it begin. */
export function objectTitle({ object: { kind, metadata } }: Pick<Manifest, 'object'>): string {
  return metadata.namespace === 'default'
    ? `${kind} ${metadata.name}`
    : `${kind} ${metadata.name} of ${metadata.namespace}`;
}

/** Parts of the manifests that no request met. */
export interface Coverage {
  readonly untested: readonly CoveragePart[];
  readonly unknown: readonly (CoveragePart & { readonly reason: string })[];
}
