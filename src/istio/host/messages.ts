import type { ErrorCode } from '../../error/error-code.ts';
import type { Observation, ObserveRequest } from '../live/observation.ts';
import type { ApplyOptions, ApplyReport } from '../local-mesh/local-mesh.ts';
import type { LocalMeshOptions } from '../local-mesh/start-local-mesh.ts';
import type { Entry } from '../node/entries.ts';
import type {
  BehaviourChange,
  MeshObjects,
  PodProgress,
  PodStats,
  PodStatus,
  ProxyDump,
  ReadinessChange,
} from '../node/pod-status.ts';
import type { ManifestSource } from '../resources/manifest.ts';
import type { MachinePort } from './machine-ports.ts';

/** Options of a local mesh that the host process sends to the controller. */
export interface StartOptions extends Omit<LocalMeshOptions, 'onEntries' | 'onProgress'> {
  /** URL of the mesh's page, which the host process serves. */
  readonly pageUrl?: string;
}

/** Message from the host process to the controller in the mesh's namespaces. */
export type ToController =
  | { readonly kind: 'start'; readonly options: StartOptions }
  /** Comes with a listening server of the machine as its handle. */
  | { readonly kind: 'listener'; readonly id: string; readonly port: MachinePort }
  /** Confirms an `entries` message, after all listeners for its entries. */
  | { readonly kind: 'listening'; readonly version: number };

/** Message from the controller to the host process. */
export type FromController =
  | { readonly kind: 'started'; readonly report: ApplyReport; readonly pods: readonly PodStatus[] }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }
  /** Requests a listener for each entry that has none. The version grows with each message. */
  | { readonly kind: 'entries'; readonly entries: readonly Entry[]; readonly version: number }
  /** Reports that more pods are ready, or others. */
  | { readonly kind: 'progress'; readonly progress: PodProgress }
  /** Reports that a program of the mesh has ended unexpectedly. */
  | { readonly kind: 'program-ended'; readonly name: string }
  /** Requests the end of the mesh, after a `down` on the control socket. */
  | { readonly kind: 'down' };

/** Request to a running mesh on its control socket. */
export type ControlRequest =
  | ({ readonly kind: 'apply'; readonly sources: readonly ManifestSource[] } & ApplyOptions)
  | { readonly kind: 'delete'; readonly sources: readonly ManifestSource[]; readonly namespace?: string }
  /** Waits until everything is in effect that any program has applied so far. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'set-behaviour'; readonly change: BehaviourChange }
  | { readonly kind: 'set-readiness'; readonly change: ReadinessChange }
  | { readonly kind: 'status' }
  | { readonly kind: 'stats' }
  | { readonly kind: 'objects' }
  /** Requests the configuration of each proxy, as files in a folder; only of the pods `NAMESPACE/NAME` if given. */
  | { readonly kind: 'dumps'; readonly folder: string; readonly pods?: readonly string[] }
  /** Requests the state of the mesh for its page, and what is new. */
  | ({ readonly kind: 'observe' } & ObserveRequest)
  /** Requests a kubeconfig for programs on this machine. */
  | { readonly kind: 'kubeconfig' }
  | { readonly kind: 'down' };

/** Answer to a request on the control socket. */
export type ControlAnswer =
  | { readonly kind: 'applied'; readonly report: ApplyReport }
  | { readonly kind: 'done' }
  | {
      readonly kind: 'status';
      readonly pods: readonly PodStatus[];
      readonly ports: readonly MachinePort[];
      /** URL of the mesh's page; absent if it has none. */
      readonly pageUrl?: string;
    }
  | { readonly kind: 'stats'; readonly stats: readonly PodStats[] }
  | { readonly kind: 'objects'; readonly objects: MeshObjects }
  | { readonly kind: 'dumps'; readonly pods: readonly ProxyDump[] }
  | { readonly kind: 'observed'; readonly observation: Observation }
  | { readonly kind: 'kubeconfig'; readonly text: string }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

/** Kind of the answer to each kind of request, if it does not fail. */
export const answerKinds = {
  apply: 'applied',
  delete: 'applied',
  wait: 'applied',
  'set-behaviour': 'done',
  'set-readiness': 'done',
  status: 'status',
  stats: 'stats',
  objects: 'objects',
  dumps: 'dumps',
  observe: 'observed',
  kubeconfig: 'kubeconfig',
  down: 'done',
} as const satisfies Record<ControlRequest['kind'], ControlAnswer['kind']>;

/** Answer to a request that does not fail. */
export type AnswerTo<Request extends ControlRequest> = Extract<
  ControlAnswer,
  { readonly kind: (typeof answerKinds)[Request['kind']] }
>;
