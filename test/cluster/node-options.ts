import type { Image } from './image.ts';

/** Folders of the programs that a node consists of. */
export interface ClusterTools {
  readonly kube: string;
  readonly coredns: string;
  readonly containerd: string;
  readonly etcd: string;
  readonly kubectl: string;
}

/** Settings of a cluster's node. */
export interface NodeOptions {
  /** Folder for all files of the node. It is removed when the node ends. The node's cgroups have its name. */
  readonly folder: string;
  readonly tools: ClusterTools;
  /** Topology zone of the node, and so of its pods. */
  readonly zone: string;
  /** Images that pods may use. */
  readonly images: readonly Image[];
}
