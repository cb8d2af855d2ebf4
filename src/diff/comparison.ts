import type { Difference } from './difference.ts';
import type { Observation } from './observation.ts';
import type { Caller, Probe } from './probe.ts';
import type { SecretMarks } from './secret-values.ts';

/** Something that requests cannot show or that could not be made, with the reason. */
export interface NotCompared {
  /** Subject, such as an edge, a condition or an object. */
  readonly subject: string;
  readonly reason: string;
}

/** Numbers for the first line of a report. */
export interface ComparisonCounts {
  /** Number of all edges of the mesh, by a caller and a host; of running meshes, those with requests that were compared. */
  readonly edges: number;
  /** Number of those whose configuration differs; undefined for running meshes, which do not show it. */
  readonly changedEdges: number | undefined;
  /** Number of hosts at the ports of gateways. */
  readonly gateways: number;
  readonly changedGateways: number | undefined;
  readonly requests: number;
}

/** Edges to one destination, or one host at a gateway, whose configuration differs. */
export interface ChangedEdges {
  /** Callers and destination, such as `web, cart → stock`. */
  readonly edge: string;
  /** Number of edges: each has one caller. */
  readonly count: number;
  /** True if a request to them differs. */
  readonly differs: boolean;
}

/** Everything that a report shows. */
export interface Comparison {
  /** Texts in the place of secrets. */
  readonly secrets: SecretMarks;
  readonly counts: ComparisonCounts;
  /** Edges and hosts at gateways whose configuration differs; none for running meshes, which do not show it. */
  readonly changedEdges: readonly ChangedEdges[];
  /** All workloads of the mesh that may call, those without probes too: the report says "all callers" only of all. */
  readonly callers: readonly Caller[];
  /** All probes that were compared, the equal ones too: the report says "any" only if all of an edge differ. */
  readonly probes: readonly Probe[];
  readonly differences: readonly Difference[];
  readonly notCompared: readonly NotCompared[];
  /** Warnings about NEW that OLD does not have, with places in files: they often explain a difference. */
  readonly warnings: readonly string[];
  /** Time of each phase, in milliseconds, in order. */
  readonly phases: readonly { readonly name: string; readonly durationMs: number }[];
  /** Observations of both sides by the id of their probe, for `--explain` and for written cases. */
  readonly observations: ReadonlyMap<string, { readonly before: Observation; readonly after: Observation }>;
}
