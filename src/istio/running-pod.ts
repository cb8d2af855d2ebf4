import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MeshmockError } from '../error/meshmock-error.ts';
import type { ClusterView } from './cluster-view.ts';
import { noSettings, ownContainer, podField, type ServeSettings, serveSettings } from './mock-container.ts';
import { startMock } from './mock-process.ts';
import { bridgeAddress, createNamespace, killAllIn, removeNamespace } from './network.ts';
import type { KubeObject } from './objects.ts';
import type { PodPlan } from './pods.ts';
import { untilReady } from './ready.ts';
import { interceptTraffic, sidecarReady, startSidecar } from './sidecar.ts';
import type { InstalledTools } from './tools.ts';

/** What all pods of a bed share. */
export interface PodContext {
  readonly tools: InstalledTools;
  /** A folder that the proxy's user can read. */
  readonly folder: string;
  readonly rootCertificate: string;
  readonly serveArguments: readonly string[];
  /** For ConfigMaps and Secrets. */
  readonly view: Pick<ClusterView, 'data'>;
}

/** A pod: a network namespace with a mock, a proxy, or both. */
export class RunningPod {
  readonly plan: PodPlan;
  readonly address: string;
  readonly uid = randomUUID();
  private readonly surroundings: PodContext;
  private readonly namespace: string;
  private readonly link: string;
  private app: ChildProcess | undefined;
  private sidecar: ChildProcess | undefined;
  private routes: readonly string[] = [];
  private isStopping = false;
  private starting: Promise<void> = Promise.resolve();
  /** Called with the name of a program that ended by itself. */
  onProgramExit: (name: string) => void = () => {};

  constructor(plan: PodPlan, address: string, surroundings: PodContext) {
    this.plan = plan;
    this.address = address;
    this.surroundings = surroundings;
    const [, , third, fourth] = address.split('.');
    this.link = `pod-${third}-${fourth}`;
    this.namespace = this.link;
  }

  /** Its object in the API, as kubelet and the injector would have made it. */
  objectThatIs(state: 'starting' | 'ready'): KubeObject {
    const { name, namespace, labels, annotations, serviceAccount, spec, hasSidecar } = this.plan;
    const proxy = { name: 'istio-proxy', image: 'istio-proxy' };
    // The API server's default, without which istiod finds no port by its name.
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

  /** The log files of its programs. */
  get logs(): { readonly app: string; readonly proxy: string } {
    const logs = path.join(this.surroundings.folder, 'logs');
    return { app: path.join(logs, `${this.plan.name}.app.log`), proxy: path.join(logs, `${this.plan.name}.proxy.log`) };
  }

  /** Makes the namespace and starts the mock; resolves when it listens. The mock needs no istiod. */
  startApp(routes: readonly string[], signal: AbortSignal): Promise<void> {
    this.starting = this.makeAndStart(routes, signal);
    return this.starting;
  }

  private async makeAndStart(routes: readonly string[], signal: AbortSignal): Promise<void> {
    const { plan, namespace } = this;
    await createNamespace(namespace, this.link, this.address, signal);
    await writeFile(this.resolvConf, resolvConfOf(plan.namespace));
    if (plan.role === 'gateway') return;
    const { pilotAgent } = this.surroundings.tools;
    if (plan.hasSidecar) await interceptTraffic({ pilotAgent, namespace, resolvConf: this.resolvConf }, signal);
    const { serveArguments: args } = this.surroundings;
    this.routes = routes;
    this.app = startMock({
      ...{ pod: plan, namespace, resolvConf: this.resolvConf, log: this.logs.app, routes, args },
      settings: this.serveSettings(),
    });
    this.watch(this.app, 'mock');
    const starting = { program: this.app, name: `the mock of pod ${plan.name}`, log: this.logs.app };
    await untilReady(starting, (either) => once(starting.program, 'message', { signal: either }), signal);
  }

  private serveSettings(): ServeSettings {
    const { plan, surroundings } = this;
    const container = ownContainer(plan.spec);
    if (container === undefined) return noSettings;
    try {
      return serveSettings(container, {
        field: (path) => podField(this, path),
        data: (kind, name) => surroundings.view.data(kind, plan.namespace, name),
      });
    } catch (error) {
      throw new MeshmockError('usage', `pod ${plan.name}: ${(error as Error).message}`);
    }
  }

  /** Starts the proxy, if it has one. */
  startProxy(): void {
    const { plan, address, namespace, resolvConf, surroundings } = this;
    if (!plan.hasSidecar) return;
    const { tools, rootCertificate } = surroundings;
    this.sidecar = startSidecar({
      ...{ pod: plan, address, namespace, resolvConf, rootCertificate, log: this.logs.proxy },
      ...{ pilotAgent: tools.pilotAgent, envoy: tools.envoy, bootstrapTemplate: tools.bootstrapTemplate },
      folder: path.join(surroundings.folder, 'pods', this.link),
    });
    this.watch(this.sidecar, 'proxy');
  }

  private watch(program: ChildProcess, what: string): void {
    program.once('exit', () => this.isStopping || this.onProgramExit(`the ${what} of pod ${this.plan.name}`));
  }

  /** Resolves when its proxy serves. */
  async proxyReady(signal: AbortSignal): Promise<void> {
    if (this.sidecar === undefined) return;
    const starting = { program: this.sidecar, name: `the proxy of pod ${this.plan.name}`, log: this.logs.proxy };
    await untilReady(starting, (either) => sidecarReady(this.address, either), signal);
  }

  /** Tells the mock other entries of `--connect-to`. */
  setRoutes(routes: readonly string[]): void {
    if (routes.join(' ') === this.routes.join(' ')) return;
    this.routes = routes;
    if (this.app?.connected) this.app.send({ connectTo: routes }, () => {});
  }

  /**
   * Tells the mock what to do with every request; without directives what it was started with.
   *
   * @throws MeshmockError `usage` when they are none, or its mock has ended
   */
  async behave(directives: string | undefined, signal: AbortSignal): Promise<void> {
    if (!this.app?.connected) {
      if (directives === undefined) return;
      throw new MeshmockError('usage', `the mock of pod ${this.plan.name} has ended`);
    }
    const told = once(this.app, 'message', { signal });
    this.app.send({ behaviour: directives ?? null }, () => {});
    const [{ behaves }] = (await told) as [{ behaves: true | string }];
    if (behaves !== true) throw new MeshmockError('usage', `pod ${this.plan.name}: ${behaves}`);
  }

  /** Ends its programs, those too that are only starting, and removes what it has. */
  async stop(): Promise<void> {
    this.isStopping = true;
    // One that was about to be started would be left.
    await this.starting.catch(() => {});
    const programs = [this.app, this.sidecar].filter((program) => program !== undefined);
    await Promise.all(programs.map((program) => end(program)));
    await killAllIn(this.namespace, AbortSignal.timeout(endMs)).catch(() => {});
    const { folder } = this.surroundings;
    await rm(path.join(folder, 'pods', this.link), { recursive: true, force: true });
    await rm(this.resolvConf, { force: true });
    await removeNamespace(this.namespace, this.link, AbortSignal.timeout(endMs)).catch(() => {
      // It was never made, or has gone with the mounts of a mesh that ends.
    });
  }

  private get resolvConf(): string {
    return path.join(this.surroundings.folder, `${this.link}.resolv.conf`);
  }
}

/** As kubelet writes it; the sidecar's own DNS answers first, and knows the names of Services. */
function resolvConfOf(namespace: string): string {
  const search = [`${namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'].join(' ');
  return `nameserver ${bridgeAddress}\nsearch ${search}\noptions ndots:5 timeout:1 attempts:1\n`;
}

const endMs = 2000;

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), endMs);
  await exit;
  clearTimeout(late);
}
