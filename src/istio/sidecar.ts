import type { ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { logFlushMs } from './access-log.ts';
import { clusterId, meshId, tokenFor, trustDomain } from './certificates.ts';
import { istiodHost } from './control-plane.ts';
import { fetchText } from './fetch-text.ts';
import { jaegerAddress, rejectServiceAddresses } from './network.ts';
import type { Labels } from './objects.ts';
import type { PodPlan } from './pods.ts';
import { containerPortsOf } from './ports.ts';
import { podCommand, runProgram, spawnInPod } from './program.ts';
import { waitForOk } from './ready.ts';

/** User of the proxy. The iptables rules do not redirect its traffic. */
const proxyUid = 1337;

/** Ports on which a mock accepts the connections of entries, which bypass its sidecar. */
export const entryPorts = { http: 15980, grpc: 15990 } as const;
const notIntercepted = [15090, 15021, 15020, entryPorts.http, entryPorts.grpc];

export interface SidecarOptions {
  readonly pod: PodPlan;
  readonly address: string;
  /** Network namespace of the pod. */
  readonly namespace: string;
  readonly pilotAgent: string;
  readonly envoy: string;
  readonly bootstrapTemplate: string;
  readonly rootCertificate: string;
  readonly resolvConf: string;
  /** Folder that only this proxy uses. */
  readonly folder: string;
  readonly log: string;
}

/** Pod whose traffic is redirected through its sidecar. */
export interface InterceptionOptions extends Pick<SidecarOptions, 'pilotAgent' | 'namespace' | 'resolvConf'> {
  /** Annotations of the pod; those of `traffic.sidecar.istio.io` restrict the traffic. */
  readonly annotations: Labels;
}

/** Sets the iptables rules of istio-init, which redirect all traffic of a pod through its sidecar. */
export async function interceptTraffic(
  { pilotAgent, namespace, resolvConf, annotations }: InterceptionOptions,
  signal: AbortSignal,
): Promise<void> {
  // istio-iptables redirects the queries to the name servers in /etc/resolv.conf.
  const [program = '', ...rest] = podCommand({ namespace, resolvConf }, [pilotAgent, 'istio-iptables']);
  await runProgram(
    program,
    [
      ...rest,
      '-p',
      '15001',
      '-z',
      '15006',
      '-u',
      String(proxyUid),
      '-g',
      String(proxyUid),
      '-m',
      'REDIRECT',
      ...trafficArguments(annotations),
      '--redirect-dns',
    ],
    { signal },
  );
  // The proxy passes unknown destinations through. A connection to a Service's address would hang for ten seconds.
  await rejectServiceAddresses(namespace, proxyUid, signal);
}

/**
 * Returns the arguments of istio-iptables for the annotations of a pod, as the template of Istio's injector makes them
 * (Istio, "Resource Annotations").
 */
function trafficArguments(annotations: Labels): string[] {
  const of = (name: string): string | undefined => annotations[`traffic.sidecar.istio.io/${name}`];
  const joined = (...lists: readonly (string | undefined)[]): string => lists.filter((list) => list).join(',');
  const excludedOutboundPorts = of('excludeOutboundPorts');
  const includedOutboundPorts = of('includeOutboundPorts');
  return [
    '-i',
    of('includeOutboundIPRanges') ?? '*',
    '-x',
    joined(`${jaegerAddress}/32`, of('excludeOutboundIPRanges')),
    '-b',
    of('includeInboundPorts') ?? '*',
    '-d',
    joined(notIntercepted.join(','), of('excludeInboundPorts')),
    ...(excludedOutboundPorts ? ['-o', excludedOutboundPorts] : []),
    ...(includedOutboundPorts ? ['-q', includedOutboundPorts] : []),
  ];
}

/** Starts pilot-agent, which starts Envoy as a sidecar or as a gateway. */
export function startSidecar(options: SidecarOptions): ChildProcess {
  const { pod, address, namespace, pilotAgent, folder, log, resolvConf } = options;
  prepareFolder(options);
  // A restarted pod has the same name, and readers of the log may not have finished. So the log is appended to.
  writeFileSync(log, '', { flag: 'a' });
  // Envoy reopens its standard output as the proxy's user.
  chmodSync(log, 0o666);
  const role = pod.role === 'gateway' ? 'router' : 'sidecar';
  const args = ['proxy', role, '--domain', `${pod.namespace}.svc.cluster.local`, '--proxyLogLevel=warning'];
  return spawnInPod(pilotAgent, args, {
    namespace,
    resolvConf,
    uid: proxyUid,
    cwd: folder,
    log,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      POD_NAME: pod.name,
      POD_NAMESPACE: pod.namespace,
      INSTANCE_IP: address,
      SERVICE_ACCOUNT: pod.serviceAccount,
      CA_ADDR: `${istiodHost}:15012`,
      PILOT_CERT_PROVIDER: 'istiod',
      TRUST_DOMAIN: trustDomain,
      ISTIO_META_CLUSTER_ID: clusterId,
      ISTIO_META_MESH_ID: meshId,
      ISTIO_META_WORKLOAD_NAME: pod.workload,
      ISTIO_META_OWNER: `kubernetes://apis/apps/v1/namespaces/${pod.namespace}/deployments/${pod.workload}`,
      ISTIO_META_DNS_CAPTURE: 'true',
      ...(role === 'sidecar' ? { ISTIO_META_INTERCEPTION_MODE: 'REDIRECT' } : {}),
      ISTIO_META_POD_PORTS: JSON.stringify(containerPortsOf(pod.spec)),
      PROXY_CONFIG: JSON.stringify(proxyConfig(options)),
    },
  });
}

function proxyConfig({ pod, envoy, bootstrapTemplate }: SidecarOptions): unknown {
  return {
    discoveryAddress: `${istiodHost}:15012`,
    binaryPath: envoy,
    proxyBootstrapTemplatePath: bootstrapTemplate,
    concurrency: 1,
    statusPort: 15020,
    // Makes access logs visible at once.
    fileFlushInterval: `${logFlushMs / 1000}s`,
    // Duration for which connections of a replaced filter chain keep the old rules.
    drainDuration: '1s',
    // Enables all counters, because tests and coverage read them.
    proxyStatsMatcher: { inclusionRegexps: ['.*'] },
    serviceCluster: `${pod.service}.${pod.namespace}`,
    // Makes spans visible at once.
    runtimeValues: { 'tracing.opentelemetry.min_flush_spans': '1', 'tracing.opentelemetry.flush_interval_ms': '200' },
  };
}

/** Writes the files that the injector and kubelet mount in a cluster. */
function prepareFolder({ pod, folder, rootCertificate }: SidecarOptions): void {
  for (const name of [
    'etc/istio/pod',
    'etc/istio/proxy',
    'var/run/secrets/tokens',
    'var/run/secrets/istio',
    'var/run/secrets/workload-spiffe-uds',
    'var/lib/istio/data',
  ])
    mkdirSync(path.join(folder, name), { recursive: true });
  const lines = (values: Readonly<Record<string, string>>): string =>
    Object.entries(values)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}\n`)
      .join('');
  writeFileSync(path.join(folder, 'etc/istio/pod/labels'), lines(pod.labels));
  writeFileSync(path.join(folder, 'etc/istio/pod/annotations'), lines(pod.annotations));
  writeFileSync(path.join(folder, 'var/run/secrets/tokens/istio-token'), tokenFor(pod.namespace, pod.serviceAccount));
  copyFileSync(rootCertificate, path.join(folder, 'var/run/secrets/istio/root-cert.pem'));
  for (const entry of ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })])
    chownSync(path.join(folder, entry), proxyUid, proxyUid);
}

/** Waits until the proxy at an address has its configuration and serves. */
export async function sidecarReady(address: string, signal: AbortSignal): Promise<void> {
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
