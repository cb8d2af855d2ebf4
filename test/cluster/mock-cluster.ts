import assert from 'node:assert/strict';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { installTools } from '../../src/istio/tools/install-tools.ts';
import { buildImage } from '../image/build.ts';
import { Cluster } from './cluster.ts';
import type { Image } from './image.ts';

/** Names of the images in the manifests of kubernetes/. */
export const meshmockImage = 'meshmock:0.1.0';
const jaegerImage = 'jaegertracing/jaeger:2.20.0';

/** Pod, with the fields that the tests read. */
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

/** Cluster with the images of the manifests in kubernetes/: meshmock from this checkout, and Jaeger. */
export class MockCluster implements AsyncDisposable {
  readonly cluster: Cluster;
  /** Steps of the start with their durations, as text. */
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

  /**
   * Creates a namespace.
   *
   * @param labels labels of the namespace; Pod Security "restricted" if not given
   */
  async namespace(name: string, ...labels: readonly string[]): Promise<void> {
    const allLabels = labels.length > 0 ? labels : ['pod-security.kubernetes.io/enforce=restricted'];
    await this.cluster.kubectl('create', 'namespace', name);
    await this.cluster.kubectl('label', 'namespace', name, ...allLabels);
  }

  /** Waits until every pod of every Deployment is ready, by its probes. */
  async ready(namespace: string): Promise<void> {
    const deployments = (await this.cluster.kubectl('-n', namespace, 'get', 'deployment', '-o', 'name')).trim();
    assert.notEqual(deployments, '');
    for (const deployment of deployments.split('\n'))
      await this.cluster.kubectl('-n', namespace, 'rollout', 'status', deployment, '--timeout=240s');
  }

  /** Returns objects as `kubectl get -o json` prints them. */
  async get<T>(namespace: string, ...what: readonly string[]): Promise<T> {
    return JSON.parse(await this.cluster.kubectl('-n', namespace, 'get', ...what, '-o', 'json')) as T;
  }

  /**
   * Returns the process id of a pod's mock on the node.
   *
   * @param pod name of the pod as `kubectl get -o name` prints it
   */
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
 * Repeats an action until its result is the wanted one. Kubernetes does some things only some time after it has
 * confirmed them, such as changing the addresses of a Service.
 *
 * @throws the last error, or an error with the last result, after `timeoutMs`
 */
export async function eventually<T>(
  action: () => Promise<T>,
  isWanted: (value: T) => boolean,
  timeoutMs = 120_000,
): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const isLastTry = performance.now() > until;
    try {
      const value = await action();
      if (isWanted(value)) return value;
      if (isLastTry) throw new Error(`after ${timeoutMs / 1000} s the result is still ${inspect(value)}`);
    } catch (error) {
      if (isLastTry) throw error;
    }
    await sleep(100);
  }
}
