import type { ChildProcess } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { logFlushMs } from '../observe/access-log.ts';
import { fetchText } from '../process/fetch-text.ts';
import { spawnInPod } from '../process/program.ts';
import { waitForOk } from '../process/ready.ts';
import type { Container } from '../resources/objects.ts';
import { expandVariables } from './mock/container-env.ts';

/** Program of a container, and where it runs. */
export interface ContainerProcess {
  readonly container: Container;
  readonly env: Readonly<Record<string, string>>;
  /** Network namespace of the pod. */
  readonly namespace: string;
  /** Folder with the pod's files in /etc. */
  readonly etc: string;
  /** Folder with the container's volumes, in which the program runs. */
  readonly root: string;
  readonly uid: number;
  /** Path of the log file. */
  readonly log: string;
}

/** Paths of the files that the image of Istio's proxy contains in a cluster. */
export interface ProxyImage {
  readonly pilotAgent: string;
  readonly envoy: string;
  readonly bootstrapTemplate: string;
}

/** Starts pilot-agent, which starts Envoy as a sidecar or as a gateway. */
export function startProxy(image: ProxyImage, process: ContainerProcess): ChildProcess {
  const { PROXY_CONFIG = '{}' } = process.env;
  return startContainer(image.pilotAgent, process, { PROXY_CONFIG: proxyConfig(PROXY_CONFIG, image) });
}

/**
 * Starts istiod with the identity of its pod.
 *
 * @param kubeconfig path of a kubeconfig with the pod's token
 */
export function startIstiod(istiod: string, process: ContainerProcess, kubeconfig: string): ChildProcess {
  return startContainer(istiod, process, { KUBECONFIG: kubeconfig }, ['--ctrlz_port', '0']);
}

function startContainer(
  file: string,
  { container, env, namespace, etc, root, uid, log }: ContainerProcess,
  ownEnv: Readonly<Record<string, string>>,
  ownArgs: readonly string[] = [],
): ChildProcess {
  // A restarted container has the same log, and its readers may not have finished.
  writeFileSync(log, '', { flag: 'a' });
  // Envoy opens its standard output again as the proxy's user.
  chmodSync(log, 0o666);
  const args = (container.args ?? []).map((arg) => expandVariables(arg, env));
  return spawnInPod(file, [...args, ...ownArgs], {
    namespace,
    etc,
    uid,
    cwd: root,
    log,
    env: { PATH: process.env.PATH, HOME: root, ...env, ...ownEnv },
  });
}

/** Returns the configuration of a proxy with the paths of this machine, and with what makes its changes visible at once. */
function proxyConfig(injected: string, { envoy, bootstrapTemplate }: ProxyImage): string {
  const given = JSON.parse(injected) as { runtimeValues?: object; concurrency?: number };
  return JSON.stringify({
    concurrency: 1,
    // Duration for which connections of a replaced filter chain keep the old rules.
    drainDuration: '1s',
    // Enables all counters, because tests and coverage read them.
    proxyStatsMatcher: { inclusionRegexps: ['.*'] },
    ...given,
    binaryPath: envoy,
    proxyBootstrapTemplatePath: bootstrapTemplate,
    // Makes access logs visible at once.
    fileFlushInterval: `${logFlushMs / 1000}s`,
    runtimeValues: {
      // Makes spans visible at once.
      'tracing.opentelemetry.min_flush_spans': '1',
      'tracing.opentelemetry.flush_interval_ms': '200',
      ...given.runtimeValues,
    },
  });
}

/** Waits until the proxy at an address has its configuration and serves. */
export async function proxyReady(address: string, signal: AbortSignal): Promise<void> {
  await waitForOk(`http://${address}:15021/healthz/ready`, signal);
}

/**
 * Reads the counters and gauges of the Envoy at an address, in Prometheus' text format.
 *
 * @throws MeshmockError `unavailable` if the proxy does not answer
 */
export function proxyStats(address: string, signal: AbortSignal): Promise<string> {
  return fetchText(`the proxy at ${address}`, `http://${address}:15090/stats/prometheus`, signal);
}

/** Reports whether a proxy still warms up new configuration, or has connections that use replaced rules. */
export async function isApplyingConfig(address: string, signal: AbortSignal): Promise<boolean> {
  const stats = await proxyStats(address, signal);
  return /^envoy_(?:listener_manager_total_\w*(?:draining|warming)|cluster_manager_warming_clusters)\S* [1-9]/m.test(
    stats,
  );
}
