/** Routes, subsets and policy rules of a file's manifests that its cases do not cover. */
export interface Coverage {
  readonly untested: readonly CoveragePart[];
  /** Parts whose coverage cannot be determined. */
  readonly unknown: readonly (CoveragePart & { readonly reason: string })[];
}

/** A route, a subset or a policy rule. */
export interface CoveragePart {
  /** Title of its object, such as `VirtualService reviews`. */
  readonly object: string;
  /** Title within the object, such as `route 2, to v3`. Numbers start at 1. */
  readonly part: string;
  /** Place of the part, as `FILE:LINE:COLUMN`. */
  readonly where: string;
}
