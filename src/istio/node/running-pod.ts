import type { ChildProcess } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { sendToService, serviceReady, setBehaviour } from '../../serve/process/service-channel.ts';
import type { ContainerPlace } from '../control-plane/control-plane.ts';
import { echoClientFolder } from '../echo-client/install.ts';
import { hostsFile, resolvConf } from '../network/pod-files.ts';
import { createPodNetwork, killAllIn, removePodNetwork } from '../network/pod-network.ts';
import { podCommand } from '../process/program.ts';
import { waitForOk } from '../process/ready.ts';
import type { Container, DataKind, Labels } from '../resources/objects.ts';
import { interceptTraffic } from './interception.ts';
import { containerEnv, type EnvSources } from './mock/container-env.ts';
import { echoFormOf } from './mock/echo-image.ts';
import { type MockSettings, meshmockContainer, mockSettings, settingsOfImages } from './mock/mock-container.ts';
import { startMock } from './mock-process.ts';
import { podField, resourceField } from './pod-fields.ts';
import { mockKey, type PodPlan } from './pod-plan.ts';
import { podStatusObject } from './pod-status-object.ts';
import { missingVolumeSources, type VolumeSources, writeVolumes } from './pod-volumes.ts';
import { type ContainerProcess, type ProxyImage, proxyReady, startIstiod, startProxy } from './proxy-process.ts';
import { SupervisedProgram } from './supervised-program.ts';

/** Facts and sources that all pods of a node share. */
export interface NodeContext {
  readonly image: ProxyImage & { readonly istiod: string };
  /** Folder of the mesh, which the proxy's user can read. */
  readonly folder: string;
  /** Further arguments of each `meshmock serve`. */
  readonly serveArguments: readonly string[];
  /** Returns the entries of `--connect-to` of a pod's mock. */
  routesOf(plan: PodPlan): readonly string[];
  /** Returns the values of a ConfigMap or Secret for variables. */
  data(kind: DataKind, name: string, namespace: string): Labels | undefined;
  /** Returns the values of a ConfigMap or Secret for files. */
  files(kind: DataKind, name: string, namespace: string): Readonly<Record<string, string | Buffer>> | undefined;
  token(plan: PodPlan, audience: string | undefined, expirationSeconds: number): Promise<string>;
  /** Waits until a condition about the objects of the API holds. */
  waitUntil(holds: () => boolean, signal: AbortSignal): Promise<void>;
  /** Returns the text of a kubeconfig that uses a file with a token. */
  kubeconfig(tokenFile: string): string;
}

/** Receiver of the events of a pod. */
export interface PodEvents {
  /** Called when the status of the pod has changed. */
  onStatus(): void;
  /** Called with the name of a program that ends unexpectedly. */
  onProgramExit(name: string): void;
}

/**
 * Lowest user of a pod's proxy. Each pod has a user of its own, where containers have 1337: the kernel limits the inotify
 * instances of a user, and two for each proxy would be too many (inotify(7), `max_user_instances`).
 */
const lowestUid = 1_337_000;
const endTimeoutMs = 2000;
/** Interval at which files of volumes are written again: tokens expire, and ConfigMaps change. */
const volumesMs = 10 * 60_000;

/** Running pod: a network namespace with the programs of its containers. */
export class RunningPod {
  private currentPlan: PodPlan;
  readonly address: string;
  /** Name of the pod's network namespace, and of its interface at the bridge. */
  readonly link: string;
  /** User of the pod's proxy. */
  private readonly uid: number;
  private readonly context: NodeContext;
  private readonly events: PodEvents;
  private readonly startedAt = new Date();
  private readonly stopped = new AbortController();
  private starting: Promise<void> = Promise.resolve();
  private isInitialized = false;
  private startProblem: string | undefined;
  private routes: readonly string[] = [];
  private main: SupervisedProgram | undefined;
  private proxy: SupervisedProgram | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(plan: PodPlan, address: string, context: NodeContext, events: PodEvents) {
    this.currentPlan = plan;
    this.address = address;
    this.context = context;
    this.events = events;
    const [, , third, fourth] = address.split('.');
    this.link = `pod-${third}-${fourth}`;
    this.uid = lowestUid + 256 * Number(third) + Number(fourth);
  }

  get plan(): PodPlan {
    return this.currentPlan;
  }

  /** True if all programs of the pod are ready. */
  get isReady(): boolean {
    const { main, proxy } = this;
    return this.isInitialized && (main === undefined || main.isReady) && (proxy === undefined || proxy.isReady);
  }

  /** Reason for which the pod is not ready. */
  get problem(): string | undefined {
    return this.startProblem ?? this.main?.problem ?? this.proxy?.problem;
  }

  /** Status of the pod for the API. */
  get status(): object {
    const { address, startedAt, isInitialized, main, proxy, problem } = this;
    return podStatusObject(this.plan, {
      address,
      startedAt,
      isInitialized,
      isMockReady: main?.isReady ?? false,
      isProxyReady: proxy?.isReady ?? false,
      mockRestarts: main?.restarts ?? 0,
      proxyRestarts: proxy?.restarts ?? 0,
      problem: this.isReady ? undefined : problem,
    });
  }

  /** Starts the pod. Its status tells the result. */
  start(): void {
    this.starting = this.startPrograms().catch((error: unknown) => {
      if (this.stopped.signal.aborted) return;
      this.startProblem = `pod ${this.plan.name}: ${(error as Error).message}`;
      this.events.onStatus();
    });
  }

  /** Takes over a changed plan. A mock with other ports or names starts again. */
  update(plan: PodPlan): void {
    const isOther = mockKey(plan) !== mockKey(this.plan);
    this.currentPlan = plan;
    if (isOther && plan.role === 'mock') this.main?.restart();
    this.setRoutes();
  }

  private async startPrograms(): Promise<void> {
    const { plan, context, link } = this;
    const { signal } = this.stopped;
    const { interception, proxy, istiod } = plan.programs;
    await createPodNetwork({ name: link, link, address: this.address }, signal);
    await this.writeEtc();
    if (interception !== undefined)
      await interceptTraffic(
        {
          container: interception,
          env: { PATH: process.env.PATH, ...this.envOf(interception) },
          pilotAgent: context.image.pilotAgent,
          uid: this.uid,
          namespace: link,
          etc: this.etc,
        },
        signal,
      );
    this.isInitialized = true;
    this.main = istiod === undefined ? this.mockProgram() : this.istiodProgram(istiod);
    // A mock needs no volumes. So it starts while istiod makes the ConfigMap for the proxy.
    if (istiod === undefined) this.main?.start();
    for (const container of [proxy, istiod]) if (container !== undefined) await this.writeVolumesOf(container, signal);
    if (istiod !== undefined) this.main?.start();
    if (proxy !== undefined) {
      this.proxy = this.proxyProgram(proxy);
      this.proxy.start();
    }
    this.timer = setInterval(() => void this.writeVolumesAgain(), volumesMs);
    this.events.onStatus();
  }

  private async writeVolumesOf(container: Container, signal: AbortSignal): Promise<void> {
    const { context, plan } = this;
    const options = { pod: this, container, root: this.rootOf(container), uid: this.uid };
    const sources: VolumeSources = {
      files: (kind, name) => context.files(kind, name, plan.namespace),
      token: (audience, seconds) => context.token(plan, audience, seconds),
    };
    const missing = missingVolumeSources(options, sources);
    if (missing.length > 0) {
      this.startProblem = `pod ${plan.name}: waits for ${missing.join(', ')}`;
      this.events.onStatus();
    }
    await context.waitUntil(() => missingVolumeSources(options, sources).length === 0, signal);
    this.startProblem = undefined;
    await mkdir(options.root, { recursive: true });
    await writeVolumes(options, sources);
  }

  private async writeVolumesAgain(): Promise<void> {
    const { proxy, istiod } = this.plan.programs;
    try {
      for (const container of [proxy, istiod])
        if (container !== undefined) await this.writeVolumesOf(container, this.stopped.signal);
    } catch {
      // The pod has stopped, or the API server has: then the mesh ends.
    }
  }

  /** Returns the mock of the pod. A gateway has none. */
  private mockProgram(): SupervisedProgram | undefined {
    const { plan, context, link } = this;
    if (plan.role === 'gateway') return undefined;
    const log = this.logOf('app');
    // Errors in the settings are errors of the start, not of the program.
    this.mockSettings();
    return this.supervised(`the mock of pod ${plan.name}`, log, {
      start: () => {
        this.routes = context.routesOf(this.plan);
        return startMock({
          pod: this.plan,
          namespace: link,
          etc: this.etc,
          log,
          routes: this.routes,
          settings: this.mockSettings(),
          args: context.serveArguments,
        });
      },
      ready: serviceReady,
    });
  }

  private proxyProgram(container: Container): SupervisedProgram {
    const log = this.logOf('proxy');
    return this.supervised(`the proxy of pod ${this.plan.name}`, log, {
      start: () => startProxy(this.context.image, this.processOf(container, log)),
      ready: (_, signal) => proxyReady(this.address, signal),
    });
  }

  private istiodProgram(container: Container): SupervisedProgram {
    const log = this.logOf('istiod');
    const tokenFile = path.join(this.rootOf(container), 'var/run/secrets/kubernetes.io/serviceaccount/token');
    return this.supervised('istiod', log, {
      start: () => {
        const kubeconfig = this.context.kubeconfig(tokenFile);
        return startIstiod(this.context.image.istiod, this.processOf(container, log), kubeconfig);
      },
      ready: (_, signal) => waitForOk(`http://${this.address}:8080/ready`, signal),
    });
  }

  private supervised(
    name: string,
    log: string,
    program: { start(): ChildProcess; ready(program: ChildProcess, signal: AbortSignal): Promise<unknown> },
  ): SupervisedProgram {
    return new SupervisedProgram({
      name,
      log,
      ...program,
      onChange: () => this.events.onStatus(),
      onExit: (exited) => this.events.onProgramExit(exited),
    });
  }

  private processOf(container: Container, log: string): ContainerProcess {
    return {
      container,
      env: this.envOf(container),
      namespace: this.link,
      etc: this.etc,
      root: this.rootOf(container),
      uid: this.uid,
      log,
    };
  }

  private mockSettings(): MockSettings {
    const container = meshmockContainer(this.plan.spec);
    return container === undefined
      ? settingsOfImages(this.plan.spec)
      : mockSettings(container, this.envSources(container));
  }

  private envOf(container: Container): Record<string, string> {
    return containerEnv(container, this.envSources(container));
  }

  private envSources(container: Container): EnvSources {
    const { context, plan } = this;
    return {
      field: (name) => podField(this, name),
      resource: (reference) => resourceField(container, reference),
      data: (kind, name) => context.data(kind, name, plan.namespace),
    };
  }

  /** Gives the mock its entries of `--connect-to`, if they have changed. */
  setRoutes(): void {
    if (this.plan.role !== 'mock') return;
    const routes = this.context.routesOf(this.plan);
    if (routes.join(' ') === this.routes.join(' ')) return;
    this.routes = routes;
    const mock = this.main?.process;
    if (mock?.connected) sendToService(mock, { kind: 'connect-to', entries: routes });
  }

  /**
   * Sets the directives that the mock applies to every request.
   *
   * @param directives directives such as `/~delay=1s`; undefined for those with which the mock was started
   * @throws MeshmockError `usage` if the directives are not valid
   * @throws MeshmockError `unavailable` if the mock has ended
   */
  async setBehaviour(directives: string | undefined, signal: AbortSignal): Promise<void> {
    const mock = this.main?.process;
    if (!mock?.connected) {
      if (directives === undefined) return;
      throw new MeshmockError('unavailable', `the mock of pod ${this.plan.name} has ended`);
    }
    try {
      await setBehaviour(mock, directives ?? null, signal);
    } catch (error) {
      if (!(error instanceof MeshmockError)) throw error;
      throw new MeshmockError(error.code, `pod ${this.plan.name}: ${error.message}`);
    }
  }

  /** Ends the pod's programs, including those that are still starting, and removes its files and its namespace. */
  async stop(): Promise<void> {
    this.stopped.abort();
    clearInterval(this.timer);
    await this.starting;
    await this.main?.stop();
    await this.proxy?.stop();
    await killAllIn(this.link, AbortSignal.timeout(endTimeoutMs)).catch(() => {});
    await rm(this.folder, { recursive: true, force: true });
    await removePodNetwork({ name: this.link, link: this.link }, AbortSignal.timeout(endTimeoutMs)).catch(() => {
      // The namespace was not created, or it is gone with the mounts of a mesh that ends.
    });
  }

  /** Folder with the volumes of the pod. */
  private get folder(): string {
    return path.join(this.context.folder, 'pods', this.link);
  }

  private rootOf(container: Container): string {
    return path.join(this.folder, container.name);
  }

  /** Returns the command line that gives a command in a container its environment. */
  private environmentOf(container: string | undefined): string[] {
    const { pilotAgent } = this.context.image;
    // Istio's image has its program pilot-agent in the path.
    if (container !== undefined && container === this.plan.programs.proxy?.name)
      return ['env', `PATH=${path.dirname(pilotAgent)}:${process.env.PATH ?? ''}`];
    const mocked = this.plan.programs.mocked.find(({ name }) => name === container);
    // The image of Istio's echo has a client, which tests run.
    if (mocked === undefined || echoFormOf(mocked) !== 'istio-echo') return [];
    return ['env', `PATH=${echoClientFolder(this.context.folder)}:${process.env.PATH ?? ''}`];
  }

  /** Returns the place of a container, or of the pod if no container is named. */
  placeOf(container: string | undefined): ContainerPlace {
    const { proxy, istiod } = this.plan.programs;
    const program = container === proxy?.name ? 'proxy' : container === istiod?.name ? 'istiod' : 'app';
    const exec = podCommand({ namespace: this.link, etc: this.etc }, this.environmentOf(container));
    return { netns: this.link, ...(container === undefined ? {} : { log: this.logOf(program), exec }) };
  }

  /** Path of a log, such as `NAMESPACE_NAME.proxy.log`. */
  logOf(program: 'app' | 'proxy' | 'istiod'): string {
    return path.join(this.context.folder, 'logs', `${this.plan.name}.${program}.log`);
  }

  /** Folder with the pod's files in /etc. */
  private get etc(): string {
    return path.join(this.folder, 'etc');
  }

  private async writeEtc(): Promise<void> {
    const { address, etc, plan } = this;
    const { name, namespace, spec } = plan;
    await mkdir(etc, { recursive: true });
    await writeFile(path.join(etc, 'resolv.conf'), resolvConf(namespace, spec));
    await writeFile(path.join(etc, 'hosts'), hostsFile({ hostname: name, ...spec, address, namespace }));
  }
}
