import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MeshmockError } from '../error/meshmock-error.ts';
import { sendToService, serviceReady, setBehaviour } from '../serve/process/service-channel.ts';
import type { ClusterView } from './cluster-view.ts';
import { type MockSettings, meshmockContainer, mockSettings, noSettings } from './mock-container.ts';
import { startMock } from './mock-process.ts';
import { bridgeAddress, createNamespace, killAllIn, removeNamespace } from './network.ts';
import type { KubeObject } from './objects.ts';
import { podField } from './pod-field.ts';
import type { PodPlan } from './pods.ts';
import { waitUntilReady } from './ready.ts';
import { interceptTraffic, sidecarReady, startSidecar } from './sidecar.ts';
import type { InstalledTools } from './tools.ts';

/** Settings that all pods of a local mesh share. */
export interface PodContext {
  readonly tools: InstalledTools;
  /** Folder of the mesh, which the proxy's user can read. */
  readonly folder: string;
  readonly rootCertificate: string;
  /** Further arguments of each `meshmock serve`. */
  readonly serveArguments: readonly string[];
  /** Source of ConfigMaps and Secrets. */
  readonly view: Pick<ClusterView, 'data'>;
}

/** Running pod: a network namespace with a mock, a proxy, or both. */
export class RunningPod {
  readonly plan: PodPlan;
  readonly address: string;
  readonly uid = randomUUID();
  private readonly context: PodContext;
  /** Name of the pod's network namespace. */
  private readonly namespace: string;
  /** Name of the pod's interface at the bridge. */
  private readonly link: string;
  private mock: ChildProcess | undefined;
  private sidecar: ChildProcess | undefined;
  private routes: readonly string[] = [];
  private isStopping = false;
  private starting: Promise<void> = Promise.resolve();
  /** Called with the name of a program that ends unexpectedly. */
  onProgramExit: (name: string) => void = () => {};

  constructor(plan: PodPlan, address: string, context: PodContext) {
    this.plan = plan;
    this.address = address;
    this.context = context;
    const [, , third, fourth] = address.split('.');
    this.link = `pod-${third}-${fourth}`;
    this.namespace = this.link;
  }

  /** Returns the Pod object for the API, as kubelet and the injector would make it. */
  toObject(state: 'starting' | 'ready'): KubeObject {
    const { name, namespace, labels, annotations, serviceAccount, spec, hasSidecar } = this.plan;
    const proxy = { name: 'istio-proxy', image: 'istio-proxy' };
    // The API server sets this default. Without it, istiod does not find ports by name.
    const containers = spec.containers.map(({ ports = [], ...container }) => ({
      ...container,
      ports: ports.map((port) => ({ ...port, protocol: port.protocol ?? 'TCP' })),
    }));
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace,
        uid: this.uid,
        labels: { ...labels },
        annotations: { ...annotations, ...(hasSidecar ? { 'sidecar.istio.io/status': '{}' } : {}) },
      },
      spec: {
        ...spec,
        serviceAccountName: serviceAccount,
        containers: hasSidecar && this.plan.role === 'mock' ? [...containers, proxy] : containers,
      },
      status: {
        phase: 'Running',
        podIP: this.address,
        podIPs: [{ ip: this.address }],
        conditions: [{ type: 'Ready', status: state === 'ready' ? 'True' : 'False' }],
      },
    };
  }

  /** Paths of the log files of the pod's programs. */
  private get logs(): { readonly mock: string; readonly proxy: string } {
    const logs = path.join(this.context.folder, 'logs');
    return {
      mock: path.join(logs, `${this.plan.name}.app.log`),
      proxy: path.join(logs, `${this.plan.name}.proxy.log`),
    };
  }

  /**
   * Creates the network namespace, starts the mock, and waits until it listens. The mock does not need istiod.
   *
   * @param routes entries of `--connect-to`
   */
  startMock(routes: readonly string[], signal: AbortSignal): Promise<void> {
    this.starting = this.createAndStartMock(routes, signal);
    return this.starting;
  }

  private async createAndStartMock(routes: readonly string[], signal: AbortSignal): Promise<void> {
    const { plan, namespace } = this;
    await createNamespace(namespace, this.link, this.address, signal);
    await writeFile(this.resolvConf, resolvConfOf(plan.namespace));
    if (plan.role === 'gateway') return;
    const { tools, serveArguments } = this.context;
    const { resolvConf } = this;
    const { annotations } = plan;
    if (plan.hasSidecar)
      await interceptTraffic({ pilotAgent: tools.pilotAgent, namespace, resolvConf, annotations }, signal);
    this.routes = routes;
    this.mock = startMock({
      pod: plan,
      namespace,
      resolvConf: this.resolvConf,
      log: this.logs.mock,
      routes,
      settings: this.mockSettings(),
      args: serveArguments,
    });
    this.watch(this.mock, 'mock');
    const starting = { program: this.mock, name: `the mock of pod ${plan.name}`, log: this.logs.mock };
    await waitUntilReady(starting, (either) => serviceReady(starting.program, either), signal);
  }

  private mockSettings(): MockSettings {
    const { plan, context } = this;
    const container = meshmockContainer(plan.spec);
    if (container === undefined) return noSettings;
    try {
      return mockSettings(container, {
        field: (path) => podField(this, path),
        data: (kind, name) => context.view.data(kind, plan.namespace, name),
      });
    } catch (error) {
      throw new MeshmockError('usage', `pod ${plan.name}: ${(error as Error).message}`);
    }
  }

  /** Starts the proxy, if the pod has one. */
  startProxy(): void {
    const { plan, address, namespace, resolvConf, context } = this;
    if (!plan.hasSidecar) return;
    const { tools, rootCertificate } = context;
    this.sidecar = startSidecar({
      pod: plan,
      address,
      namespace,
      pilotAgent: tools.pilotAgent,
      envoy: tools.envoy,
      bootstrapTemplate: tools.bootstrapTemplate,
      rootCertificate,
      resolvConf,
      folder: path.join(context.folder, 'pods', this.link),
      log: this.logs.proxy,
    });
    this.watch(this.sidecar, 'proxy');
  }

  private watch(program: ChildProcess, role: 'mock' | 'proxy'): void {
    program.once('exit', () => this.isStopping || this.onProgramExit(`the ${role} of pod ${this.plan.name}`));
  }

  /** Waits until the proxy serves. A pod without a proxy is ready at once. */
  async proxyReady(signal: AbortSignal): Promise<void> {
    if (this.sidecar === undefined) return;
    const starting = { program: this.sidecar, name: `the proxy of pod ${this.plan.name}`, log: this.logs.proxy };
    await waitUntilReady(starting, (either) => sidecarReady(this.address, either), signal);
  }

  /** Replaces the mock's entries of `--connect-to`. */
  setRoutes(routes: readonly string[]): void {
    if (routes.join(' ') === this.routes.join(' ')) return;
    this.routes = routes;
    if (this.mock?.connected) sendToService(this.mock, { kind: 'connect-to', entries: routes });
  }

  /**
   * Sets the directives that the mock applies to every request.
   *
   * @param directives directives such as `/~delay=1s`; undefined for those with which the mock was started
   * @throws MeshmockError `usage` if the directives are not valid
   * @throws MeshmockError `unavailable` if the mock has ended
   */
  async setBehaviour(directives: string | undefined, signal: AbortSignal): Promise<void> {
    if (!this.mock?.connected) {
      if (directives === undefined) return;
      throw new MeshmockError('unavailable', `the mock of pod ${this.plan.name} has ended`);
    }
    try {
      await setBehaviour(this.mock, directives ?? null, signal);
    } catch (error) {
      if (!(error instanceof MeshmockError)) throw error;
      throw new MeshmockError(error.code, `pod ${this.plan.name}: ${error.message}`);
    }
  }

  /** Ends the pod's programs, including those that are still starting, and removes its files and its namespace. */
  async stop(): Promise<void> {
    this.isStopping = true;
    // A mock that is about to start must start first: otherwise it would be left running.
    await this.starting.catch(() => {});
    const programs = [this.mock, this.sidecar].filter((program) => program !== undefined);
    await Promise.all(programs.map((program) => end(program)));
    await killAllIn(this.namespace, AbortSignal.timeout(endTimeoutMs)).catch(() => {});
    const { folder } = this.context;
    await rm(path.join(folder, 'pods', this.link), { recursive: true, force: true });
    await rm(this.resolvConf, { force: true });
    await removeNamespace(this.namespace, this.link, AbortSignal.timeout(endTimeoutMs)).catch(() => {
      // The namespace was not created, or it is gone with the mounts of a mesh that ends.
    });
  }

  private get resolvConf(): string {
    return path.join(this.context.folder, `${this.link}.resolv.conf`);
  }
}

/**
 * Returns the resolv.conf of a pod, as kubelet writes it. The sidecar's own DNS answers the names of Services first.
 */
function resolvConfOf(namespace: string): string {
  const search = [`${namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'].join(' ');
  return `nameserver ${bridgeAddress}\nsearch ${search}\noptions ndots:5 timeout:1 attempts:1\n`;
}

const endTimeoutMs = 2000;

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs);
  await exit;
  clearTimeout(kill);
}
