import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MeshmockError } from '../plan/error.ts';
import type { ApplyReport } from './bed.ts';
import { askMesh, folderOf } from './control-client.ts';
import type { Entry } from './entries.ts';
import { type FirstPorts, type MachinePort, MachinePorts } from './machine-ports.ts';
import type { ManifestSource } from './manifest.ts';
import {
  entryId,
  type FromController,
  type PodStats,
  type PodStatus,
  type StartMessage,
  type ToController,
} from './messages.ts';
import { checkMachine, installBedTools } from './tools.ts';

export interface MeshOptions extends Omit<StartMessage, 'tools' | 'folder'> {
  /** Tells meshes on one machine apart. */
  readonly mesh: string;
  /** From where on this machine's ports lead into the mesh. */
  readonly ports: FirstPorts;
  /** Told when a program of the mesh ends that should not. */
  readonly onLoss?: (name: string, logs: string) => void;
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
export class RunningMesh implements AsyncDisposable {
  readonly name: string;
  /** For its logs; removed at the end. */
  readonly folder: string;
  private readonly controller: ChildProcess;
  private readonly machine: MachinePorts;
  private readonly onLoss: NonNullable<MeshOptions['onLoss']>;
  private readonly onPorts: NonNullable<MeshOptions['onPorts']>;
  private readonly startedMesh = Promise.withResolvers<StartedMesh>();
  private isStarted = false;
  private isStopping = false;
  /** Resolves when it has ended; rejects when it did so by itself. */
  readonly ended: Promise<void>;

  private constructor({ mesh, ports, onLoss = () => {}, onPorts = () => {} }: MeshOptions, folder: string) {
    this.name = mesh;
    this.folder = folder;
    this.machine = new MachinePorts(ports);
    this.onLoss = onLoss;
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
   * @throws MeshmockError `usage` when this machine lacks something, a manifest is refused or a port is taken
   */
  static async start(options: MeshOptions, signal: AbortSignal): Promise<{ mesh: RunningMesh; started: StartedMesh }> {
    checkMachine();
    const tools = await installBedTools(signal);
    const folder = await freshFolder(options.mesh);
    const mesh = new RunningMesh(options, folder);
    const { sources, namespace, fill, appArguments } = options;
    mesh.tell({ kind: 'start', start: { tools, folder, sources, namespace, fill, appArguments } });
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

  /** What the proxies have counted: of clusters, routes, filters, in Envoy's names for Prometheus. */
  async stats(signal: AbortSignal): Promise<readonly PodStats[]> {
    const { stats = [] } = await askMesh(this.name, { command: 'stats', sources: [] }, signal);
    return stats;
  }

  /** Ends all of it at once, and leaves nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.ended;
  }

  private async onMessage(message: FromController): Promise<void> {
    switch (message.kind) {
      case 'failed':
        throw new MeshmockError('usage', message.message);
      case 'entries':
        return this.listenFor(message.entries);
      case 'started':
        this.isStarted = true;
        return this.startedMesh.resolve({ report: message.report, pods: message.pods });
      case 'lost':
        return this.onLoss(message.name, path.join(this.folder, 'logs'));
      case 'down':
        return this.kill();
    }
  }

  private async listenFor(entries: readonly Entry[]): Promise<void> {
    const listeners = await this.machine.listenFor(entries, !this.isStarted);
    if (this.isStarted && listeners.size > 0)
      this.onPorts(this.ports.filter(({ entry }) => listeners.has(entryId(entry))));
    for (const [id, listener] of listeners) this.tell({ kind: 'listening', id }, listener);
  }

  private tell(message: ToController, handle?: Server): void {
    // The listener is the controller's from then on: two processes that have it open would both accept.
    if (this.controller.connected) this.controller.send(message, handle, () => handle?.close());
    else handle?.close();
  }

  /** Killing `unshare` kills what it started, the first process of its namespace, and with that all others. */
  private kill(): void {
    this.isStopping = true;
    this.controller.kill('SIGKILL');
  }

  private async untilEnd(exit: Promise<unknown[]>): Promise<void> {
    const [code] = await exit;
    rmSync(this.folder, { recursive: true, force: true });
    // Not /run/netns: to remove it would pull the mount of every other mesh from under its names.
    removeIfEmpty(path.dirname(this.folder));
    if (!this.isStopping) throw new MeshmockError('usage', `the mesh has ended by itself (exit code ${String(code)})`);
    this.startedMesh.reject(new MeshmockError('usage', 'the mesh was ended before it was up'));
  }
}

function reportOf({ report }: Awaited<ReturnType<typeof askMesh>>): ApplyReport {
  if (report === undefined) throw new Error('a change is answered with a report');
  return report;
}

/** A folder for a mesh that is not up; what one left that was killed is removed. */
async function freshFolder(mesh: string): Promise<string> {
  const isUp = await askMesh(mesh, { command: 'status', sources: [] }, AbortSignal.timeout(5000)).then(
    () => true,
    () => false,
  );
  if (isUp)
    throw new MeshmockError(
      'usage',
      `the mesh "${mesh}" is up already: \`meshmock istio down\` ends it, --mesh NAME makes another`,
    );
  const folder = folderOf(mesh);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  return folder;
}

/** Starts the controller as the first process of its own network, mount and process namespaces. */
function spawnController(): ChildProcess {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const main = fileURLToPath(new URL(`./controller${extension}`, import.meta.url));
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
  return spawn('unshare', [...namespaces, process.execPath, ...process.execArgv, main], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Others use it.
  }
}
