import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { routeLogFormat } from './access-log.ts';
import { clusterId, tokenFor, trustDomain } from './certificates.ts';
import { fetchText } from './fetch-text.ts';
import { bridgeAddress, istiodAddress, jaegerAddress } from './network.ts';
import { spawnInPod } from './program.ts';
import { waitForOk } from './ready.ts';

/** Name by which sidecars dial istiod, as in its certificate. */
export const istiodHost = 'istiod.istio-system.svc';

/** Name of the tracing provider that receives the spans. */
export const tracingProvider = 'jaeger';

/** Returns the mesh configuration, which the ConfigMap `istio` in `istio-system` contains in a cluster. */
function meshConfig(logRoutes: boolean): unknown {
  return {
    trustDomain,
    rootNamespace: 'istio-system',
    enableAutoMtls: true,
    enableTracing: true,
    // A mock of an external host may start after a proxy has resolved the host's name.
    dnsRefreshRate: '1s',
    accessLogFile: '/dev/stdout',
    ...(logRoutes ? { accessLogFormat: routeLogFormat } : {}),
    // Only Istio's build of Envoy has the filter for Istio's own metrics.
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
  /** Path of the program. */
  readonly istiod: string;
  /** Folder that only istiod uses. */
  readonly folder: string;
  readonly authorityFolder: string;
  readonly apiPort: number;
  /** Network namespace in which istiod runs. */
  readonly namespace: string;
  readonly log: string;
  /** True to have access logs name routes and rules. */
  readonly logRoutes: boolean;
}

/** Starts istiod with the API of a local mesh. */
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
      // These filters exist only in Istio's build of Envoy.
      PILOT_ENABLE_METADATA_EXCHANGE: 'false',
      PILOT_ENABLE_ALPN_FILTER: 'false',
      PILOT_DISABLE_MX_ALPN: 'true',
      // Changes must be in effect at once, and only `apply` and `delete` write to this API.
      PILOT_DEBOUNCE_AFTER: '10ms',
      PILOT_DEBOUNCE_MAX: '500ms',
    },
  });
}

function kubeconfigFor(apiPort: number): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'local-mesh', cluster: { server: `http://${bridgeAddress}:${apiPort}` } }],
    users: [{ name: 'istiod' }],
    contexts: [{ name: 'local-mesh', context: { cluster: 'local-mesh', user: 'istiod' } }],
    'current-context': 'local-mesh',
  };
}

/** Waits until istiod reports that it is ready. */
export async function istiodReady(signal: AbortSignal): Promise<void> {
  await waitForOk(`http://${istiodAddress}:8080/ready`, signal);
}

/** Nonces that a sidecar has received and acknowledged, for each type of resource. */
export interface SyncStatus {
  readonly proxy: string;
  readonly resources: Readonly<
    Record<string, { readonly sent?: string; readonly acked?: string; readonly lastError?: string }>
  >;
}

/**
 * Reads from istiod which configuration each sidecar has received and acknowledged.
 *
 * @throws MeshmockError `unavailable` if istiod does not answer
 */
export async function syncStatus(signal: AbortSignal): Promise<SyncStatus[]> {
  // istiod serves this endpoint only to service accounts of its own namespace.
  const headers = { authorization: `Bearer ${tokenFor('istio-system', 'istiod')}` };
  const text = await fetchText('istiod', `http://${istiodAddress}:8080/debug/syncz`, signal, headers);
  return (JSON.parse(text) as SyncStatus[] | null) ?? [];
}

/**
 * Reads istiod's metrics in Prometheus' text format.
 *
 * @throws MeshmockError `unavailable` if istiod does not answer
 */
export function istiodMetrics(signal: AbortSignal): Promise<string> {
  return fetchText('istiod', `http://${istiodAddress}:15014/metrics`, signal);
}

/** Host name of the collector to which proxies send their spans. */
export const collectorHost = 'jaeger-collector.istio-system.svc.cluster.local';

/** OTLP endpoint to which the mocks of a local mesh send their spans. */
export const collectorEndpoint = `http://${jaegerAddress}:4318`;
