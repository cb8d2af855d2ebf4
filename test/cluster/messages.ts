import type { Image } from './image.ts';
import type { ClusterTools } from './node-programs.ts';

/** What a cluster's node is to be. */
export interface NodeOptions {
  /** For all that it writes; it is removed when the node ends, and its name is that of the node's cgroups. */
  readonly folder: string;
  readonly tools: ClusterTools;
  /** The zone that it says it is in, and so the pods on it. */
  readonly zone: string;
  /** That its pods may have. */
  readonly images: readonly Image[];
}

export type ToNode =
  | { readonly kind: 'start'; readonly options: NodeOptions }
  /** Comes with a listener of the machine: its connections are to go to a port of the node. */
  | { readonly kind: 'forward'; readonly port: number };

export type FromNode =
  | { readonly kind: 'step'; readonly step: string }
  | { readonly kind: 'started' }
  | { readonly kind: 'failed'; readonly message: string };
