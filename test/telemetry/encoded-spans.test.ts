import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { HopTracer } from '../../src/telemetry/hop-tracer.ts';
import {
  type EncodedSpans,
  EncodingSpanProcessor,
  encodedSpansSerializer,
} from '../../src/telemetry/span-export/encoded-spans.ts';
import { LostSpans } from '../../src/telemetry/span-export/lost-spans.ts';
import { startProgram } from '../program.ts';
import { callHttp } from '../running-mesh.ts';
import { decodeSpans, startProtobufCollector } from './protobuf-collector.ts';

/** Makes spans of every form, one after another. */
function makeSpans(provider: TracerProvider, count: number): void {
  const tracers = ['one', 'two'].map((name) => provider.getTracer(name, '1.0'));
  for (let index = 0; index < count; index++) {
    const span = tracers[index % 2]?.startSpan(`span ${index}`, {
      kind: [SpanKind.SERVER, SpanKind.CLIENT, SpanKind.INTERNAL][index % 3] as SpanKind,
      attributes: { text: 'é'.repeat(index), number: index, fraction: index / 7, flag: index % 2 === 0, list: ['a'] },
      links: [{ context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED } }],
    });
    if (index % 5 === 0) span?.addEvent('event', { index }).setStatus({ code: SpanStatusCode.ERROR, message: 'bad' });
    span?.end();
  }
}

/** Makes spans of hops: with all kinds of values and statuses, and parents of both kinds. */
function makeHopSpans(provider: TracerProvider, count: number): void {
  const tracer = new HopTracer(provider.getTracer('hops', '1.0'));
  for (let index = 0; index < count; index++) {
    const traceState = index % 8 === 1 ? { traceState: createTraceState('a=b,c=d') } : {};
    const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED };
    const parent = index % 2 === 0 ? undefined : { ...ids, ...traceState, isRemote: index % 3 === 0 };
    const arrived = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const name = `GET ${'é€'.repeat(index % 50)}`;
    const server = tracer.startServerSpan(name, tracer.contextOf(name, arrived, parent), parent, {
      text: 'é€😀'.repeat(index % 7),
      // Larger than the buffer of an encoder.
      long: 'x'.repeat(index === 150 ? 200_000 : index % 300),
    });
    const client = tracer.startClientSpan(name, server, {
      number: [0, 1, -1, 127, 128, 2 ** 31, -(2 ** 63), Number.MAX_SAFE_INTEGER, 2 ** 60, 1.5][index % 10] as number,
      flag: index % 2 === 0,
    });
    client.isError = index % 5 === 3;
    tracer.end(client);
    tracer.end(server);
  }
}

suite('Spans that are encoded when they end', { timeout: 120_000 }, () => {
  test('are the same, field by field, as those that the SDK encodes in one go', async () => {
    const batches: EncodedSpans[] = [];
    const memory = new InMemorySpanExporter();
    const encoding = new EncodingSpanProcessor(
      {
        export(spans, onResult) {
          batches.push(spans);
          onResult({ code: ExportResultCode.SUCCESS });
        },
        shutdown: async () => {},
      },
      { maxQueueSize: 10_000, maxExportBatchSize: 300, scheduledDelayMs: 60_000, exportTimeoutMs: 1000 },
      new LostSpans(() => {}),
    );
    const provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'app', 'service.version': 'v1' }),
      spanProcessors: [encoding, new SimpleSpanProcessor({ exporter: memory })],
    });
    makeSpans(provider, 400);
    makeHopSpans(provider, 300);
    await provider.forceFlush();
    const bySdk = decodeSpans(ProtobufTraceSerializer.serializeRequest(memory.getFinishedSpans()) ?? new Uint8Array());
    const byId = (spans: ReturnType<typeof decodeSpans>) =>
      spans.sort((one, other) => (one.span.spanId < other.span.spanId ? -1 : 1));
    const ours = batches.flatMap((batch) => decodeSpans(encodedSpansSerializer.serializeRequest(batch)));
    assert.equal(ours.length, 1000);
    assert.deepEqual(byId(ours), byId(bySdk));
    assert.ok(batches.every(({ length }) => length <= 300));
  });

  for (const protocol of ['http/protobuf', 'grpc'] as const)
    test(`all arrive at a collector that takes 500 ms, each once (${protocol})`, async () => {
      await using collector = await startProtobufCollector(protocol, 500);
      const listen = ['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];
      await using program = startProgram(['serve', '--name', 'app', '--log-level', 'silent', ...listen], collector.env);
      const [, port] = await program.printed(/http 127\.0\.0\.1:(\d+) /);
      const traces = new Set<string>();
      let left = 1500;
      const callAll = async (): Promise<void> => {
        while (left-- > 0) traces.add((await callHttp(Number(port), '/x')).traceId ?? '');
      };
      await Promise.all(Array.from({ length: 8 }, callAll));
      program.child.kill('SIGTERM');
      assert.equal(await program.exited(), 0);
      await collector.waitFor(1500);
      assert.equal(program.stderr, '');
      const arrived = collector.spans.map(({ span }) => Buffer.from(span.traceId, 'base64').toString('hex'));
      assert.deepEqual(arrived.sort(), [...traces].sort());
    });

  test('wait for the attributes of their resource that are read later, and not for the first export', async () => {
    const batches: EncodedSpans[] = [];
    const processor = new EncodingSpanProcessor(
      {
        export(spans, onResult) {
          batches.push(spans);
          onResult({ code: ExportResultCode.SUCCESS });
        },
        shutdown: async () => {},
      },
      { maxQueueSize: 1000, maxExportBatchSize: 1000, scheduledDelayMs: 60_000, exportTimeoutMs: 1000 },
      new LostSpans(() => {}),
    );
    const later = Promise.withResolvers<string>();
    const resource = resourceFromAttributes({ 'host.id': later.promise });
    const provider = new TracerProvider({ resource, spanProcessors: [processor] });
    makeHopSpans(provider, 50);
    later.resolve('h');
    await setImmediate();
    assert.equal(resource.asyncAttributesPending, false);
    makeSpans(provider, 150);
    makeHopSpans(provider, 25);
    await provider.shutdown();
    const spans = batches.flatMap((batch) => decodeSpans(encodedSpansSerializer.serializeRequest(batch)));
    assert.equal(spans.length, 300);
    for (const { resource: sent } of spans) assert.match(JSON.stringify(sent), /host\.id/);
  });
});
