import type { Difference, DifferenceKind } from '../../../../src/diff/difference.ts';
import type { Random } from '../../../random.ts';

/** Service whose objects a mutation changes. */
export interface Site {
  readonly name: string;
  readonly namespace: string;
  /** Host of the Service, such as `cart.default.svc.cluster.local`. */
  readonly host: string;
  readonly versions: readonly string[];
  readonly port: number;
  /** Service that no mutation changes, for routes that lead elsewhere. */
  readonly spare: string;
  /** Two workloads that call, each with its account in the namespace `default`. */
  readonly callers: readonly [string, string];
  /** Namespace of callers other than `default`; undefined if the mesh has one namespace. */
  readonly otherNamespace: string | undefined;
  /** Port of the Service for gRPC, if it has one. */
  readonly grpcPort: number | undefined;
  /** Port of the Service for TCP, if it has one. */
  readonly tcpPort: number | undefined;
  /** Number that is unique in a mesh. */
  readonly number: number;
}

/** Two texts of manifests that differ in one field. */
export interface FieldChange {
  readonly before: string;
  readonly after: string;
}

/** Mutation of one field of one kind of objects. */
export interface FieldMutation {
  readonly kind: string;
  readonly field: string;
  readonly needs?: 'versions' | 'grpc' | 'tcp' | 'namespaces' | 'outside' | 'gateway api';
  readonly change: (site: Site, random: Random) => FieldChange;
  /** Kinds of differences, one of which the report must have. */
  readonly shows: readonly DifferenceKind[];
  /** Hosts that the requests with a difference call; that of the site if not given. */
  readonly hosts?: (site: Site) => readonly string[];
  /** Workload whose calls differ, if the mutation is one of a caller. */
  readonly caller?: (site: Site) => string;
  /** Reason why requests cannot show the field. The report must list it as not compared, with this text. */
  readonly notCompared?: RegExp;
}

/** Mutation at its site. */
export interface PlacedMutation extends FieldChange {
  readonly mutation: FieldMutation;
  readonly site: Site;
}

/** Reports whether a difference is at the place that a mutation changes. */
export function isAtPlace({ mutation, site }: PlacedMutation, { probe: { caller, destination } }: Difference): boolean {
  const workload = mutation.caller?.(site);
  if (workload !== undefined) return caller.kind === 'workload' && caller.name.replace(/-v\d+$/, '') === workload;
  return (mutation.hosts?.(site) ?? [site.host]).includes(destination.host);
}
