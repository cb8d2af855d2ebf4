import path from 'node:path';
import type { Container, PodSpec } from '../../resources/objects.ts';
import { meshmockContainer, mountsOfFiles } from './mock-container.ts';
import { mountOfFile } from './mock-files.ts';

/** Volumes of the containers of a pod. */
interface Volumes {
  /** Returns the folder that has the role of a container's root. */
  rootOf(container: Container): string;
  /** Returns the environment variables of a container. */
  envOf(container: Container): Readonly<Record<string, string>>;
  /** Returns a text that changes with the ConfigMaps and Secrets of a container's volumes. */
  contentsOf(container: Container): string;
  /** Waits until the volumes of a container have other contents, and returns these. */
  waitForOtherContents(container: Container, known: string, signal: AbortSignal): Promise<string>;
}

/** Files of the mock of a pod: those of ConfigMaps and Secrets that its container mounts, and its settings name. */
export class MockVolumes {
  private readonly spec: PodSpec;
  private readonly volumes: Volumes;
  private readonly writeVolumesOf: (container: Container, signal: AbortSignal) => Promise<void>;

  /** @param writeVolumesOf writes the volumes of a container, as soon as their sources exist */
  constructor(
    spec: PodSpec,
    volumes: Volumes,
    writeVolumesOf: (container: Container, signal: AbortSignal) => Promise<void>,
  ) {
    this.spec = spec;
    this.volumes = volumes;
    this.writeVolumesOf = writeVolumesOf;
  }

  /** Writes the files, and again whenever their sources change until the signal is aborted. */
  async write(signal: AbortSignal): Promise<void> {
    const { spec } = this;
    const container = meshmockContainer(spec);
    const volumeMounts = container && mountsOfFiles(container, spec, this.volumes.envOf(container));
    if (container === undefined || volumeMounts === undefined || volumeMounts.length === 0) return;
    const mounted = { ...container, volumeMounts };
    const written = this.volumes.contentsOf(mounted);
    await this.writeVolumesOf(mounted, signal);
    void this.follow(mounted, written, signal);
  }

  private async follow(container: Container, first: string, signal: AbortSignal): Promise<void> {
    let written = first;
    try {
      while (!signal.aborted) {
        written = await this.volumes.waitForOtherContents(container, written, signal);
        await this.writeVolumesOf(container, signal);
      }
    } catch {
      // The pod has stopped, or the API server has: then the mesh ends.
    }
  }

  /** Returns the place of a file of a container on this machine, or undefined if it is in no such volume. */
  placeOf(container: Container, file: string): string | undefined {
    const mount = mountOfFile(this.spec, container, file);
    return mount === undefined ? undefined : path.join(this.volumes.rootOf(container), file);
  }
}
