import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type Attributes,
  createTraceState,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  createAlwaysRecordSampler,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  type SpanLimits,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { HopTracer } from '../../src/telemetry/hop-tracer.ts';
import { RandomIds } from '../../src/telemetry/random-ids.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const atStart: Attributes = { overwritten: 'a long text', text: 'é'.repeat(40), short: 'x', number: 1.5, flag: true };
const atEnd: Attributes = { overwritten: 200, last: 'another text' };

/** Spans of requests: one after another, with the parents that the test names. */
type MakeSpans = (tracer: Tracer, parents: readonly (SpanContext | undefined)[]) => void;

const contextWith = (parent: SpanContext | undefined) =>
  parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);

/** Makes a SERVER and a CLIENT span for each request, through the API. */
const makeBySdk: MakeSpans = (tracer, parents) => {
  for (const parent of parents) {
    const context = contextWith(parent);
    const server = tracer.startSpan('GET /*', { kind: SpanKind.SERVER }, context).setAttributes({ ...atStart });
    const client = tracer
      .startSpan('GET', { kind: SpanKind.CLIENT }, trace.setSpan(context, server))
      .setAttributes({ ...atStart });
    client.setAttributes(atEnd).setStatus({ code: SpanStatusCode.ERROR }).end();
    server.setAttributes(atEnd).end();
  }
};

const makeByHopTracer: MakeSpans = (sdkTracer, parents) => {
  const tracer = new HopTracer(sdkTracer);
  for (const parent of parents) {
    const context = tracer.contextOf('GET /*', contextWith(parent), parent);
    if ((context.traceFlags & TraceFlags.SAMPLED) === 0) continue;
    const server = tracer.startServerSpan('GET /*', context, parent, { ...atStart });
    const client = tracer.startClientSpan('GET', server, { ...atStart });
    Object.assign(client.attributes, atEnd);
    client.isError = true;
    tracer.end(client);
    Object.assign(server.attributes, atEnd);
    tracer.end(server);
  }
};

/** Returns the ids of a count, so that two tracers can be compared. */
function countedIds() {
  const counts = { traces: 0, spans: 0 };
  return {
    // Its first digits decide whether a ratio samples it.
    generateTraceId: () => ((++counts.traces * 0x9e3779b1) >>> 0).toString(16).padStart(8, '0').padEnd(32, '0'),
    generateSpanId: () => (++counts.spans).toString(16).padStart(16, '0'),
  };
}

/** Returns all that exporters read of the spans, but for ids of spans and times. */
function exportedFields(make: MakeSpans, sampler: Sampler, spanLimits: SpanLimits, parents: Parents): object[] {
  const memory = new InMemorySpanExporter();
  const provider = new TracerProvider({
    sampler,
    spanLimits,
    idGenerator: countedIds(),
    resource: resourceFromAttributes({ 'service.name': 'app' }),
    spanProcessors: [new SimpleSpanProcessor({ exporter: memory })],
  });
  make(provider.getTracer('hops', '1.0'), parents);
  const spans = memory.getFinishedSpans();
  const numberOf = new Map(spans.map((span, index) => [span.spanContext().spanId, index]));
  return spans.map((span) => fieldsOf(span, numberOf));
}

function fieldsOf(span: ReadableSpan, numberOf: ReadonlyMap<string, number>): object {
  const { traceId, traceFlags, traceState } = span.spanContext();
  const { name, kind, attributes, status, links, events, ended, parentSpanContext: parent } = span;
  const { droppedAttributesCount, droppedEventsCount, droppedLinksCount, instrumentationScope, resource } = span;
  const dropped = [droppedAttributesCount, droppedEventsCount, droppedLinksCount];
  return {
    ...{
      traceId,
      traceFlags,
      traceState: traceState?.serialize(),
      name,
      kind,
      attributes,
      status,
      links,
      events,
      ended,
    },
    parent: parent && [parent.traceId, numberOf.get(parent.spanId) ?? parent.spanId, parent.isRemote],
    ...{ dropped, instrumentationScope, resource: resource.attributes },
  };
}

type Parents = readonly (SpanContext | undefined)[];

const remote = (digit: string, traceFlags: TraceFlags): SpanContext => ({
  traceId: digit.repeat(32),
  spanId: digit.repeat(16),
  traceFlags,
  isRemote: true,
});
const parents: Parents = [
  ...Array.from({ length: 40 }, () => undefined),
  ...['1', '7', 'c', 'f'].flatMap((digit) => [remote(digit, TraceFlags.SAMPLED), remote(digit, TraceFlags.NONE)]),
  { ...remote('a', TraceFlags.SAMPLED), traceState: createTraceState('a=b,c=d') },
];

const ratio = new TraceIdRatioBasedSampler(0.3);
const samplers: readonly Sampler[] = [
  new AlwaysOnSampler(),
  new AlwaysOffSampler(),
  ratio,
  new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  new ParentBasedSampler({ root: ratio }),
  createAlwaysRecordSampler(new AlwaysOffSampler()),
];
const limits: readonly SpanLimits[] = [
  {},
  { attributeCountLimit: 4 },
  { attributeCountLimit: 1 },
  { attributeValueLengthLimit: 10 },
  { attributeCountLimit: 5, attributeValueLengthLimit: 1 },
];

suite('Spans of a hop are those of the SDK', () => {
  for (const sampler of samplers)
    test(`with the sampler ${sampler}`, () => {
      const expected = exportedFields(makeBySdk, sampler, {}, parents);
      assert.deepEqual(exportedFields(makeByHopTracer, sampler, {}, parents), expected);
      assert.ok(/Off|Ratio/.test(String(sampler)) || expected.length >= 90);
    });

  for (const limit of limits)
    test(`with the limits ${JSON.stringify(limit)}`, () => {
      const expected = exportedFields(makeBySdk, new AlwaysOnSampler(), limit, parents);
      assert.deepEqual(exportedFields(makeByHopTracer, new AlwaysOnSampler(), limit, parents), expected);
      assert.equal(expected.length, 98);
    });

  test('and their times are those of the clock', async () => {
    const memory = new InMemorySpanExporter();
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: memory })] });
    const tracer = new HopTracer(provider.getTracer('hops'));
    const before = Date.now();
    const span = tracer.startServerSpan('x', tracer.contextOf('x', ROOT_CONTEXT, undefined), undefined, {});
    await sleep(20);
    tracer.end(span);
    const after = Date.now();
    const [{ startTime, endTime, duration } = span] = memory.getFinishedSpans();
    const nanoseconds = ([seconds, rest]: readonly [number, number]) => BigInt(seconds) * 1_000_000_000n + BigInt(rest);
    assert.equal(nanoseconds(endTime) - nanoseconds(startTime), nanoseconds(duration));
    assert.ok(nanoseconds(startTime) >= BigInt(before) * 1_000_000n);
    assert.ok(nanoseconds(endTime) < BigInt(after + 1) * 1_000_000n);
    assert.ok(nanoseconds(duration) >= 18_000_000n);
  });
});

test('random ids differ, and have the lengths and digits of W3C', () => {
  const ids = new RandomIds();
  const made = Array.from({ length: 2000 }, () => [ids.generateTraceId(), ids.generateSpanId()]);
  for (const [traceId = '', spanId = ''] of made) {
    assert.match(traceId, /^[0-9a-f]{32}$/);
    assert.match(spanId, /^[0-9a-f]{16}$/);
  }
  assert.equal(new Set(made.flat()).size, 4000);
});

test('an id that is kept does not keep others in memory', () => {
  const ids = new RandomIds();
  const kept: string[] = [];
  const before = usedBytes();
  for (let index = 0; index < 500_000; index++) {
    const id = ids.generateSpanId();
    if (index % 100 === 0) kept.push(id);
  }
  const bytesEach = (usedBytes() - before) / kept.length;
  assert.ok(bytesEach < 300, `${bytesEach} bytes for each of ${kept.length} ids`);
});

function usedBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
