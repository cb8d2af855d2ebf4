import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

/** Span with the resource and the scope that it was sent with, in the names and forms of OTLP. */
export interface DecodedSpan {
  readonly resource: unknown;
  readonly scope: unknown;
  readonly span: { readonly spanId: string; readonly traceId: string; readonly name: string };
}

const request = protobuf
  .loadSync(path.join(import.meta.dirname, 'otlp-trace.proto'))
  .lookupType('otlp.ExportTraceServiceRequest');

/** Decodes the spans of a request of OTLP. */
export function decodeSpans(bytes: Uint8Array): DecodedSpan[] {
  const { resourceSpans } = request.toObject(request.decode(bytes), { longs: String, bytes: String, arrays: true });
  return resourceSpans.flatMap(({ resource, scopeSpans }: { resource: unknown; scopeSpans: [] }) =>
    scopeSpans.flatMap(({ scope, spans }: { scope: unknown; spans: DecodedSpan['span'][] }) =>
      spans.map((span) => ({ resource, scope, span })),
    ),
  );
}

/** Collector that takes OTLP in protobuf. */
export interface ProtobufCollector extends AsyncDisposable {
  /** Variables `OTEL_*` with which a process sends its spans here. */
  readonly env: Readonly<Record<string, string>>;
  readonly spans: readonly DecodedSpan[];
  /** Number of requests. */
  readonly requests: number;
  /** Waits until a number of spans has arrived, or a timeout is over. */
  waitFor(count: number): Promise<void>;
}

const longestWaitMs = 30_000;
const exportPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/**
 * Starts a collector.
 *
 * @param delayMs time until it answers a request, in milliseconds
 */
export async function startProtobufCollector(
  protocol: 'http/protobuf' | 'grpc',
  delayMs = 0,
): Promise<ProtobufCollector> {
  const spans: DecodedSpan[] = [];
  let requests = 0;
  const take = async (bytes: Uint8Array): Promise<void> => {
    requests++;
    await sleep(delayMs);
    for (const span of decodeSpans(bytes)) spans.push(span);
  };
  const { port, stop } = await (protocol === 'grpc' ? listenForGrpc(take) : listenForHttp(take));
  return {
    env: {
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_BSP_SCHEDULE_DELAY: '20',
    },
    spans,
    get requests() {
      return requests;
    },
    async waitFor(count) {
      const until = performance.now() + longestWaitMs;
      while (spans.length < count && performance.now() < until) await sleep(20);
    },
    async [Symbol.asyncDispose]() {
      stop();
    },
  };
}

interface Listener {
  readonly port: number;
  readonly stop: () => void;
}

async function listenForHttp(take: (bytes: Uint8Array) => Promise<void>): Promise<Listener> {
  const server = http.createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    if (incoming.url === '/v1/traces') await take(Buffer.concat(chunks));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function listenForGrpc(take: (bytes: Uint8Array) => Promise<void>): Promise<Listener> {
  const server = new Server();
  const same = (bytes: Buffer): Buffer => bytes;
  const definition = { path: exportPath, requestStream: false, responseStream: false } as const;
  const coding = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    { export: { ...definition, ...coding } },
    {
      export: (call: { request: Buffer }, respond: (error: null, answer: Buffer) => void) =>
        void take(call.request).then(() => respond(null, Buffer.alloc(0))),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { port, stop: () => server.forceShutdown() };
}
