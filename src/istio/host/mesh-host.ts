import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import type { Observation, ObserveRequest } from '../live/observation.ts';
import type { ApplyReport } from '../local-mesh/local-mesh.ts';
import { type Entry, entryId } from '../node/entries.ts';
import type {
  BehaviourChange,
  MeshObjects,
  PodProgress,
  PodStats,
  PodStatus,
  ProxyDump,
  ReadinessChange,
} from '../node/pod-status.ts';
import { lastLines } from '../process/ready.ts';
import { isRootless } from '../process/user-namespace.ts';
import type { ManifestSource } from '../resources/manifest.ts';
import { checkMachine } from '../tools/check-machine.ts';
import { inotifyWarningHere } from '../tools/inotify-limit.ts';
import { type InstalledTools, installMeshTools } from '../tools/install-tools.ts';
import { askMesh } from './control-client.ts';
import { ControllerProcess } from './controller-process.ts';
import { waitForEndedPods } from './ended-pods.ts';
import { type FirstPorts, type MachinePort, MachinePorts } from './machine-ports.ts';
import { MeshFolder } from './mesh-folder.ts';
import { innerFolderOf } from './mesh-places.ts';
import type { FromController, StartOptions } from './messages.ts';
import { StallTimeout } from './stall-timeout.ts';

export interface MeshOptions extends Omit<StartOptions, 'tools' | 'folder'> {
  /** Name of the mesh, unique on this machine. */
  readonly mesh: string;
  /** Tools of the mesh; installed if not given. */
  readonly tools?: InstalledTools;
  /** First ports of this machine that lead into the mesh. */
  readonly ports: FirstPorts;
  /** Called when a program of the mesh ends unexpectedly, with its name and the folder of logs. */
  readonly onProgramExit?: (name: string, logs: string) => void;
  /** Called during the start whenever pods become ready. */
  readonly onProgress?: (progress: PodProgress) => void;
  /** Called with ports that are opened after the start, for applied objects. */
  readonly onPorts?: (ports: readonly MachinePort[]) => void;
}

/** State of a mesh right after its start. */
export interface StartedMesh {
  readonly report: ApplyReport;
  readonly pods: readonly PodStatus[];
}

/** Maximum time of a start in which no further pod becomes ready. */
const startStallMs = 120_000;

/**
 * Local mesh of this process. The mesh runs in a child process with its own namespaces (`controller.ts`). This class is
 * its host on the machine: it owns the mesh's folder and ports. The mesh ends when this process ends in any way.
 */
export class MeshHost implements AsyncDisposable {
  readonly name: string;
  private readonly meshFolder: MeshFolder;
  private readonly controller: ControllerProcess;
  private readonly machinePorts: MachinePorts;
  private readonly onProgramExit: NonNullable<MeshOptions['onProgramExit']>;
  private readonly onPorts: NonNullable<MeshOptions['onPorts']>;
  private readonly onProgress: NonNullable<MeshOptions['onProgress']>;
  private progress: PodProgress = { pods: 0, ready: 0 };
  private readonly startedMesh = Promise.withResolvers<StartedMesh>();
  private stall: StallTimeout | undefined;
  private dumpCount = 0;
  private isStarted = false;
  private hasWarned = false;
  private isStopping = false;
  /** Resolves when the mesh has ended; rejects if it ended unexpectedly. */
  readonly ended: Promise<void>;

  private constructor(
    { mesh, ports, onProgramExit = () => {}, onPorts = () => {}, onProgress = () => {} }: MeshOptions,
    meshFolder: MeshFolder,
  ) {
    this.name = mesh;
    this.meshFolder = meshFolder;
    this.machinePorts = new MachinePorts(ports);
    this.onProgramExit = onProgramExit;
    this.onProgress = onProgress;
    this.onPorts = onPorts;
    // Messages are handled in order, so that all ports exist before the mesh counts as started.
    let handled = Promise.resolve();
    this.controller = new ControllerProcess({ outer: meshFolder.path, inner: innerFolderOf(mesh) }, (message) => {
      // The controller ends after this message, so that listeners sent to it are never closed.
      if (message.kind === 'failed') this.startedMesh.reject(new MeshmockError(message.code, message.message));
      handled = handled
        .then(() => this.onMessage(message))
        .catch((error: unknown) => {
          this.startedMesh.reject(error);
          this.kill();
        });
    });
    this.ended = this.untilEnd();
    this.ended.catch((error: unknown) => this.startedMesh.reject(error));
  }

  /**
   * Starts a mesh and waits until each of its sidecars serves.
   *
   * @throws MeshmockError `machine` if this machine lacks something
   * @throws MeshmockError `conflict` if the name of the mesh or a port is taken
   * @throws MeshmockError `usage` if a manifest is not valid
   * @throws MeshmockError `unavailable` or `timeout` if the mesh does not come up
   * @example
   *   const { mesh, started } = await MeshHost.start(options, signal);
   *   await mesh.apply([{ name: 'policy.yaml', text }], signal);
   */
  static async start(options: MeshOptions, signal: AbortSignal): Promise<{ mesh: MeshHost; started: StartedMesh }> {
    checkMachine();
    const tools = options.tools ?? (await installMeshTools(signal));
    const meshFolder = await MeshFolder.take(options.mesh);
    const mesh = new MeshHost(options, meshFolder);
    mesh.controller.send({ kind: 'start', options: startOptions(options, tools, innerFolderOf(options.mesh)) });
    using timeout = new StallTimeout(startStallMs);
    mesh.stall = timeout;
    const onAbort = (): void => mesh.kill();
    const either = AbortSignal.any([signal, timeout.signal]);
    either.addEventListener('abort', onAbort, { once: true });
    if (either.aborted) mesh.kill();
    try {
      return { mesh, started: await mesh.startedMesh.promise };
    } catch (error) {
      // Logs are removed with the mesh.
      const state = timeout.signal.aborted ? stateOfPods(mesh.progress, meshFolder.path) : undefined;
      await mesh[Symbol.asyncDispose]();
      if (state === undefined) throw error;
      throw new MeshmockError(
        'timeout',
        `the mesh is not up, and nothing advanced for ${startStallMs / 1000} s: ${state}`,
      );
    } finally {
      either.removeEventListener('abort', onAbort);
    }
  }

  /** Folder of the mesh, with its logs. It is removed when the mesh ends. */
  get folder(): string {
    return this.meshFolder.path;
  }

  /** Ports of this machine that lead to the current entries. */
  get ports(): readonly MachinePort[] {
    return this.machinePorts.all;
  }

  /**
   * Applies manifests as `kubectl apply` does, and waits until every sidecar has the change in effect and the pods that it
   * replaced have ended.
   *
   * @param removed manifests whose objects are deleted before, as `delete` does
   * @throws MeshmockError if something is refused; then nothing has changed, but removed objects stay removed
   */
  async apply(
    sources: readonly ManifestSource[],
    signal: AbortSignal,
    removed: readonly ManifestSource[] = [],
  ): Promise<ApplyReport> {
    const { report } = await askMesh(this.name, { kind: 'apply', sources, removed }, signal);
    await waitForEndedPods(async () => (await this.objects(signal)).pods, signal);
    return report;
  }

  /**
   * Deletes objects as `kubectl delete --ignore-not-found` does, and waits until no sidecar uses them.
   *
   * @throws MeshmockError `usage` if a manifest is not valid
   */
  async delete(sources: readonly ManifestSource[], signal: AbortSignal): Promise<ApplyReport> {
    const { report } = await askMesh(this.name, { kind: 'delete', sources }, signal);
    return report;
  }

  /** Waits until every sidecar has in effect what any program, such as kubectl, has applied or deleted so far. */
  async inEffect(signal: AbortSignal): Promise<ApplyReport> {
    const { report } = await askMesh(this.name, { kind: 'wait' }, signal);
    return report;
  }

  /**
   * Makes the mocks of a service apply directives to every request.
   *
   * @throws MeshmockError `usage` if the service does not exist or the directives are not valid
   */
  async setBehaviour(change: BehaviourChange, signal: AbortSignal): Promise<void> {
    await askMesh(this.name, { kind: 'set-behaviour', change }, signal);
  }

  /**
   * Lets the readiness probes of a service's mocks succeed or fail, and waits until no proxy routes to pods that are not ready.
   *
   * @throws MeshmockError `usage` if the service does not exist
   */
  async setReadiness(change: ReadinessChange, signal: AbortSignal): Promise<void> {
    await askMesh(this.name, { kind: 'set-readiness', change }, signal);
  }

  /** Reads the counters of all proxies: of clusters, routes and filters, with Envoy's names for Prometheus. */
  async stats(signal: AbortSignal): Promise<readonly PodStats[]> {
    const { stats } = await askMesh(this.name, { kind: 'stats' }, signal);
    return stats;
  }

  /** Returns the Services and pods of the mesh, with those that it added, such as gateways and mocks. */
  async objects(signal: AbortSignal): Promise<MeshObjects> {
    const { objects } = await askMesh(this.name, { kind: 'objects' }, signal);
    return objects;
  }

  /**
   * Writes the configuration of each proxy into a new folder of the mesh, which is removed with the mesh.
   *
   * @param wanted pods whose configuration is written, as `NAMESPACE/NAME`; all if not given
   */
  async dumps(signal: AbortSignal, wanted?: readonly string[]): Promise<readonly ProxyDump[]> {
    const folder = path.join(this.folder, 'dumps', String(this.dumpCount++));
    const { pods } = await askMesh(this.name, { kind: 'dumps', folder, ...optional('pods', wanted) }, signal);
    return pods;
  }

  /** Returns the state of the mesh for its page, and what is new since the last call. */
  async observe(request: ObserveRequest, signal: AbortSignal): Promise<Observation> {
    const { observation } = await askMesh(this.name, { kind: 'observe', ...request }, signal);
    return observation;
  }

  /** Returns a kubeconfig of the mesh's API server, for programs on this machine. */
  async kubeconfig(signal: AbortSignal): Promise<string> {
    const { text } = await askMesh(this.name, { kind: 'kubeconfig' }, signal);
    return text;
  }

  /** Ends the mesh at once, and removes everything that it made. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    // `ended` already reports an unexpected end.
    await this.ended.catch(() => {});
  }

  private async onMessage(message: FromController): Promise<void> {
    switch (message.kind) {
      case 'failed':
        return this.kill();
      case 'entries':
        await this.listenFor(message.entries);
        return this.controller.send({ kind: 'listening', version: message.version });
      case 'started':
        this.isStarted = true;
        return this.startedMesh.resolve({ report: message.report, pods: message.pods });
      case 'progress':
        this.progress = message.progress;
        this.warnOfInotify();
        this.stall?.advance();
        return this.isStarted ? undefined : this.onProgress(message.progress);
      case 'program-ended':
        return this.onProgramExit(message.name, path.join(this.folder, 'logs'));
      case 'down':
        return this.kill();
    }
  }

  private async listenFor(entries: readonly Entry[]): Promise<void> {
    const listeners = await this.machinePorts.listenFor(entries, !this.isStarted);
    if (this.isStarted && listeners.size > 0)
      this.onPorts(this.ports.filter(({ entry }) => listeners.has(entryId(entry))));
    for (const port of this.ports) {
      const id = entryId(port.entry);
      const listener = listeners.get(id);
      if (listener !== undefined) await this.controller.sendListener({ kind: 'listener', id, port }, listener);
    }
  }

  /** Says once that this user may not watch as many files as the proxies of the mesh do. */
  private warnOfInotify(): void {
    if (this.hasWarned || !isRootless()) return;
    const warning = inotifyWarningHere(this.progress.pods);
    this.hasWarned = warning !== undefined;
    if (warning !== undefined) process.stderr.write(`meshmock: ${warning}\n`);
  }

  private kill(): void {
    this.isStopping = true;
    this.controller.kill();
  }

  private async untilEnd(): Promise<void> {
    const code = await this.controller.exited;
    this.meshFolder.release();
    // Before its start, a mesh ends by itself only if this machine does not allow something, such as namespaces.
    if (!this.isStopping)
      throw new MeshmockError(
        this.isStarted ? 'unavailable' : 'machine',
        `the mesh ended unexpectedly (exit code ${String(code)})`,
      );
    this.startedMesh.reject(new MeshmockError('unavailable', 'the mesh was ended before it was up'));
  }
}

function startOptions(options: MeshOptions, tools: InstalledTools, folder: string): StartOptions {
  const {
    sources,
    namespace,
    fill,
    unfilled,
    logRoutes,
    serveArguments,
    istio,
    maxReplicas,
    workloadEntries,
    pageUrl,
  } = options;
  return {
    tools,
    folder,
    sources,
    namespace,
    fill,
    logRoutes,
    serveArguments,
    ...optional('unfilled', unfilled),
    ...optional('istio', istio),
    ...optional('workloadEntries', workloadEntries),
    ...optional('maxReplicas', maxReplicas),
    ...optional('pageUrl', pageUrl),
  };
}

/** Says how many pods are ready. If none is, the end of the log says why: istiod is the first pod. */
function stateOfPods({ pods, ready }: PodProgress, folder: string): string {
  if (ready > 0) return `${ready} of ${pods} pods are ready`;
  const logs = path.join(folder, 'logs');
  const [log] = [...globSync(path.join(logs, '*.istiod.log')), path.join(logs, 'control-plane.log')].filter(existsSync);
  return ['istiod is not ready; the end of its log:', ...(log === undefined ? [] : lastLines(log))].join('\n');
}
