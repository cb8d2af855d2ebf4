import type { Entry } from './entries.ts';
import type { ApplyReport, LocalMeshOptions } from './local-mesh.ts';
import type { MachinePort } from './machine-ports.ts';
import type { ManifestSource } from './manifest.ts';
import type { Pod, Service } from './objects.ts';

/** What the process on the machine tells the one in the namespaces, which has a controller's part. */
export type ToController =
  | { readonly kind: 'start'; readonly start: StartMessage }
  /** With the listening server as the handle. */
  | { readonly kind: 'listening'; readonly id: string; readonly port: MachinePort }
  /** After the listeners that came of them: which entries they were for. */
  | { readonly kind: 'listened'; readonly turn: number };

/** What a bed is to be; what it tells goes by messages. */
export type StartMessage = Omit<LocalMeshOptions, 'onEntries'>;

/** What the controller tells the process on the machine. */
export type FromController =
  | { readonly kind: 'started'; readonly report: ApplyReport; readonly pods: readonly PodStatus[] }
  | { readonly kind: 'failed'; readonly message: string; readonly isMachine: boolean }
  /** Asks for listeners on the machine; an entry that has one keeps it. Each has a higher turn than the one before. */
  | { readonly kind: 'entries'; readonly entries: readonly Entry[]; readonly turn: number }
  | { readonly kind: 'lost'; readonly name: string }
  /** Somebody called `down`. */
  | { readonly kind: 'down' };

export interface PodStatus {
  readonly name: string;
  readonly namespace: string;
  readonly service: string;
  readonly version: string;
  readonly address: string;
  readonly role: 'mock' | 'gateway';
  readonly hasSidecar: boolean;
  readonly http: readonly number[];
  readonly grpc: readonly number[];
}

/** What the proxy of a pod has counted, in Prometheus's format. */
export interface PodStats {
  /** `NAMESPACE/NAME`. */
  readonly pod: string;
  readonly stats: string;
}

/** Objects of the mesh that receive requests, with those that the mesh added itself. */
export interface MeshObjects {
  readonly services: readonly Service[];
  readonly pods: readonly Pod[];
}

/** Requests to the control socket and what they are answered with. */
export interface ControlRequest {
  readonly command: 'apply' | 'delete' | 'behave' | 'down' | 'status' | 'stats' | 'objects';
  readonly sources: readonly ManifestSource[];
  /** Of objects that say none; the one that the mesh was started with if not given. */
  readonly namespace?: string;
  readonly behaviour?: Behaviour;
}

/** What the mocks of a service are to do with every request; without directives what their manifests say. */
export interface Behaviour {
  /** By the name of its Service, or what its mocks call themselves. */
  readonly service: string;
  /** Of a name that says none; `default` if not given. */
  readonly namespace?: string;
  readonly directives?: string;
}

export type ControlAnswer =
  | {
      readonly ok: true;
      readonly report?: ApplyReport;
      readonly pods?: readonly PodStatus[];
      readonly ports?: readonly MachinePort[];
      readonly stats?: readonly PodStats[];
      readonly objects?: MeshObjects;
    }
  | { readonly ok: false; readonly message: string };

/** An entry's name in messages. */
export function entryId({ name, kind, protocol, port }: Pick<Entry, 'name' | 'kind' | 'protocol' | 'port'>): string {
  return [kind, name, protocol, port ?? ''].join(' ');
}
