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
  readonly namespace: string;
  readonly resolvConf: string;
  readonly log: string;
  /** The `--connect-to` entries that it begins with. */
  readonly routes: readonly string[];
  /** What its container says, if that is of our own image. */
  readonly settings: ServeSettings;
  /** Further arguments of `meshmock serve`. */
  readonly args: readonly string[];
}

/** Starts the mock of a pod: `meshmock serve` on all of its ports, with a channel for messages. */
export function startMock({ pod, namespace, resolvConf, log, routes, settings, args }: MockOptions): ChildProcess {
  const main = fileURLToPath(new URL(`../cli/main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));
  const { http, grpc } = pod.ports;
  // By flags, so that a list of processes tells pods apart.
  const {
    MESHMOCK_NAME: name = pod.service,
    MESHMOCK_SERVICE_VERSION: version = pod.version,
    MESHMOCK_POD: podName = pod.name,
    MESHMOCK_NAMESPACE: ownNamespace = pod.namespace,
  } = settings.env;
  const listen = (flag: string, ports: readonly number[]): string[] =>
    ports.filter((port) => port !== settings.metricsPort).map((port) => `--${flag}=0.0.0.0:${port}`);
  return spawnInPod(
    process.execPath,
    [
      ...[...process.execArgv, main, 'serve', '--name', name, '--service-version', version],
      ...['--pod', podName, '--namespace', ownNamespace, ...settings.args],
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
