import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { clusterId, meshId } from './certificates.ts';
import { collectorEndpoint } from './control-plane.ts';
import type { ServeSettings } from './mock-container.ts';
import type { PodPlan } from './pods.ts';
import { spawnInPod } from './program.ts';
import { entryPorts } from './sidecar.ts';

export interface MockOptions {
  readonly pod: PodPlan;
  /** Network namespace of the pod. */
  readonly namespace: string;
  readonly resolvConf: string;
  readonly log: string;
  /** First entries of `--connect-to`. */
  readonly routes: readonly string[];
  /** Settings of its container, if that has the image of meshmock. */
  readonly settings: ServeSettings;
  /** Further arguments of `meshmock serve`. */
  readonly args: readonly string[];
}

/** Starts the mock of a pod: `meshmock serve` on all ports of the pod, with a message channel. */
export function startMock({ pod, namespace, resolvConf, log, routes, settings, args }: MockOptions): ChildProcess {
  const main = fileURLToPath(new URL(`../cli/main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));
  const { http, grpc } = pod.ports;
  // These settings are passed as flags, so that a list of processes shows which pod each belongs to.
  const {
    MESHMOCK_NAME: name = pod.service,
    MESHMOCK_SERVICE_VERSION: version = pod.version,
    MESHMOCK_POD: podName = pod.name,
    MESHMOCK_NAMESPACE: podNamespace = pod.namespace,
  } = settings.env;
  const listen = (flag: string, ports: readonly number[]): string[] =>
    ports.filter((port) => port !== settings.metricsPort).map((port) => `--${flag}=0.0.0.0:${port}`);
  return spawnInPod(
    process.execPath,
    [
      ...process.execArgv,
      main,
      'serve',
      '--name',
      name,
      '--service-version',
      version,
      '--pod',
      podName,
      '--namespace',
      podNamespace,
      ...settings.args,
      ...listen('http', [entryPorts.http, ...http]),
      ...listen('grpc', [entryPorts.grpc, ...grpc]),
      ...routes.map((route) => `--connect-to=${route}`),
      ...args,
    ],
    {
      namespace,
      resolvConf,
      log,
      ipc: true,
      env: {
        ...settings.env,
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        ISTIO_META_CLUSTER_ID: clusterId,
        ISTIO_META_MESH_ID: meshId,
        OTEL_EXPORTER_OTLP_ENDPOINT: collectorEndpoint,
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_LOGS_EXPORTER: 'none',
        OTEL_BSP_SCHEDULE_DELAY: '200',
        OTEL_SEMCONV_STABILITY_OPT_IN: 'http/dup,rpc/dup',
      },
    },
  );
}
