import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Span that was received over OTLP/HTTP in JSON (opentelemetry-proto, trace.proto). */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: 'SERVER' | 'CLIENT' | 'other';
  readonly service: string;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly resource: Readonly<Record<string, string | number>>;
}

export interface OtlpReceiver extends AsyncDisposable {
  /** Variables `OTEL_*` with which a process sends its spans here. */
  readonly env: Readonly<Record<string, string>>;
  readonly spans: readonly ReceivedSpan[];
  /** Received messages with spans: `ExportTraceServiceRequest` in JSON. */
  readonly messages: readonly OtlpRequest[];
  /** URL of its query API. */
  readonly url: string;
  /** Bodies of the received requests with logs. */
  readonly logs: readonly string[];
  /** Waits until a trace has `count` spans or a timeout is over, and returns its spans. */
  trace(traceId: string, count: number): Promise<readonly ReceivedSpan[]>;
}

interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
}
interface OtlpAttribute {
  readonly key: string;
  readonly value: OtlpValue;
}
interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly status?: { readonly code?: number };
  readonly attributes?: readonly OtlpAttribute[];
}
interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

const longestWaitMs = 30_000;

/** Starts an OTLP endpoint that stores spans. It also serves them like Jaeger's query API (`/api/v3`). */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const messages: OtlpRequest[] = [];
  const logs: string[] = [];
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    if (request.url === '/v1/traces') {
      const message = JSON.parse(body) as OtlpRequest;
      messages.push(message);
      spans.push(...readSpans(message));
    }
    if (request.url === '/v1/logs') logs.push(body);
    const [, traceId] = /^\/api\/v3\/traces\/([0-9a-f]{32})$/.exec(request.url ?? '') ?? [];
    const found = traceId === undefined ? {} : { result: messageOf(messages, traceId) };
    const isUnknown = found.result?.resourceSpans.length === 0;
    response.writeHead(isUnknown ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const trace = (traceId: string): ReceivedSpan[] => spans.filter((span) => span.traceId === traceId);
  return {
    spans,
    messages,
    logs,
    url,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    },
    async trace(traceId, count) {
      const until = performance.now() + longestWaitMs;
      while (trace(traceId).length < count && performance.now() < until) await sleep(20);
      return trace(traceId);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Returns the spans of one trace in one message. */
function messageOf(messages: readonly OtlpRequest[], traceId: string): OtlpRequest {
  const resourceSpans = messages
    .flatMap((message) => message.resourceSpans)
    .map(({ resource, scopeSpans }) => ({
      resource,
      scopeSpans: scopeSpans
        .map((scope) => ({ ...scope, spans: scope.spans.filter((span) => span.traceId === traceId) }))
        .filter(({ spans }) => spans.length > 0),
    }))
    .filter(({ scopeSpans }) => scopeSpans.length > 0);
  return { resourceSpans };
}

const kinds: Readonly<Record<number, ReceivedSpan['kind']>> = { 2: 'SERVER', 3: 'CLIENT' };
const errorStatus = 2;

function readSpans({ resourceSpans }: OtlpRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const resourceAttributes = readAttributes(resource.attributes);
    const service = String(resourceAttributes['service.name']);
    return scopeSpans
      .flatMap(({ spans }) => spans)
      .map((span) => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId || undefined,
        name: span.name,
        kind: kinds[span.kind] ?? 'other',
        service,
        isError: span.status?.code === errorStatus,
        attributes: readAttributes(span.attributes ?? []),
        resource: resourceAttributes,
      }));
  });
}

function readAttributes(attributes: readonly OtlpAttribute[]): Record<string, string | number> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.doubleValue ?? Number(value.intValue)]),
  );
}
