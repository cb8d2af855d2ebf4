/** Complete traces of real cascades: the demo mesh runs in its own processes and sends its spans over OTLP. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallResult, Reply } from '../../src/reply/reply.ts';
import { compareTrace } from '../../src/trace/compare.ts';
import { readOtlp } from '../../src/trace/read-otlp.ts';
import type { Span } from '../../src/trace/span.ts';
import { startOtlpReceiver } from '../otlp-receiver.ts';
import { startProgram } from '../program.ts';
import { callGrpc, callHttp } from '../running-mesh.ts';

/** Request with its answer, and all spans of its trace. */
export interface Captured {
  readonly path: string;
  readonly root: CallResult;
  readonly spans: readonly Span[];
}

export interface CapturingMesh extends AsyncDisposable {
  /** Sends a path, and waits until its trace is complete and no more spans arrive, or until a timeout. */
  capture(path: string, over?: 'http' | 'grpc', headers?: Record<string, string>): Promise<Captured>;
}

/** Time without new spans after which a trace is complete. Services send their spans every 50 ms. */
const quietMs = 300;
const longestWaitMs = 60_000;

/**
 * Returns two recorded traces with the spans of real sidecars: Envoy 1.40 on loopback, for both directions of each
 * service. They are outputs of `meshmock call --json --trace` and of Jaeger, with retries over both protocols and a host
 * that refuses connections.
 */
export function envoyTraces(): Captured[] {
  const lines = readFileSync(path.join(import.meta.dirname, 'envoy-1.40.jsonl'), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => {
    const { call, jaeger } = JSON.parse(line) as { call: CallResult; jaeger: { result: unknown } };
    return { path: call.reply?.request?.uri ?? '', root: call, spans: readOtlp(jaeger.result) };
  });
}

/** Starts the demo mesh: gateway and service1 to service4. */
export async function startCapturingMesh(): Promise<CapturingMesh> {
  const receiver = await startOtlpReceiver();
  const up = startProgram(
    ['up', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--log-level', 'error'],
    receiver.env,
  );
  const [, http, grpc] = await up.printed(/gateway +http localhost:(\d+) +grpc localhost:(\d+)[\s\S]*Ctrl-C/);
  const spansOf = (traceId: string): Span[] =>
    receiver.messages.flatMap(readOtlp).filter((span) => span.traceId === traceId);
  return {
    async capture(plan, over = 'http', headers = {}) {
      const reply =
        over === 'http'
          ? await callHttp(Number(http), plan, headers)
          : (
              await callGrpc(
                Number(grpc),
                { path: plan },
                { headers: { 'x-meshmock-details-bytes': '36000', ...headers } },
              )
            ).reply;
      if (reply?.traceId === undefined) throw new Error(`${plan} has no trace`);
      const { traceId } = reply;
      const until = performance.now() + longestWaitMs;
      const root = rootOf(reply, over);
      const isComplete = (): boolean => compareTrace(root, spansOf(traceId)).findings.length === 0;
      for (let count = -1; performance.now() < until && !(isComplete() && spansOf(traceId).length === count); ) {
        count = spansOf(traceId).length;
        await sleep(quietMs);
      }
      return { path: plan, root, spans: spansOf(traceId) };
    },
    async [Symbol.asyncDispose]() {
      await up[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
    },
  };
}

function rootOf(reply: Reply, scheme: 'http' | 'grpc'): CallResult {
  return { target: 'localhost:8080', scheme, status: reply.status, answeredBy: 'service', reply };
}
