import { setTimeout as sleep } from 'node:timers/promises';
import type { Observation, ObserveRequest } from '../istio/live/observation.ts';
import type { MeshState } from '../page/model/mesh-page-data.ts';
import { MeshModel } from './mesh-model.ts';

/** Time between two samples, in milliseconds. */
const intervalMs = 1000;

/** Source of the samples: a mesh on this machine. */
export interface SampledMesh {
  readonly name: string;
  readonly kind: MeshState['kind'];
  /** Called when the first page opens, and when the last one closes. */
  setWatched?(isWatched: boolean): void;
  observe(request: ObserveRequest, signal: AbortSignal): Promise<Observation>;
  /** Returns the URL of a node on this machine. */
  urlOf(id: string): string | undefined;
}

/** Sampler of a mesh for all its pages. It has a timer only while pages are open. */
export class Sampler {
  readonly model: MeshModel;
  private readonly mesh: SampledMesh;
  private readonly signal: AbortSignal;
  private readonly onState: (state: MeshState) => void;
  private sampling: Promise<void> | undefined;
  private sampledMs = Number.NEGATIVE_INFINITY;
  private running: AbortController | undefined;
  private problem: string | undefined;

  /** @param onState called with each new state while the sampler runs */
  constructor(mesh: SampledMesh, onState: (state: MeshState) => void, signal: AbortSignal) {
    this.mesh = mesh;
    this.model = new MeshModel(mesh.name, mesh.kind);
    this.onState = onState;
    this.signal = signal;
  }

  /** Begins or ends the samples. */
  setRunning(isRunning: boolean): void {
    if (isRunning === (this.running !== undefined)) return;
    this.mesh.setWatched?.(isRunning);
    this.running?.abort();
    this.running = isRunning ? new AbortController() : undefined;
    if (this.running !== undefined) void this.repeat(AbortSignal.any([this.signal, this.running.signal]));
  }

  /** Returns the state of the mesh, which is a second old at most. */
  async current(): Promise<MeshState> {
    if (performance.now() - this.sampledMs >= intervalMs) await this.sample();
    return this.state;
  }

  /** Takes a sample that begins now, for what must be newer than a change that the caller knows. */
  async refresh(): Promise<void> {
    await this.sampling;
    await this.sample();
  }

  private get state(): MeshState {
    return this.model.state((id) => this.mesh.urlOf(id), this.problem);
  }

  private async repeat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.sample();
      if (signal.aborted) return;
      this.onState(this.state);
      await sleep(intervalMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Takes a sample. Calls at the same time share one. */
  private sample(): Promise<void> {
    this.sampling ??= this.takeSample().finally(() => {
      this.sampling = undefined;
    });
    return this.sampling;
  }

  private async takeSample(): Promise<void> {
    try {
      this.model.add(await this.mesh.observe(this.model.known, this.signal));
      this.problem = undefined;
    } catch (error) {
      if (!this.signal.aborted) this.problem = `the mesh does not answer: ${(error as Error).message}`;
    }
    this.sampledMs = performance.now();
  }
}
