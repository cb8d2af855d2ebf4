import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import { runProgram } from '../../src/istio/program.ts';
import { checkMachine } from '../../src/istio/tools.ts';
import { installTestTools } from '../tools/installed.ts';
import type { Image } from './image.ts';
import type { FromNode, ToNode } from './messages.ts';
import { containerdSocket, filesOf } from './node-files.ts';
import { firstProcessOf, spawnNode } from './node-process.ts';
import { type ClusterTools, nodePath } from './node-programs.ts';
import { type PortForward, startPortForward } from './port-forward.ts';

export interface ClusterOptions {
  /** That pods may have: nothing is pulled. */
  readonly images: readonly Image[];
  /** Told how far it is, and after how many milliseconds. */
  readonly onStep?: (step: string, afterMs: number) => void;
}

/** The zone that the node is in. */
export const zone = 'zone-1';

const longestStartMs = 120_000;
const longestEndMs = 30_000;

/**
 * A Kubernetes of one node for tests: its real programs, in namespaces of their own, which nothing links to this
 * machine's network. It ends with this process, however that ends, and leaves nothing.
 */
export class Cluster implements AsyncDisposable {
  readonly folder: string;
  /** What programs on the node find in their environment. */
  private readonly env: Readonly<Record<string, string>>;
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;
  private readonly started = Promise.withResolvers<void>();
  /** Aborted with the reason when a program of it has ended that should not. */
  private readonly lost = new AbortController();

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
          return this.lose(new MeshmockError('internal', message.message));
      }
    });
    this.child.on('error', (error) => this.lose(new MeshmockError('internal', error.message)));
    this.child.once('exit', () => this.lose(new MeshmockError('internal', 'the cluster has ended')));
  }

  private lose(error: MeshmockError): void {
    this.lost.abort(error);
    this.started.reject(error);
  }

  /**
   * Starts a cluster, and waits until its node is ready and names are found.
   *
   * @throws MeshmockError when this machine lacks something, or a program of the cluster does not start
   */
  static async start({ images, onStep }: ClusterOptions, signal: AbortSignal): Promise<Cluster> {
    checkMachine();
    const tools = await installTestTools(['kube', 'coredns', 'containerd', 'etcd', 'kubectl']);
    const since = performance.now();
    const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-cluster-'));
    const cluster = new Cluster(folder, tools, (step) => onStep?.(step, performance.now() - since));
    try {
      cluster.tell({ kind: 'start', options: { folder, tools, zone, images } });
      await within(cluster.started.promise, AbortSignal.any([signal, AbortSignal.timeout(longestStartMs)]));
      return cluster;
    } catch (error) {
      const said = cluster.logEnds();
      await cluster[Symbol.asyncDispose]();
      throw new MeshmockError('internal', `the cluster did not start: ${(error as Error).message}\n${said}`);
    }
  }

  /**
   * Runs kubectl as the cluster's administrator, and gives what it printed.
   *
   * @throws MeshmockError with what it wrote to standard error, when it fails
   */
  kubectl(...args: readonly string[]): Promise<string> {
    return this.run(['kubectl', ...args]);
  }

  /** Does `kubectl apply` with YAML as it is; `args` as `-n`. */
  apply(yaml: string, ...args: readonly string[]): Promise<string> {
    return this.run(['kubectl', 'apply', ...args, '-f', '-'], { input: yaml });
  }

  /**
   * Runs a program on the node to its end: it reaches pods and Services by address, and Services by `NAME.NAMESPACE`.
   *
   * @throws MeshmockError with what it wrote to standard error, when it fails
   */
  async run(
    command: readonly string[],
    { input = '', signal }: { readonly input?: string; readonly signal?: AbortSignal } = {},
  ): Promise<string> {
    this.lost.signal.throwIfAborted();
    const [file = '', ...args] = this.onNode(command);
    const entering = [file, ...args].slice(0, -command.length).join(' ');
    const either = AbortSignal.any([this.lost.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      return await runProgram(file, args, { input, signal: either });
    } catch (error) {
      if (this.lost.signal.aborted) throw this.lost.signal.reason;
      // What a person wrote is what he is to read.
      if (error instanceof MeshmockError)
        throw new MeshmockError('internal', error.message.replace(`${entering} `, ''));
      throw error;
    }
  }

  /** The command that runs a command on the node; what it starts ends with whoever starts it, and with the cluster. */
  onNode(command: readonly string[]): string[] {
    const namespaces = ['--net', '--mount', '--pid', '--ipc', '--uts', `--wd=${process.cwd()}`];
    const env = Object.entries(this.env).map(([name, value]) => `${name}=${value}`);
    const enter = ['nsenter', '--target', String(firstProcessOf(this.child)), ...namespaces];
    return [...enter, 'setpriv', '--pdeathsig', 'KILL', 'env', ...env, ...command];
  }

  /**
   * Does `kubectl port-forward`, and makes its port one of this machine.
   *
   * @param target such as `service/gateway`, or `pod/NAME`
   */
  portForward(target: string, port: number, namespace: string): Promise<PortForward> {
    const command = ['kubectl', 'port-forward', '-n', namespace, target, `:${port}`];
    return startPortForward(this.onNode(command), (listener, nodePort) => this.handOver(listener, nodePort));
  }

  /** Makes connections to a listener of this machine go to a port of the node's own. */
  private async handOver(listener: Server, port: number): Promise<void> {
    const sent = Promise.withResolvers<void>();
    this.child.send({ kind: 'forward', port } satisfies ToNode, listener, (error) =>
      error === null ? sent.resolve() : sent.reject(error),
    );
    await sent.promise;
  }

  /** The ends of what its programs have said, for a person to see why something did not work. */
  logEnds(lines = 8): string {
    const folder = path.join(this.folder, 'logs');
    if (!existsSync(folder)) return '';
    const end = (file: string): string[] =>
      readFileSync(path.join(folder, file), 'utf8').trimEnd().split('\n').slice(-lines);
    return readdirSync(folder)
      .flatMap((file) => [`-- ${file}`, ...end(file)])
      .join('\n');
  }

  /** Ends all of it at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    await within(this.exited, AbortSignal.timeout(longestEndMs));
  }

  private tell(message: ToNode): void {
    this.child.send(message);
  }
}

/** Rejects with the signal's reason if that is aborted first. */
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
