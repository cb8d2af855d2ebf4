import assert from 'node:assert/strict';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { installTools } from '../../src/istio/tools.ts';
import { buildImage } from '../image/build.ts';
import { Cluster } from './cluster.ts';
import type { Image } from './image.ts';

/** The names of the images in kubernetes/. */
export const meshmockImage = 'meshmock:0.1.0';
const jaegerImage = 'jaegertracing/jaeger:2.20.0';

/** What the tests read of one. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses: readonly {
      readonly name: string;
      readonly containerID: string;
      readonly restartCount: number;
    }[];
  };
}

/** A cluster that has the images of kubernetes/, the checkout's own one and a Jaeger. */
export class MockCluster implements AsyncDisposable {
  readonly cluster: Cluster;
  /** How long it took to start, for a person to read. */
  readonly steps: string;

  private constructor(cluster: Cluster, steps: string) {
    this.cluster = cluster;
    this.steps = steps;
  }

  /** @param more further images */
  static async start(signal: AbortSignal, more: readonly Image[] = []): Promise<MockCluster> {
    const { archive } = await buildImage(meshmockImage);
    const steps: string[] = [];
    const { jaeger } = await installTools(['jaeger'], signal);
    const files = { '/jaeger': path.join(jaeger, 'jaeger') };
    const images = [archive, { name: jaegerImage, files, entrypoint: ['/jaeger'] }, ...more];
    const onStep = (step: string, afterMs: number): number => steps.push(`${step} ${(afterMs / 1000).toFixed(1)} s`);
    const cluster = await Cluster.start({ images, onStep }, signal);
    return new MockCluster(cluster, steps.join(', '));
  }

  /** Makes a namespace, under Pod Security "restricted" if nothing else is said. */
  async namespace(name: string, ...labels: readonly string[]): Promise<void> {
    const enforced = labels.length > 0 ? labels : ['pod-security.kubernetes.io/enforce=restricted'];
    await this.cluster.kubectl('create', 'namespace', name);
    await this.cluster.kubectl('label', 'namespace', name, ...enforced);
  }

  /** Waits until every pod that Deployments ask for is ready, by its probes. */
  async ready(namespace: string): Promise<void> {
    const deployments = (await this.cluster.kubectl('-n', namespace, 'get', 'deployment', '-o', 'name')).trim();
    assert.notEqual(deployments, '');
    for (const deployment of deployments.split('\n'))
      await this.cluster.kubectl('-n', namespace, 'rollout', 'status', deployment, '--timeout=120s');
  }

  /** The JSON of objects, as `kubectl get -o json` has it. */
  async get<T>(namespace: string, ...what: readonly string[]): Promise<T> {
    return JSON.parse(await this.cluster.kubectl('-n', namespace, 'get', ...what, '-o', 'json')) as T;
  }

  /** The process of a pod's mock, as programs on the node see it; `pod` as `kubectl get -o name` has it. */
  async processOf(namespace: string, pod: string): Promise<number> {
    const { status } = await this.get<Pod>(namespace, pod);
    const id = status.containerStatuses.find(({ name }) => name === 'meshmock')?.containerID;
    const tasks = await this.cluster.run(['ctr', '-n', 'k8s.io', 'tasks', 'list']);
    return Number(new RegExp(`^${id?.replace('containerd://', '')}\\s+(\\d+)`, 'm').exec(tasks)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
  }
}

/**
 * Does something again until it gives what is wanted: for what Kubernetes does some time after it has said so, as
 * changing the addresses of a Service.
 *
 * @throws the last error, or one that shows what it gave last, after `longestMs`
 */
export async function eventually<T>(
  action: () => Promise<T>,
  isWanted: (value: T) => boolean,
  longestMs = 30_000,
): Promise<T> {
  const until = performance.now() + longestMs;
  for (;;) {
    const late = performance.now() > until;
    try {
      const value = await action();
      if (isWanted(value)) return value;
      if (late) throw new Error(`after ${longestMs / 1000} s still ${inspect(value)}`);
    } catch (error) {
      if (late) throw error;
    }
    await sleep(100);
  }
}
