import type { ChildProcess } from 'node:child_process';
import { flagOf, variableOf } from '../../options/options.ts';
import { programFile } from '../../package/package-files.ts';
import type { serveSchema } from '../../serve/settings/serve-schema.ts';
import { collectorEndpoint } from '../network/addresses.ts';
import { spawnInPod } from '../process/program.ts';
import { clusterId, meshId } from '../resources/installation.ts';
import { entryPorts } from './interception.ts';
import type { MockSettings } from './mock/mock-container.ts';
import type { PodPlan } from './pod-plan.ts';

/** Program of a mock, and where it runs. */
export interface MockOptions {
  readonly pod: PodPlan;
  /** Name of the pod's network namespace. */
  readonly namespace: string;
  /** Folder with the pod's files in /etc. */
  readonly etc: string;
  /** Path of the log file. */
  readonly log: string;
  /** Values of `--service-port` at the start. */
  readonly servicePorts: readonly string[];
  /** Settings of the container, if its image is meshmock. */
  readonly settings: MockSettings;
  /** Further arguments of `meshmock serve`. */
  readonly args: readonly string[];
}

/**
 * Bound of V8's space for young objects, in MiB. With V8's own, a mock keeps up to twice as much memory after a burst of
 * calls. Under full load the bound costs a mock a sixth of its processor time, and its proxy needs more than the mock.
 */
const maxSemiSpace = '--max-semi-space-size=2';

type SettingName = keyof typeof serveSchema;

/** Starts the mock of a pod: `meshmock serve` on all ports of the pod, with a channel for messages. */
export function startMock({ pod, namespace, etc, log, servicePorts, settings, args }: MockOptions): ChildProcess {
  const { http, grpc, tcp, tls } = pod.ports;
  // Names are flags, so that a list of processes shows which pod each one belongs to.
  const withFlag = (setting: SettingName, value: string): string[] => [
    flagOf(setting),
    settings.env[variableOf(setting)] ?? value,
  ];
  const repeated = (setting: SettingName, values: readonly string[]): string[] =>
    values.map((value) => `${flagOf(setting)}=${value}`);
  const addresses = (ports: readonly number[]): string[] =>
    ports.filter((port) => port !== settings.metricsPort).map((port) => `0.0.0.0:${port}`);
  return spawnInPod(
    process.execPath,
    [
      ...process.execArgv,
      maxSemiSpace,
      programFile('cli/main'),
      'serve',
      ...withFlag('name', pod.service),
      ...withFlag('serviceVersion', pod.version),
      ...withFlag('pod', pod.name),
      ...withFlag('namespace', pod.namespace),
      // Each mock signs its own certificate.
      ...withFlag('tlsInsecure', 'true'),
      ...settings.args,
      ...repeated('http', addresses([entryPorts.http, ...http])),
      ...repeated('grpc', addresses([entryPorts.grpc, ...grpc])),
      ...repeated('tcp', addresses(tcp)),
      ...repeated('tls', addresses(tls)),
      ...repeated('servicePort', servicePorts),
      ...args,
    ],
    {
      namespace,
      etc,
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
