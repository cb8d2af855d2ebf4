import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { sendToService, serviceReady, setBehaviour } from '../../serve/process/service-channel.ts';
import type { ContainerPlace } from '../control-plane/control-plane.ts';
import { waitForOk } from '../process/ready.ts';
import type { Container } from '../resources/objects.ts';
import { type MockSettings, meshmockContainer, mockSettings, settingsOfImages } from './mock/mock-container.ts';
import { MockVolumes } from './mock/mock-volumes.ts';
import { startMock } from './mock-process.ts';
import { mockKey, type PodPlan } from './pod-plan.ts';
import { type NodeContext, PodSandbox } from './pod-sandbox.ts';
import { podStatusObject } from './pod-status-object.ts';
import { proxyReady, startIstiod, startProxy } from './proxy-process.ts';
import { SupervisedProgram } from './supervised-program.ts';

/** Receiver of the events of a pod. */
export interface PodEvents {
  /** Called when the status of the pod has changed. */
  onStatus(): void;
  /** Called with the name of a program that ends unexpectedly. */
  onProgramExit(name: string): void;
}

/** Interval at which files of volumes are written again: tokens expire, and ConfigMaps change. */
const volumesMs = 10 * 60_000;

/** Running pod: a network namespace with the programs of its containers. */
export class RunningPod {
  private currentPlan: PodPlan;
  private readonly sandbox: PodSandbox;
  private readonly mockVolumes: MockVolumes;
  private readonly context: NodeContext;
  private readonly events: PodEvents;
  private readonly startedAt = new Date();
  private readonly stopped = new AbortController();
  private starting: Promise<void> = Promise.resolve();
  private isInitialized = false;
  private areProgramsStarted = false;
  private startProblem: string | undefined;
  /** False while the readiness probe of the mock fails. The pod runs, and gets no requests through Services. */
  private passesProbe = true;
  private servicePorts: readonly string[] = [];
  private main: SupervisedProgram | undefined;
  private proxy: SupervisedProgram | undefined;
  private timer: NodeJS.Timeout | undefined;
  private freeSlot: () => void = () => {};

  constructor(plan: PodPlan, address: string, context: NodeContext, events: PodEvents) {
    this.currentPlan = plan;
    this.sandbox = new PodSandbox(plan, address, context);
    this.mockVolumes = new MockVolumes(plan.spec, this.sandbox, (container, signal) =>
      this.writeVolumesOf(container, signal),
    );
    this.context = context;
    this.events = events;
  }

  get address(): string {
    return this.sandbox.address;
  }

  get networkNamespace(): string {
    return this.sandbox.link;
  }

  get plan(): PodPlan {
    return this.currentPlan;
  }

  /** True if all programs of the pod are ready, whatever its readiness probe says. */
  get isReady(): boolean {
    const { main, proxy } = this;
    return this.areProgramsStarted && (main === undefined || main.isReady) && (proxy === undefined || proxy.isReady);
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
      passesProbe: this.passesProbe,
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
      this.changed();
    });
  }

  /** Takes over a changed plan. A mock with other ports or names starts again. */
  update(plan: PodPlan): void {
    if (plan === this.plan) return;
    const isOther = mockKey(plan) !== mockKey(this.plan);
    this.currentPlan = plan;
    if (isOther && plan.role === 'mock') this.main?.restart();
    this.setServicePorts();
  }

  private async startPrograms(): Promise<void> {
    const { signal } = this.stopped;
    const { proxy, istiod } = this.plan.programs;
    // All other pods wait for istiod.
    if (istiod === undefined) this.freeSlot = await this.context.slots.take(signal);
    await this.sandbox.create(signal);
    this.isInitialized = true;
    this.main = istiod === undefined ? this.mockProgram() : this.istiodProgram(istiod);
    if (istiod === undefined) await this.mockVolumes.write(signal);
    // A mock needs no other volumes. So it starts while istiod makes the ConfigMap for the proxy.
    if (istiod === undefined) this.main?.start();
    for (const container of [proxy, istiod]) if (container !== undefined) await this.writeVolumesOf(container, signal);
    if (istiod !== undefined) this.main?.start();
    if (proxy !== undefined) {
      this.proxy = this.proxyProgram(proxy);
      this.proxy.start();
    }
    this.areProgramsStarted = true;
    this.timer = setInterval(() => void this.writeVolumesAgain(), volumesMs);
    this.changed();
  }

  private changed(): void {
    if (this.isReady || this.problem !== undefined) this.freeSlot();
    this.events.onStatus();
  }

  private writeVolumesOf(container: Container, signal: AbortSignal): Promise<void> {
    const onMissing = (missing: readonly string[]): void => {
      const { name } = this.plan;
      this.startProblem = missing.length === 0 ? undefined : `pod ${name}: waits for ${missing.join(', ')}`;
      this.changed();
    };
    return this.sandbox.writeVolumes(container, onMissing, signal);
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
    const { plan, context, sandbox } = this;
    if (plan.role === 'gateway') return undefined;
    const log = sandbox.logOf('app');
    // Errors in the settings are errors of the start, not of the program.
    this.mockSettings();
    return this.supervised(`the mock of pod ${plan.name}`, log, {
      start: () => {
        this.servicePorts = context.servicePortsOf(this.plan);
        return startMock({
          pod: this.plan,
          namespace: sandbox.link,
          etc: sandbox.etc,
          log,
          servicePorts: this.servicePorts,
          settings: this.mockSettings(),
          args: context.serveArguments,
        });
      },
      ready: async (program, signal) => {
        await serviceReady(program, signal);
        if (!this.passesProbe) this.sendReadiness(program);
      },
    });
  }

  private proxyProgram(container: Container): SupervisedProgram {
    const log = this.sandbox.logOf('proxy');
    return this.supervised(`the proxy of pod ${this.plan.name}`, log, {
      start: () => startProxy(this.context.image, this.sandbox.processOf(container, log)),
      ready: (_, signal) => proxyReady(this.address, signal),
    });
  }

  private istiodProgram(container: Container): SupervisedProgram {
    const log = this.sandbox.logOf('istiod');
    const tokenFile = path.join(this.sandbox.rootOf(container), 'var/run/secrets/kubernetes.io/serviceaccount/token');
    return this.supervised('istiod', log, {
      start: () => {
        const kubeconfig = this.context.kubeconfig(tokenFile);
        return startIstiod(this.context.image.istiod, this.sandbox.processOf(container, log), kubeconfig);
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
      onChange: () => this.changed(),
      onExit: (exited) => this.events.onProgramExit(exited),
    });
  }

  private mockSettings(): MockSettings {
    const container = meshmockContainer(this.plan.spec);
    return container === undefined
      ? settingsOfImages(this.plan.spec)
      : mockSettings(container, this.sandbox.envSources(container), (file) =>
          this.mockVolumes.placeOf(container, file),
        );
  }

  /** Gives the mock the ports of Services, if they have changed. */
  private setServicePorts(): void {
    if (this.plan.role !== 'mock') return;
    const ports = this.context.servicePortsOf(this.plan);
    if (ports.join(' ') === this.servicePorts.join(' ')) return;
    this.servicePorts = ports;
    const mock = this.main?.process;
    if (mock?.connected) sendToService(mock, { kind: 'service-ports', ports });
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

  /** Lets the readiness probe of the mock succeed or fail, and writes the status that a kubelet would write then. */
  setReadiness(isReady: boolean): void {
    this.passesProbe = isReady;
    const mock = this.main?.process;
    if (mock?.connected) this.sendReadiness(mock);
    this.changed();
  }

  private sendReadiness(mock: ChildProcess): void {
    sendToService(mock, { kind: 'readiness', isReady: this.passesProbe });
  }

  /** Ends the pod's programs, including those that are still starting, and removes its files and its namespace. */
  async stop(): Promise<void> {
    this.stopped.abort();
    clearInterval(this.timer);
    await this.starting;
    this.freeSlot();
    await this.main?.stop();
    await this.proxy?.stop();
    await this.sandbox.remove();
  }

  /** Returns the place of a container, or of the pod if no container is named. */
  placeOf(container: string | undefined): ContainerPlace {
    return this.sandbox.placeOf(container);
  }
}
