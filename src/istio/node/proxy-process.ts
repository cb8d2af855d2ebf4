import type { ChildProcess } from 'node:child_process';
import { chownSync, writeFileSync } from 'node:fs';
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

/** Running proxy of a pod. */
export interface MeshProxy {
  /** Name of the proxy at istiod, as `POD.NAMESPACE`. */
  readonly id: string;
  readonly address: string;
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
  chownSync(log, uid, uid);
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

/**
 * Statistics that coverage reads, besides those that Istio keeps by default. In a large mesh, all statistics of a proxy
 * are megabytes, and cost it more processor time than everything else at its start.
 */
const countedStats = ['.upstream_rq_total', '.upstream_cx_total', '.fault.delays_injected'];

/** Statistics that the page of a mesh reads besides those of `metricsFilter` and `countedStats`. */
const pageStats = ['.upstream_rq_retry', '.upstream_rq_active'];

/** Returns the configuration of a proxy with the paths of this machine, and with what makes its changes visible at once. */
function proxyConfig(injected: string, { envoy, bootstrapTemplate }: ProxyImage): string {
  const given = JSON.parse(injected) as {
    runtimeValues?: object;
    concurrency?: number;
    proxyStatsMatcher?: { inclusionSuffixes?: readonly string[] };
  };
  const { inclusionSuffixes = [], ...otherStats } = given.proxyStatsMatcher ?? {};
  return JSON.stringify({
    concurrency: 1,
    // Duration for which connections of a replaced filter chain keep the old rules.
    drainDuration: '1s',
    ...given,
    proxyStatsMatcher: { ...otherStats, inclusionSuffixes: [...inclusionSuffixes, ...countedStats, ...pageStats] },
    binaryPath: envoy,
    proxyBootstrapTemplatePath: bootstrapTemplate,
    // Makes access logs visible at once.
    fileFlushInterval: `${logFlushMs / 1000}s`,
    runtimeValues: {
      // A message for each span would need more time than the request.
      'tracing.opentelemetry.min_flush_spans': '100',
      'tracing.opentelemetry.flush_interval_ms': '100',
      ...given.runtimeValues,
    },
  });
}

/** Waits until the proxy at an address has its configuration and serves. */
export async function proxyReady(address: string, signal: AbortSignal): Promise<void> {
  await waitForOk(`http://${address}:15021/healthz/ready`, signal);
}

/**
 * Reads the counters of `countedStats` from the Envoy at an address, in Prometheus' text format.
 *
 * @throws MeshmockError `unavailable` if the proxy does not answer
 */
export function proxyStats(address: string, signal: AbortSignal): Promise<string> {
  return fetchStats(address, `(${countedStats.map((suffix) => suffix.replaceAll('.', '\\.')).join('|')})$`, signal);
}

/** Gauges of what a proxy warms up or drains. */
const applyingGauges =
  '^(listener_manager\\.total_(filter_chains_draining|listeners_(draining|warming))|cluster_manager\\.warming_clusters)$';

/** Reports whether a proxy still warms up new configuration, or has connections that use replaced rules. */
export async function isApplyingConfig({ address }: MeshProxy, signal: AbortSignal): Promise<boolean> {
  return /^envoy_\S+ [1-9]/m.test(await fetchStats(address, applyingGauges, signal));
}

/** @param filter pattern of the names of statistics, in Envoy's own form */
function fetchStats(address: string, filter: string, signal: AbortSignal): Promise<string> {
  const query = new URLSearchParams({ filter });
  return fetchText(`the proxy at ${address}`, `http://${address}:15090/stats/prometheus?${query}`, signal);
}
