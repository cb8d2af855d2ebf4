import { setTimeout } from 'node:timers/promises';
import type { TracerProvider } from '@opentelemetry/api';
import { optional } from '../error/optional.ts';
import type { Identity } from '../reply/reply.ts';
import {
  type Environment,
  isOn,
  namedInstrumentations,
  signals,
  wantsInstrumentations,
  wantsSpans,
} from './environment.ts';
import type { OldNames } from './old-names.ts';
import { LostSpans } from './span-export/lost-spans.ts';
import { noTelemetry, type Telemetry, verbatimTracing } from './tracing.ts';

const maxExportMs = 3000;

/**
 * Defaults of ours for variables that the environment does not set. With the default queue of the specification, two of
 * three spans are lost if a collector takes half a second to answer. Its default delay shows traces after five seconds.
 */
const defaults: Readonly<Record<string, string>> = {
  OTEL_BSP_MAX_QUEUE_SIZE: '65536',
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '4096',
  OTEL_BSP_SCHEDULE_DELAY: '1000',
  // The process detector would put the whole command line into every batch.
  OTEL_NODE_RESOURCE_DETECTORS: 'env,host',
};

/**
 * Starts the signals of OpenTelemetry that the environment turns on, and metrics for Prometheus. Call it before modules
 * that may be instrumented are imported. It loads only what is needed.
 *
 * @example
 * const telemetry = await startTelemetry({ service: 'reviews', version: 'v1' }, programVersion(), false);
 */
export async function startTelemetry(
  identity: Identity,
  programVersion: string,
  wantsPrometheus: boolean,
  env: Environment = process.env,
): Promise<Telemetry> {
  const lost = new LostSpans((text) => void process.stderr.write(`meshmock: ${identity.service}: ${text}\n`));
  const pipeline = await startPipeline(identity, programVersion, lost, env);
  if (!wantsPrometheus) return pipeline;
  const [{ withMetrics, prometheusMetrics }, { observeResources }, { observeProcess, observeEventLoop }] =
    await Promise.all([import('./metrics.ts'), import('./resource-metrics.ts'), import('./process-metrics.ts')]);
  const { meter, handle, stop } = prometheusMetrics(serviceName(identity), identity);
  observeProcess(meter);
  observeEventLoop(meter);
  if (wantsSpans(env)) lost.observe(meter);
  const metered = withMetrics(pipeline.tracing, meter);
  const stopBoth = async (): Promise<void> => void (await Promise.all([metered.stop(), stop()]));
  return {
    tracing: { ...metered, stop: stopBoth },
    metrics: handle,
    observe(readings) {
      pipeline.observe(readings);
      observeResources(meter, readings);
    },
  };
}

async function startPipeline(
  identity: Identity,
  programVersion: string,
  lost: LostSpans,
  env: Environment,
): Promise<Telemetry> {
  const unwanted = signals.filter((signal) => !isOn(signal, env));
  if (unwanted.length === signals.length) return noTelemetry();
  for (const signal of unwanted) env[`OTEL_${signal}_EXPORTER`] = 'none';
  const hasSpans = wantsSpans(env);
  for (const name in defaults) env[name] ??= defaults[name];
  if (!/(?:^|,)\s*service\.name=/.test(env.OTEL_RESOURCE_ATTRIBUTES ?? ''))
    env.OTEL_SERVICE_NAME ??= serviceName(identity);
  env.OTEL_RESOURCE_ATTRIBUTES = [...resourceOf(identity, env), env.OTEL_RESOURCE_ATTRIBUTES ?? []].flat().join(',');
  const [
    { NodeSDK },
    { spanTracing },
    { MeshPropagator, standardPropagator },
    { RandomIds },
    { spanProcessorsFromEnv },
    instrumentations,
  ] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('./spans.ts'),
    import('./propagation.ts'),
    import('./random-ids.ts'),
    import('./span-export/span-processors.ts'),
    loadInstrumentations(env),
  ]);
  const spanProcessors = hasSpans ? await spanProcessorsFromEnv(lost) : [];
  const propagator = env.OTEL_PROPAGATORS ? undefined : new MeshPropagator();
  const sdk = new NodeSDK({
    instrumentations,
    idGenerator: new RandomIds(),
    spanProcessors,
    ...optional('textMapPropagator', propagator),
  });
  sdk.start();
  const stop = (): Promise<void> => exportInTime(identity.service, sdk.shutdown());
  const tracerProvider = tracerProviderOf(sdk);
  const tracing =
    tracerProvider === undefined
      ? { ...verbatimTracing, stop }
      : spanTracing(
          tracerProvider.getTracer('meshmock', programVersion),
          propagator ?? standardPropagator,
          oldNamesOf(env),
          instrumentations.length > 0,
          stop,
        );
  if (unwanted.includes('METRICS')) return { ...noTelemetry(), tracing };
  const [{ metrics }, { withMetrics }, { observeResources }, { observeProcess }] = await Promise.all([
    import('@opentelemetry/api'),
    import('./metrics.ts'),
    import('./resource-metrics.ts'),
    import('./process-metrics.ts'),
  ]);
  const meter = metrics.getMeter('meshmock', programVersion);
  // The instrumentation of the runtime has the event loop.
  observeProcess(meter);
  if (hasSpans) lost.observe(meter);
  return { tracing: withMetrics(tracing, meter), observe: (readings) => observeResources(meter, readings) };
}

/**
 * Returns the tracer provider of an SDK. It has none without an exporter that OpenTelemetry knows. The provider of the API
 * may be that of another SDK, which the environment loads first (`NODE_OPTIONS`, the OpenTelemetry operator).
 */
function tracerProviderOf(sdk: object): TracerProvider | undefined {
  const { _tracerProvider } = sdk as { readonly _tracerProvider?: TracerProvider };
  return _tracerProvider;
}

/** Flushes telemetry. A collector that does not answer must not keep the service from ending. */
async function exportInTime(service: string, exported: Promise<void>): Promise<void> {
  const timeout = setTimeout(maxExportMs, `no answer within ${maxExportMs} ms`, { ref: false });
  const problem = await Promise.race([
    exported.then(
      () => undefined,
      (error: Error) => error.message,
    ),
    timeout,
  ]);
  if (problem !== undefined)
    process.stderr.write(`meshmock: ${service}: some telemetry was not exported: ${problem}\n`);
}

/**
 * Returns the name of a service in traces. With a namespace it equals the name of its sidecar (Istio, `tracingServiceName`
 * APP_LABEL_AND_NAMESPACE), since Kiali looks up both by one name (kiali/kiali, `BuildTracingServiceName`).
 */
function serviceName({ service, namespace }: Identity): string {
  return namespace === undefined ? service : `${service}.${namespace}`;
}

/** Returns resource attributes. Those of the environment come later and win. */
function resourceOf(identity: Identity, env: Environment): string[] {
  const { version, pod, namespace, node } = identity;
  const attributes = {
    'service.version': version,
    'service.instance.id': pod,
    'k8s.namespace.name': namespace,
    'k8s.node.name': node,
    ...(namespace === undefined ? {} : istioAttributes(identity, env)),
  };
  return Object.entries(attributes).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`${name}=${encodeURIComponent(String(value))}`],
  );
}

/**
 * Returns attributes that the spans of a sidecar have too, and that Kiali queries: `istio.cluster_id`, and `hostname`,
 * which begins with the name of the workload (kiali/kiali, `spanMatchesWorkload`). Only the environment knows mesh and
 * cluster, in the variables of the sidecar.
 */
function istioAttributes({ service, version, pod, namespace }: Identity, env: Environment): Record<string, unknown> {
  return {
    hostname: pod,
    'istio.canonical_service': service,
    'istio.canonical_revision': version,
    'istio.namespace': namespace,
    'istio.mesh_id': env.ISTIO_META_MESH_ID,
    'istio.cluster_id': env.ISTIO_META_CLUSTER_ID,
  };
}

/** Reads the standard opt-in (OpenTelemetry, HTTP and RPC migration): `/dup` writes old names too. */
function oldNamesOf({ OTEL_SEMCONV_STABILITY_OPT_IN: optIn = '' }: Environment): OldNames {
  const wanted = optIn.split(',').map((name) => name.trim());
  return { http: wanted.includes('http/dup'), rpc: wanted.includes('rpc/dup') };
}

/** Instrumentations that are off by default. Our hops have their own spans, and the others are noise in traces. */
const offByDefault = ['http', 'undici', 'grpc', 'net', 'dns', 'fs'];

/** Modules of ours that have an instrumentation. */
const instrumentedModules = [
  'pino',
  'undici',
  '@grpc/grpc-js',
  ...['http', 'https', 'net', 'dns', 'fs'].flatMap((name) => [name, `node:${name}`]),
];

/** Loads instrumentations only if one is on, since they are the slowest part of the start. */
async function loadInstrumentations(
  env: Environment,
): Promise<import('@opentelemetry/sdk-node').NodeSDKConfiguration['instrumentations']> {
  if (!wantsInstrumentations(env)) return [];
  const [{ getNodeAutoInstrumentations }, { register }] = await Promise.all([
    import('@opentelemetry/auto-instrumentations-node'),
    import('import-in-the-middle/register-hooks.mjs'),
  ]);
  // Without this hook, imports of ES modules are silently not instrumented.
  register({ include: instrumentedModules });
  if (namedInstrumentations(env) !== '') return [getNodeAutoInstrumentations()];
  return [
    getNodeAutoInstrumentations(
      Object.fromEntries(offByDefault.map((name) => [`@opentelemetry/instrumentation-${name}`, { enabled: false }])),
    ),
  ];
}
