import type { KubeObject } from '../../istio/resources/objects.ts';
import type { CoveragePart } from '../coverage-result.ts';

/** A part of the manifests that no request is known to cover. */
export type CoverageFinding =
  | { readonly kind: 'untested'; readonly part: CoveragePart }
  | { readonly kind: 'unknown'; readonly part: CoveragePart; readonly reason: string };

/** Returns a finding: with a reason it is unknown, without one it is untested. */
export function findingOf(part: CoveragePart, reason: string | undefined): CoverageFinding {
  return reason === undefined ? { kind: 'untested', part } : { kind: 'unknown', part, reason };
}

/** Returns the title of an object in findings, such as `VirtualService reviews of shop`. */
export function objectTitle({ kind, metadata: { name, namespace } }: KubeObject): string {
  return namespace === 'default' ? `${kind} ${name}` : `${kind} ${name} of ${namespace}`;
}
