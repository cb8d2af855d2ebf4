import { once } from 'node:events';
import { connect } from 'node:net';
import { wantsSpans } from '../../telemetry/environment.ts';

const otlpPort = 4318;

/** Environment of the services of a mesh, with a line that says where their spans go. */
export interface MeshTelemetry {
  readonly env: NodeJS.ProcessEnv;
  readonly line: string;
}

/** Chooses where spans go: where the environment says, or to a collector on this machine if one listens. */
export async function chooseTelemetry(): Promise<MeshTelemetry> {
  // Each service has its own name.
  const { OTEL_SERVICE_NAME: _one, ...env } = process.env;
  if (wantsSpans(env)) return { env, line: 'Spans go where the OTEL_* variables say.' };
  if (env.OTEL_SDK_DISABLED !== undefined || env.OTEL_TRACES_EXPORTER !== undefined) {
    return { env, line: 'Tracing is off, as an OTEL_* variable says.' };
  }
  if (!(await listens(otlpPort))) {
    return {
      env,
      line: `Tracing is off: no collector listens at localhost:${otlpPort}. To trace calls, start a Jaeger and restart this command.`,
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
  };
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
