import { once } from 'node:events';
import { connect } from 'node:net';
import { wantsSpans } from '../../telemetry/environment.ts';

const otlpPort = 4318;

/** Environment of the services of a mesh, with a line that says where their spans go. */
export interface MeshTelemetry {
  readonly env: NodeJS.ProcessEnv;
  readonly line: string;
  readonly traces: TraceStore;
}

/** Jaeger with the traces, by the URL of its query API; or the reason why no Jaeger is known. */
export type TraceStore =
  | { readonly kind: 'jaeger'; readonly url: string }
  | { readonly kind: 'none'; readonly reason: string };

const jaegerPort = 16686;

/**
 * Chooses where spans go: where the environment says, or to a collector on this machine if one listens.
 *
 * @param traceUrl URL of a trace in a Jaeger, with `{traceId}`: its query API has the same address as its page
 */
export async function chooseTelemetry(traceUrl: string | undefined): Promise<MeshTelemetry> {
  // Each service has its own name.
  const { OTEL_SERVICE_NAME: _one, ...env } = process.env;
  if (wantsSpans(env)) return { env, line: 'Spans go where the OTEL_* variables say.', traces: storeOf(env, traceUrl) };
  if (env.OTEL_SDK_DISABLED !== undefined || env.OTEL_TRACES_EXPORTER !== undefined) {
    const line = 'Tracing is off, as an OTEL_* variable says.';
    return { env, line, traces: { kind: 'none', reason: line } };
  }
  if (!(await listens(otlpPort))) {
    return {
      env,
      line: `Tracing is off: no collector listens at localhost:${otlpPort}. To trace calls, start a Jaeger and restart this command.`,
      traces: {
        kind: 'none',
        reason: `Tracing is off: no collector listened at localhost:${otlpPort} when the mesh started. To see traces here, start a Jaeger, and then meshmock up again.`,
      },
    };
  }
  const endpoint = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${otlpPort}`,
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
  };
  return {
    env: { ...env, ...endpoint },
    line: `Spans go to localhost:${otlpPort}. With Jaeger, look at http://localhost:16686/trace/ and the traceId of an answer.`,
    traces: { kind: 'jaeger', url: jaegerOf(traceUrl) ?? `http://127.0.0.1:${jaegerPort}` },
  };
}

/** Returns the Jaeger of a trace's URL, or the one on the machine to which spans go, at the usual port of its query API. */
function storeOf(env: NodeJS.ProcessEnv, traceUrl: string | undefined): TraceStore {
  const known = jaegerOf(traceUrl);
  if (known !== undefined) return { kind: 'jaeger', url: known };
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const host = URL.parse(endpoint ?? '')?.hostname;
  if (host !== undefined && host !== '') return { kind: 'jaeger', url: `http://${host}:${jaegerPort}` };
  return {
    kind: 'none',
    reason:
      'Spans go where the OTEL_* variables say: look for the traces there. To see those of a Jaeger here, name it with --trace-url.',
  };
}

/** Returns the URL of the Jaeger that shows traces at a URL. */
function jaegerOf(traceUrl = ''): string | undefined {
  return /^(https?:\/\/.*)\/trace\/\{traceId\}/.exec(traceUrl)?.[1];
}

async function listens(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(500) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
