import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { observedLogFormat } from './access-log.ts';
import { clusterId, tokenFor, trustDomain } from './certificates.ts';
import { bridgeAddress, istiodAddress, jaegerAddress } from './network.ts';
import { spawnInPod } from './program.ts';
import { answersOk } from './ready.ts';

/** The name by which sidecars dial istiod: its certificate has it. */
export const istiodHost = 'istiod.istio-system.svc';

/** The tracing provider that spans go to. */
export const tracingProvider = 'jaeger';

/** What the ConfigMap `istio` in `istio-system` holds in a cluster. */
function meshConfig(logRoutes: boolean): unknown {
  return {
    trustDomain,
    rootNamespace: 'istio-system',
    enableAutoMtls: true,
    enableTracing: true,
    // A mock of a host outside may be there only after the name was asked for.
    dnsRefreshRate: '1s',
    accessLogFile: '/dev/stdout',
    ...(logRoutes ? { accessLogFormat: observedLogFormat } : {}),
    // The filter that makes Istio's own metrics is in Istio's build of Envoy only.
    defaultProviders: { metrics: [] },
    extensionProviders: [
      {
        name: tracingProvider,
        opentelemetry: {
          service: collectorHost,
          port: 4318,
          http: { path: '/v1/traces', timeout: '3s' },
        },
      },
    ],
    defaultConfig: { discoveryAddress: `${istiodHost}:15012` },
  };
}

export interface ControlPlaneOptions {
  /** The program. */
  readonly istiod: string;
  /** A folder of its own. */
  readonly folder: string;
  readonly authorityFolder: string;
  readonly apiPort: number;
  readonly namespace: string;
  readonly log: string;
  /** Whether access logs name routes and rules. */
  readonly logRoutes: boolean;
}

/** Starts istiod against our API. */
export async function startIstiod(options: ControlPlaneOptions): Promise<ChildProcess> {
  const { istiod, folder, authorityFolder, apiPort, namespace, log } = options;
  await mkdir(folder, { recursive: true });
  const kubeconfig = path.join(folder, 'kubeconfig');
  const mesh = path.join(folder, 'mesh.yaml');
  writeFileSync(kubeconfig, stringify(kubeconfigFor(apiPort)));
  writeFileSync(mesh, stringify(meshConfig(options.logRoutes)));
  const args = ['discovery', '--kubeconfig', kubeconfig, '--meshConfig', mesh];
  return spawnInPod(istiod, [...args, '--domain', 'cluster.local', '--ctrlz_port', '0'], {
    namespace,
    cwd: folder,
    log,
    env: {
      HOME: folder,
      PATH: process.env.PATH,
      POD_NAME: 'istiod-0',
      POD_NAMESPACE: 'istio-system',
      CLUSTER_ID: clusterId,
      REVISION: 'default',
      ROOT_CA_DIR: authorityFolder,
      PILOT_CERT_PROVIDER: 'istiod',
      ENABLE_LEADER_ELECTION: 'false',
      INJECT_ENABLED: 'false',
      INJECTION_WEBHOOK_CONFIG_NAME: '',
      VALIDATION_WEBHOOK_CONFIG_NAME: '',
      // Filters that are in Istio's build of Envoy only.
      PILOT_ENABLE_METADATA_EXCHANGE: 'false',
      PILOT_ENABLE_ALPN_FILTER: 'false',
      PILOT_DISABLE_MX_ALPN: 'true',
      // Applied is to be in effect at once; nobody else writes to this API.
      PILOT_DEBOUNCE_AFTER: '10ms',
      PILOT_DEBOUNCE_MAX: '500ms',
    },
  });
}

function kubeconfigFor(apiPort: number): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bed', cluster: { server: `http://${bridgeAddress}:${apiPort}` } }],
    users: [{ name: 'istiod' }],
    contexts: [{ name: 'bed', context: { cluster: 'bed', user: 'istiod' } }],
    'current-context': 'bed',
  };
}

/** Resolves when istiod says that it is ready. */
export async function istiodReady(signal: AbortSignal): Promise<void> {
  await answersOk(`http://${istiodAddress}:8080/ready`, signal);
}

/** What each sidecar has been sent and has acknowledged: a nonce for each type of resource. */
export interface SyncStatus {
  readonly proxy: string;
  readonly resources: Readonly<
    Record<string, { readonly sent?: string; readonly acked?: string; readonly lastError?: string }>
  >;
}

/** Asks istiod how far its sidecars are. */
export async function syncStatus(signal: AbortSignal): Promise<SyncStatus[]> {
  // It tells those of its own namespace.
  const headers = { authorization: `Bearer ${tokenFor('istio-system', 'istiod')}` };
  const response = await fetch(`http://${istiodAddress}:8080/debug/syncz`, { headers, signal });
  if (!response.ok) throw new Error(`istiod's /debug/syncz says ${response.status}: ${await response.text()}`);
  return ((await response.json()) as SyncStatus[] | null) ?? [];
}

/** istiod's metrics, as Prometheus reads them. */
export async function istiodMetrics(signal: AbortSignal): Promise<string> {
  const response = await fetch(`http://${istiodAddress}:15014/metrics`, { signal });
  return response.text();
}

/** The name of the collector, to which proxies send their spans. */
export const collectorHost = 'jaeger-collector.istio-system.svc.cluster.local';

/** Where the services of a bed send their spans. */
export const collectorEndpoint = `http://${jaegerAddress}:4318`;
