import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MeshmockError } from '../error/meshmock-error.ts';
import { askMesh } from './control-client.ts';
import type { Entry } from './entries.ts';
import type { ApplyReport } from './local-mesh.ts';
import { type FirstPorts, type MachinePort, MachinePorts } from './machine-ports.ts';
import type { ManifestSource } from './manifest.ts';
import { MeshFolder } from './mesh-folder.ts';
import {
  type Behaviour,
  entryId,
  type FromController,
  type MeshObjects,
  type PodStats,
  type PodStatus,
  type StartMessage,
  type ToController,
} from './messages.ts';
import { checkMachine, installMeshTools } from './tools.ts';

export interface MeshOptions extends Omit<StartMessage, 'tools' | 'folder'> {
  /** Tells meshes on one machine apart. */
  readonly mesh: string;
  /** From where on this machine's ports lead into the mesh. */
  readonly ports: FirstPorts;
  /** Told when a program of the mesh ends that should not. */
  readonly onProgramExit?: (name: string, logs: string) => void;
  /** Told of ports that come later, for what was applied. */
  readonly onPorts?: (ports: readonly MachinePort[]) => void;
}

/** How a mesh is at its start. */
export interface StartedMesh {
  readonly report: ApplyReport;
  readonly pods: readonly PodStatus[];
}

const longestStartMs = 120_000;

/** A mesh without a cluster that this process has brought up: it ends with it, however that ends. */
export class MeshHost implements AsyncDisposable {
  readonly name: string;
  private readonly place: MeshFolder;
  private readonly controller: ChildProcess;
  private readonly machine: MachinePorts;
  private readonly onProgramExit: NonNullable<MeshOptions['onProgramExit']>;
  private readonly onPorts: NonNullable<MeshOptions['onPorts']>;
  private readonly startedMesh = Promise.withResolvers<StartedMesh>();
  private isStarted = false;
  private isStopping = false;
  /** Listeners that are on their way to the controller. */
  private readonly handedOver = new Set<Server>();
  /** Resolves when it has ended; rejects when it did so by itself. */
  readonly ended: Promise<void>;

  private constructor({ mesh, ports, onProgramExit = () => {}, onPorts = () => {} }: MeshOptions, place: MeshFolder) {
    this.name = mesh;
    this.place = place;
    this.machine = new MachinePorts(ports);
    this.onProgramExit = onProgramExit;
    this.onPorts = onPorts;
    this.controller = spawnController();
    this.ended = this.untilEnd(once(this.controller, 'exit'));
    this.ended.catch((error: unknown) => this.startedMesh.reject(error));
    // One after the other: ports are there before the start is told.
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
   * Brings up a mesh, and waits until each of its sidecars serves.
   *
   * @throws MeshmockError `machine` when this machine lacks something or a port is taken, `usage` when a manifest is refused
   */
  static async start(options: MeshOptions, signal: AbortSignal): Promise<{ mesh: MeshHost; started: StartedMesh }> {
    checkMachine();
    const tools = await installMeshTools(signal);
    const place = await MeshFolder.take(options.mesh);
    const mesh = new MeshHost(options, place);
    const { sources, namespace, fill, logRoutes, serveArguments } = options;
    const start = { tools, folder: place.path, sources, namespace, fill, logRoutes, serveArguments };
    mesh.tell({ kind: 'start', start });
    const late = AbortSignal.timeout(longestStartMs);
    const onAbort = (): void => mesh.kill();
    const either = AbortSignal.any([signal, late]);
    either.addEventListener('abort', onAbort, { once: true });
    if (either.aborted) mesh.kill();
    try {
      return { mesh, started: await mesh.startedMesh.promise };
    } catch (error) {
      await mesh[Symbol.asyncDispose]();
      if (!late.aborted) throw error;
      throw new MeshmockError('usage', `the mesh was not up after ${longestStartMs / 1000} s`);
    } finally {
      either.removeEventListener('abort', onAbort);
    }
  }

  /** For its logs; removed at the end. */
  get folder(): string {
    return this.place.path;
  }

  /** Where it is called from this machine. */
  get ports(): readonly MachinePort[] {
    return this.machine.all;
  }

  /**
   * As `kubectl apply`, and back when every sidecar has it in effect.
   *
   * @throws MeshmockError `usage` when something is refused; then nothing has changed
   */
  async apply(sources: readonly ManifestSource[], signal: AbortSignal): Promise<ApplyReport> {
    return reportOf(await askMesh(this.name, { command: 'apply', sources }, signal));
  }

  /**
   * As `kubectl delete --ignore-not-found`, and back when no sidecar has it in effect any more.
   *
   * @throws MeshmockError `usage`
   */
  async delete(sources: readonly ManifestSource[], signal: AbortSignal): Promise<ApplyReport> {
    return reportOf(await askMesh(this.name, { command: 'delete', sources }, signal));
  }

  /**
   * Makes the mocks of a service do something with every request; without directives what their manifests say.
   *
   * @throws MeshmockError `usage` when there is no such service, or the directives are none
   */
  async setBehaviour(behaviour: Behaviour, signal: AbortSignal): Promise<void> {
    await askMesh(this.name, { command: 'behave', sources: [], behaviour }, signal);
  }

  /** What the proxies have counted: of clusters, routes, filters, in Envoy's names for Prometheus. */
  async stats(signal: AbortSignal): Promise<readonly PodStats[]> {
    const { stats = [] } = await askMesh(this.name, { command: 'stats', sources: [] }, signal);
    return stats;
  }

  /** Returns the Services and pods of the mesh, with those that it added itself, such as gateways and mocks. */
  async objects(signal: AbortSignal): Promise<MeshObjects> {
    const { objects } = await askMesh(this.name, { command: 'objects', sources: [] }, signal);
    if (objects === undefined) throw new MeshmockError('internal', 'the mesh answered without its objects');
    return objects;
  }

  /** Ends all of it at once, and leaves nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    // That it ended by itself before is told by `ended`.
    await this.ended.catch(() => {});
  }

  private async onMessage(message: FromController): Promise<void> {
    switch (message.kind) {
      case 'failed':
        throw new MeshmockError(message.isMachine ? 'machine' : 'usage', message.message);
      case 'entries':
        await this.listenFor(message.entries);
        return this.tell({ kind: 'listened', turn: message.turn });
      case 'started':
        this.isStarted = true;
        return this.startedMesh.resolve({ report: message.report, pods: message.pods });
      case 'lost':
        return this.onProgramExit(message.name, path.join(this.folder, 'logs'));
      case 'down':
        return this.kill();
    }
  }

  private async listenFor(entries: readonly Entry[]): Promise<void> {
    const listeners = await this.machine.listenFor(entries, !this.isStarted);
    if (this.isStarted && listeners.size > 0)
      this.onPorts(this.ports.filter(({ entry }) => listeners.has(entryId(entry))));
    for (const port of this.ports) {
      const id = entryId(port.entry);
      const listener = listeners.get(id);
      if (listener !== undefined) this.tell({ kind: 'listening', id, port }, listener);
    }
  }

  private tell(message: ToController, handle?: Server): void {
    // The listener is the controller's from then on: two processes that have it open would both accept.
    const done = (): void => {
      if (handle === undefined) return;
      this.handedOver.delete(handle);
      handle.close();
    };
    if (handle !== undefined) this.handedOver.add(handle);
    // Of one that has ended the channel may still seem open, and what waits in it is never told to be done.
    const { connected, exitCode, signalCode } = this.controller;
    if (connected && exitCode === null && signalCode === null) this.controller.send(message, handle, done);
    else done();
  }

  /** Killing `unshare` kills what it started, the first process of its namespace, and with that all others. */
  private kill(): void {
    this.isStopping = true;
    this.controller.kill('SIGKILL');
  }

  private async untilEnd(exit: Promise<unknown[]>): Promise<void> {
    const [code] = await exit;
    // An open listener would keep this process alive.
    for (const listener of this.handedOver) listener.close();
    await this.place.release();
    // No manifest ends it before it is up: what it has to have first, such as namespaces, is not to be had.
    if (!this.isStopping)
      throw new MeshmockError(
        this.isStarted ? 'usage' : 'machine',
        `the mesh has ended by itself (exit code ${String(code)})`,
      );
    this.startedMesh.reject(new MeshmockError('usage', 'the mesh was ended before it was up'));
  }
}

function reportOf({ report }: Awaited<ReturnType<typeof askMesh>>): ApplyReport {
  if (report === undefined) throw new Error('a change is answered with a report');
  return report;
}

/** Starts the controller as the first process of its own network, mount and process namespaces. */
function spawnController(): ChildProcess {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const main = fileURLToPath(new URL(`./controller${extension}`, import.meta.url));
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
  // The first process gets every orphan there, and Node waits for none but its own children: a shell does.
  const init = ['sh', '-c', '"$@"; exit $?', 'sh'];
  return spawn('unshare', [...namespaces, ...init, process.execPath, ...process.execArgv, main], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}
