import type { ChildProcess } from 'node:child_process';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { Observation, ObservedPod, ObserveRequest, RecordedChange } from '../../istio/live/observation.ts';
import type { MeshSource } from '../../mesh-page/mesh-answers.ts';
import type { MeshModel } from '../../mesh-page/mesh-model.ts';
import type { EdgeDetails, MeshState } from '../../page/model/mesh-page-data.ts';
import { authorityOf } from '../../plan/plan.ts';
import { parseMessageFromService } from '../../serve/process/process-messages.ts';
import { sendToService } from '../../serve/process/service-channel.ts';
import { dialled, type Pod } from './mesh-pods.ts';
import { CountedPod } from './pod-traffic.ts';
import type { MeshTelemetry } from './up-telemetry.ts';
import { settingsOfEdge } from './version-settings.ts';

/** Namespace of all services: the mesh has none. */
const noNamespace = '';

/** Pod with its process. */
interface PodProcess {
  readonly pod: Pod;
  readonly child: ChildProcess;
  readonly counted: CountedPod;
}

/**
 * Source of the page of a mesh of processes. The services count their calls only while a page is open; this process switches
 * their counters over its channels to them.
 */
export class ProcessMesh implements MeshSource {
  readonly name: string;
  readonly kind: MeshState['kind'] = 'processes';
  private readonly processes: readonly PodProcess[];
  private readonly traces: MeshTelemetry['traces'];
  private readonly changes: RecordedChange[] = [];
  /** Time since which the services count; undefined while they do not. */
  private countedSinceMs: number | undefined;

  constructor(name: string, pods: readonly Pod[], children: readonly ChildProcess[], traces: MeshTelemetry['traces']) {
    this.name = name;
    this.traces = traces;
    const podsByAddress = new Map(
      pods.flatMap((pod) => [pod.http, pod.grpc, pod.tcp].map((address) => [dialled(address), pod.name] as const)),
    );
    const podAt = (address: string): string | undefined =>
      podsByAddress.get(address.replace(/^localhost:/, '127.0.0.1:'));
    this.processes = pods.flatMap((pod, index) => {
      const child = children[index];
      return child === undefined ? [] : [{ pod, child, counted: new CountedPod(podAt) }];
    });
    for (const one of this.processes) this.follow(one);
  }

  get jaegerUrl(): string {
    if (this.traces.kind === 'jaeger') return this.traces.url;
    throw new MeshmockError('unavailable', this.traces.reason);
  }

  setWatched(isWatched: boolean): void {
    this.countedSinceMs = isWatched ? Date.now() : undefined;
    for (const { child } of this.processes)
      if (child.connected) sendToService(child, { kind: 'traffic', isCounted: isWatched });
  }

  async observe({ afterChange }: ObserveRequest): Promise<Observation> {
    const atMs = Date.now();
    return {
      atMs,
      countedSinceMs: this.countedSinceMs ?? atMs,
      rootNamespace: noNamespace,
      pods: this.processes.map(observedPod),
      services: [],
      traffic: this.processes.map(({ pod, counted }) => ({
        pod: `${noNamespace}/${pod.name}`,
        series: counted.series(),
        retries: [],
      })),
      refusals: [],
      objectsVersion: 1,
      objects: [],
      changes: this.changes.filter(({ number }) => number > afterChange),
    };
  }

  urlOf(id: string): string | undefined {
    const pod = this.processes.find((one) => idOf(one.pod) === id && isRunning(one))?.pod;
    return pod === undefined ? undefined : `http://${dialled(pod.http).replace(/^127\.0\.0\.1:/, 'localhost:')}/`;
  }

  async edgeDetails(
    { nodes }: MeshModel,
    ends: { readonly from: string; readonly to: string },
  ): Promise<EdgeDetails | undefined> {
    if (nodes === undefined || !nodes.has(ends.from) || !nodes.has(ends.to)) return undefined;
    const pods = this.processes.filter(({ pod }) => idOf(pod) === ends.to).map(({ pod }) => pod);
    const versions = new Set(pods.map(({ version }) => version));
    return settingsOfEdge(`${ends.from} ${ends.to}`, versions.size === 0 ? undefined : [...versions]);
  }

  private follow({ pod, child, counted }: PodProcess): void {
    child.on('message', (value) => {
      const message = parseMessageFromService(value);
      if (message?.kind === 'traffic') counted.add(message.counts);
    });
    child.once('exit', (code, signal) => {
      const object = { apiVersion: 'v1', kind: 'Process', metadata: { name: pod.title, namespace: noNamespace } };
      this.changes.push({
        number: this.changes.length + 1,
        atMs: Date.now(),
        by: 'other',
        reason: signal === null ? `Its exit code is ${code}.` : `The signal ${signal} has ended it.`,
        objects: [{ change: 'deleted', before: object }],
        more: 0,
      });
    });
  }
}

/** Returns the id of a service's node, as that of a service in a namespace without a name. */
function idOf({ service }: Pod): string {
  return `${service}.${noNamespace}`;
}

function isRunning({ child }: PodProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function observedPod(one: PodProcess): ObservedPod {
  const { pod } = one;
  return {
    name: pod.name,
    namespace: noNamespace,
    workload: pod.name,
    service: pod.service,
    version: pod.version.version,
    address: authorityOf(pod.http),
    role: 'mock',
    hasSidecar: false,
    isReady: isRunning(one),
    serviceAccount: '',
    labels: {},
    isOutside: false,
  };
}
