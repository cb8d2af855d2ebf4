import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import { runProgram } from '../../src/istio/process/program.ts';
import { checkMachine } from '../../src/istio/tools/check-machine.ts';
import { installTools } from '../../src/istio/tools/install-tools.ts';
import { installTestTools } from '../tools/installed.ts';
import type { Image } from './image.ts';
import type { FromNode, ToNode } from './messages.ts';
import { containerdSocket, filesOf } from './node-files.ts';
import type { ClusterTools } from './node-options.ts';
import { firstProcessOf, spawnNode } from './node-process.ts';
import { nodePath } from './node-programs.ts';
import { type PortForward, startPortForward } from './port-forward.ts';

export interface ClusterOptions {
  /** Images that pods may use. None is pulled. */
  readonly images: readonly Image[];
  /** Called after each step of the start, with the time since its begin in milliseconds. */
  readonly onStep?: (step: string, afterMs: number) => void;
}

/** Topology zone of the node. */
export const zone = 'zone-1';

const startTimeoutMs = 240_000;
const endTimeoutMs = 60_000;

/**
 * Kubernetes with one node for tests. Its real programs run in their own namespaces, without a link to this machine's
 * network. It ends when this process ends in any way, and leaves no files.
 */
export class Cluster implements AsyncDisposable {
  readonly folder: string;
  /** Environment of programs on the node. */
  private readonly env: Readonly<Record<string, string>>;
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;
  private readonly started = Promise.withResolvers<void>();
  /** Aborted with an error when a program of the cluster ends unexpectedly. */
  private readonly failure = new AbortController();

  private constructor(folder: string, tools: ClusterTools, onStep: (step: string) => void) {
    this.folder = folder;
    this.env = {
      PATH: nodePath(tools),
      KUBECONFIG: filesOf(folder).kubeconfig('admin'),
      KUBECACHEDIR: path.join(folder, 'kubectl'),
      CONTAINERD_ADDRESS: containerdSocket,
    };
    this.child = spawnNode(folder, this.env);
    this.exited = once(this.child, 'exit');
    this.started.promise.catch(() => {});
    this.child.on('message', (message: FromNode) => {
      switch (message.kind) {
        case 'step':
          return onStep(message.step);
        case 'started':
          return this.started.resolve();
        case 'failed':
          return this.fail(new MeshmockError('internal', message.message));
      }
    });
    this.child.on('error', (error) => this.fail(new MeshmockError('internal', error.message)));
    this.child.once('exit', () => this.fail(new MeshmockError('internal', 'the cluster has ended')));
  }

  private fail(error: MeshmockError): void {
    this.failure.abort(error);
    this.started.reject(error);
  }

  /**
   * Starts a cluster, and waits until its node is ready and its DNS works.
   *
   * @throws MeshmockError if this machine lacks something, or a program of the cluster does not start
   */
  static async start({ images, onStep }: ClusterOptions, signal: AbortSignal): Promise<Cluster> {
    checkMachine();
    const own = await installTestTools(['coredns', 'containerd', 'etcd', 'kubectl']);
    const tools = { ...own, ...(await installTools(['kube'], signal)) };
    const startedAt = performance.now();
    const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-cluster-'));
    const cluster = new Cluster(folder, tools, (step) => onStep?.(step, performance.now() - startedAt));
    try {
      cluster.send({ kind: 'start', options: { folder, tools, zone, images } });
      await within(cluster.started.promise, AbortSignal.any([signal, AbortSignal.timeout(startTimeoutMs)]));
      return cluster;
    } catch (error) {
      const logEnds = cluster.logEnds();
      await cluster[Symbol.asyncDispose]();
      throw new MeshmockError('internal', `the cluster did not start: ${(error as Error).message}\n${logEnds}`);
    }
  }

  /**
   * Runs kubectl as the cluster's administrator, and returns its standard output.
   *
   * @throws MeshmockError with kubectl's standard error if it fails
   */
  kubectl(...args: readonly string[]): Promise<string> {
    return this.run(['kubectl', ...args]);
  }

  /**
   * Runs `kubectl apply` with the given YAML.
   *
   * @param args further arguments, such as `-n`
   */
  apply(yaml: string, ...args: readonly string[]): Promise<string> {
    return this.run(['kubectl', 'apply', ...args, '-f', '-'], { input: yaml });
  }

  /**
   * Runs a program on the node to its end. The program reaches pods and Services by address, and Services also by
   * `NAME.NAMESPACE`.
   *
   * @throws MeshmockError with the program's standard error if it fails
   */
  async run(
    command: readonly string[],
    { input = '', signal }: { readonly input?: string; readonly signal?: AbortSignal } = {},
  ): Promise<string> {
    this.failure.signal.throwIfAborted();
    const [file = '', ...args] = this.onNode(command);
    const prefix = [file, ...args].slice(0, -command.length).join(' ');
    const either = AbortSignal.any([this.failure.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      return await runProgram(file, args, { input, signal: either });
    } catch (error) {
      if (this.failure.signal.aborted) throw this.failure.signal.reason;
      // The message shows the command as the test has it, without `nsenter` and its arguments.
      if (error instanceof MeshmockError) throw new MeshmockError('internal', error.message.replace(`${prefix} `, ''));
      throw error;
    }
  }

  /**
   * Returns the command line that runs a command on the node. The command ends with its parent and with the cluster.
   */
  onNode(command: readonly string[]): string[] {
    const namespaces = ['--net', '--mount', '--pid', '--ipc', '--uts', `--wd=${process.cwd()}`];
    const env = Object.entries(this.env).map(([name, value]) => `${name}=${value}`);
    const enter = ['nsenter', '--target', String(firstProcessOf(this.child)), ...namespaces];
    return [...enter, 'setpriv', '--pdeathsig', 'KILL', 'env', ...env, ...command];
  }

  /**
   * Runs `kubectl port-forward` on the node, and opens a port of this machine that leads to it.
   *
   * @param target an object such as `service/gateway` or `pod/NAME`
   */
  portForward(target: string, port: number, namespace: string): Promise<PortForward> {
    const command = ['kubectl', 'port-forward', '-n', namespace, target, `:${port}`];
    return startPortForward(this.onNode(command), (listener, nodePort) => this.handOver(listener, nodePort));
  }

  /** Forwards the connections of a listener of this machine to a port of the node. */
  private async handOver(listener: Server, port: number): Promise<void> {
    const sent = Promise.withResolvers<void>();
    this.child.send({ kind: 'forward', port } satisfies ToNode, listener, (error) =>
      error === null ? sent.resolve() : sent.reject(error),
    );
    await sent.promise;
  }

  /** Returns the last lines of each program's log, for error messages. */
  logEnds(lines = 8): string {
    const folder = path.join(this.folder, 'logs');
    if (!existsSync(folder)) return '';
    const end = (file: string): string[] =>
      readFileSync(path.join(folder, file), 'utf8').trimEnd().split('\n').slice(-lines);
    return readdirSync(folder)
      .flatMap((file) => [`-- ${file}`, ...end(file)])
      .join('\n');
  }

  /** Ends the cluster at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    await within(this.exited, AbortSignal.timeout(endTimeoutMs));
  }

  private send(message: ToNode): void {
    this.child.send(message);
  }
}

/** Waits for a promise. Rejects with the signal's reason if the signal is aborted first. */
async function within<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
