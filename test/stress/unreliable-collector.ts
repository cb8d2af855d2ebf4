import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** What a collector does with a batch of spans. */
export type CollectorMood = 'accept' | 'stall' | 'reset' | 'refuse' | 'unavailable';

interface OtlpBatch {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly unknown[] }[] }[];
}

/** Collector for OTLP over HTTP in JSON that is not always well. */
export class UnreliableCollector implements AsyncDisposable {
  mood: CollectorMood = 'accept';
  /** Spans of the batches that were accepted. */
  accepted = 0;
  private readonly server = http.createServer((request, response) => void this.receive(request, response));

  static async start(mood: CollectorMood): Promise<UnreliableCollector> {
    const collector = new UnreliableCollector();
    collector.mood = mood;
    collector.server.listen(0, '127.0.0.1');
    await once(collector.server, 'listening');
    return collector;
  }

  /** Variables with which a service sends its spans here, in small batches that fail soon. */
  get env(): Record<string, string> {
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_EXPORTER_OTLP_TIMEOUT: '300',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_BSP_MAX_QUEUE_SIZE: '512',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '128',
    };
  }

  private async receive(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { mood } = this;
    const batch = (await json(request).catch(() => undefined)) as OtlpBatch | undefined;
    if (mood === 'stall' || batch === undefined) return;
    if (mood === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    if (mood === 'accept')
      this.accepted += batch.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)).length;
    const status = { accept: 200, refuse: 400, unavailable: 503 }[mood];
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await this.server[Symbol.asyncDispose]();
  }
}
