import type { ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { logFlushMs } from './access-log.ts';
import { clusterId, meshId, tokenFor, trustDomain } from './certificates.ts';
import { istiodHost } from './control-plane.ts';
import { jaegerAddress, refuseServices } from './network.ts';
import type { PodPlan } from './pods.ts';
import { containerPortsOf } from './ports.ts';
import { inPod, runProgram, spawnInPod } from './program.ts';
import { answersOk } from './ready.ts';

/** The user whose traffic is the proxy's own: the rules let it pass. */
const proxyUid = 1337;

/** Ports of the proxy itself, and those by which we reach a mock past its sidecar. */
export const entryPorts = { http: 15980, grpc: 15990 } as const;
const notIntercepted = [15090, 15021, 15020, entryPorts.http, entryPorts.grpc];

export interface SidecarOptions {
  readonly pod: PodPlan;
  readonly address: string;
  /** The network namespace. */
  readonly namespace: string;
  readonly pilotAgent: string;
  readonly envoy: string;
  readonly bootstrapTemplate: string;
  readonly rootCertificate: string;
  readonly resolvConf: string;
  /** A folder of its own. */
  readonly folder: string;
  readonly log: string;
}

/** Programs the rules that istio-init does: all traffic of a pod goes through its sidecar. */
export async function interceptTraffic(
  { pilotAgent, namespace, resolvConf }: Pick<SidecarOptions, 'pilotAgent' | 'namespace' | 'resolvConf'>,
  signal: AbortSignal,
): Promise<void> {
  // It redirects queries to the name servers that it finds in /etc/resolv.conf.
  const [program = '', ...rest] = inPod({ namespace, resolvConf }, [pilotAgent, 'istio-iptables']);
  await runProgram(
    program,
    [
      ...[...rest, '-p', '15001', '-z', '15006'],
      ...['-u', String(proxyUid), '-g', String(proxyUid), '-m', 'REDIRECT', '-i', '*', '-x', `${jaegerAddress}/32`],
      ...['-b', '*', '-d', notIntercepted.join(','), '--redirect-dns'],
    ],
    { signal },
  );
  // What a proxy knows nothing of, it passes through: to a Service's address that would be ten seconds of waiting.
  await refuseServices(namespace, proxyUid, signal);
}

/** Starts pilot-agent, which starts Envoy: a sidecar, or a gateway. */
export function startSidecar(options: SidecarOptions): ChildProcess {
  const { pod, address, namespace, pilotAgent, folder, log, resolvConf } = options;
  prepareFolder(options);
  // A pod that comes back has the name of the one that went: what that one logged is still to be read.
  writeFileSync(log, '', { flag: 'a' });
  // Envoy opens its standard output anew, as its own user.
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
    // Access logs are to be seen at once.
    fileFlushInterval: `${logFlushMs / 1000}s`,
    // Connections on a replaced filter chain keep the old rules for this long.
    drainDuration: '1s',
    // The counters by which traffic is checked.
    proxyStatsMatcher: { inclusionRegexps: ['.*'] },
    serviceCluster: `${pod.service}.${pod.namespace}`,
    // Spans are to be seen at once.
    runtimeValues: { 'tracing.opentelemetry.min_flush_spans': '1', 'tracing.opentelemetry.flush_interval_ms': '200' },
  };
}

/** The files that the injector and kubelet would have mounted. */
function prepareFolder({ pod, folder, rootCertificate }: SidecarOptions): void {
  for (const name of [
    ...['etc/istio/pod', 'etc/istio/proxy', 'var/run/secrets/tokens', 'var/run/secrets/istio'],
    ...['var/run/secrets/workload-spiffe-uds', 'var/lib/istio/data'],
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

/** Resolves when the proxy at an address has its configuration and serves. */
export async function sidecarReady(address: string, signal: AbortSignal): Promise<void> {
  await answersOk(`http://${address}:15021/healthz/ready`, signal);
}

/** Envoy's counters and gauges by their names in Prometheus's format. */
export async function proxyStats(address: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(`http://${address}:15090/stats/prometheus`, { signal });
  return response.text();
}

/** Whether a proxy has yet to begin with what it took in, or connections still live by rules that were replaced. */
export async function isUnsettled(address: string, signal: AbortSignal): Promise<boolean> {
  const stats = await proxyStats(address, signal);
  return /^envoy_(?:listener_manager_total_\w*(?:draining|warming)|cluster_manager_warming_clusters)\S* [1-9]/m.test(
    stats,
  );
}
