import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import type { ApplyReport } from '../local-mesh/local-mesh.ts';
import { type Entry, entryId } from '../node/entries.ts';
import type { BehaviourChange, MeshObjects, PodStats, PodStatus } from '../node/pod-status.ts';
import type { ManifestSource } from '../resources/manifest.ts';
import { checkMachine, type InstalledTools, installMeshTools } from '../tools/install-tools.ts';
import { askMesh } from './control-client.ts';
import { type FirstPorts, type MachinePort, MachinePorts } from './machine-ports.ts';
import { MeshFolder } from './mesh-folder.ts';
import type { FromController, StartOptions, ToController } from './messages.ts';

export interface MeshOptions extends Omit<StartOptions, 'tools' | 'folder'> {
  /** Name of the mesh, unique on this machine. */
  readonly mesh: string;
  /** First ports of this machine that lead into the mesh. */
  readonly ports: FirstPorts;
  /** Called when a program of the mesh ends unexpectedly, with its name and the folder of logs. */
  readonly onProgramExit?: (name: string, logs: string) => void;
  /** Called with ports that are opened after the start, for applied objects. */
  readonly onPorts?: (ports: readonly MachinePort[]) => void;
}

/** State of a mesh right after its start. */
export interface StartedMesh {
  readonly report: ApplyReport;
  readonly pods: readonly PodStatus[];
}

const startTimeoutMs = 120_000;

/**
 * Local mesh of this process. The mesh runs in a child process with its own namespaces (`controller.ts`). This class is
 * its host on the machine: it owns the mesh's folder and ports. The mesh ends when this process ends in any way.
 */
export class MeshHost implements AsyncDisposable {
  readonly name: string;
  private readonly meshFolder: MeshFolder;
  private readonly controller: ChildProcess;
  private readonly machinePorts: MachinePorts;
  private readonly onProgramExit: NonNullable<MeshOptions['onProgramExit']>;
  private readonly onPorts: NonNullable<MeshOptions['onPorts']>;
  private readonly startedMesh = Promise.withResolvers<StartedMesh>();
  private isStarted = false;
  private isStopping = false;
  /** Listeners that are being sent to the controller. */
  private readonly sentListeners = new Set<Server>();
  /** Resolves when the mesh has ended; rejects if it ended unexpectedly. */
  readonly ended: Promise<void>;

  private constructor(
    { mesh, ports, onProgramExit = () => {}, onPorts = () => {} }: MeshOptions,
    meshFolder: MeshFolder,
  ) {
    this.name = mesh;
    this.meshFolder = meshFolder;
    this.machinePorts = new MachinePorts(ports);
    this.onProgramExit = onProgramExit;
    this.onPorts = onPorts;
    this.controller = spawnController();
    this.ended = this.untilEnd(once(this.controller, 'exit'));
    this.ended.catch((error: unknown) => this.startedMesh.reject(error));
    // Messages are handled in order, so that all ports exist before the mesh counts as started.
    let handled = Promise.resolve();
    this.controller.on('message', (message: FromController) => {
      handled = handled
        .then(() => this.onMessage(message))
        .catch((error: unknown) => {
          this.startedMesh.reject(error);
          this.kill();
        });
    });
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
    const tools = await installMeshTools(signal);
    const meshFolder = await MeshFolder.take(options.mesh);
    const mesh = new MeshHost(options, meshFolder);
    mesh.send({ kind: 'start', options: startOptions(options, tools, meshFolder.path) });
    const timeout = AbortSignal.timeout(startTimeoutMs);
    const onAbort = (): void => mesh.kill();
    const either = AbortSignal.any([signal, timeout]);
    either.addEventListener('abort', onAbort, { once: true });
    if (either.aborted) mesh.kill();
    try {
      return { mesh, started: await mesh.startedMesh.promise };
    } catch (error) {
      await mesh[Symbol.asyncDispose]();
      if (!timeout.aborted) throw error;
      throw new MeshmockError('timeout', `the mesh was not up after ${startTimeoutMs / 1000} s`);
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
   * Applies manifests as `kubectl apply` does, and waits until every sidecar has the change in effect.
   *
   * @throws MeshmockError if something is refused; then nothing has changed
   */
  async apply(sources: readonly ManifestSource[], signal: AbortSignal): Promise<ApplyReport> {
    const { report } = await askMesh(this.name, { kind: 'apply', sources }, signal);
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

  /**
   * Makes the mocks of a service apply directives to every request.
   *
   * @throws MeshmockError `usage` if the service does not exist or the directives are not valid
   */
  async setBehaviour(change: BehaviourChange, signal: AbortSignal): Promise<void> {
    await askMesh(this.name, { kind: 'set-behaviour', change }, signal);
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
        throw new MeshmockError(message.code, message.message);
      case 'entries':
        await this.listenFor(message.entries);
        return this.send({ kind: 'listening', version: message.version });
      case 'started':
        this.isStarted = true;
        return this.startedMesh.resolve({ report: message.report, pods: message.pods });
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
      if (listener !== undefined) await this.sendListener({ kind: 'listener', id, port }, listener);
    }
  }

  /** Sends a listener, and waits until only the controller accepts its connections. */
  private sendListener(message: ToController, listener: Server): Promise<void> {
    const closed = Promise.withResolvers<void>();
    listener.once('close', () => closed.resolve());
    this.send(message, listener);
    return closed.promise;
  }

  private send(message: ToController, listener?: Server): void {
    // The listener must be closed here: otherwise both processes would accept its connections.
    const onSent = (): void => {
      if (listener === undefined) return;
      this.sentListeners.delete(listener);
      listener.close();
    };
    if (listener !== undefined) this.sentListeners.add(listener);
    // The channel of an ended process may still be open. Callbacks of messages that wait in it never run.
    const { connected, exitCode, signalCode } = this.controller;
    if (connected && exitCode === null && signalCode === null) this.controller.send(message, listener, onSent);
    else onSent();
  }

  /** Kills `unshare`, which kills its child. That is the first process of its namespace, so all others end with it. */
  private kill(): void {
    this.isStopping = true;
    this.controller.kill('SIGKILL');
  }

  private async untilEnd(exit: Promise<unknown[]>): Promise<void> {
    const [code] = await exit;
    // An open listener would keep this process alive.
    for (const listener of this.sentListeners) listener.close();
    await this.meshFolder.release();
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
  const { sources, namespace, fill, logRoutes, serveArguments, istio, maxReplicas } = options;
  return {
    tools,
    folder,
    sources,
    namespace,
    fill,
    logRoutes,
    serveArguments,
    ...optional('istio', istio),
    ...optional('maxReplicas', maxReplicas),
  };
}

/** Starts the controller as the first process of its own network, mount and process namespaces. */
function spawnController(): ChildProcess {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const main = fileURLToPath(new URL(`./controller${extension}`, import.meta.url));
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
  // The first process of a namespace must reap orphans. Node reaps only its own children, but a shell reaps all.
  const init = ['sh', '-c', '"$@"; exit $?', 'sh'];
  return spawn('unshare', [...namespaces, ...init, process.execPath, ...process.execArgv, main], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}
