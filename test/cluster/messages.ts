import type { NodeOptions } from './node-options.ts';

/** Message from the test's process to the process of the node. */
export type ToNode =
  | { readonly kind: 'start'; readonly options: NodeOptions }
  /** Comes with a listener of the machine as its handle. Its connections go to a port of the node. */
  | { readonly kind: 'forward'; readonly port: number };

/** Message from the process of the node to the test's process. */
export type FromNode =
  | { readonly kind: 'step'; readonly step: string }
  | { readonly kind: 'started' }
  | { readonly kind: 'failed'; readonly message: string };
