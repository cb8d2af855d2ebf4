/** Tests that a request results in one trace or none, for each form of its trace context and over both protocols. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import type { Reply } from '../../src/reply/reply.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../otlp-receiver.ts';
import { type ServedProgram, startServe } from '../program.ts';
import { callGrpc, callHttp } from '../running-mesh.ts';

const [w3c, b3, stale] = ['a', 'b', 'c'].map((digit) => digit.repeat(16)) as [string, string, string];
const span = '1234567890abcdef';
const other = 'fedcba0987654321';

type Headers = Record<string, string>;

/** Expected trace: the one with this id, a new one, or none. */
type Outcome = { readonly traceId: string } | 'new' | 'none';

type Case = readonly [title: string, headers: Headers, outcome: Outcome];

/** Requests by their headers. `T` is replaced by 16 digits that differ in each request. */
const cases: readonly Case[] = [
  ['nothing', {}, 'new'],
  ['W3C', { traceparent: `00-${w3c}T-${span}-01` }, { traceId: `${w3c}T` }],
  ['W3C of a later version', { traceparent: `01-${w3c}T-${span}-01-more` }, { traceId: `${w3c}T` }],
  ['W3C, unsampled', { traceparent: `00-${w3c}T-${span}-00` }, 'none'],
  ['B3 single', { b3: `${b3}T-${span}-1` }, { traceId: `${b3}T` }],
  ['B3 single with a parent', { b3: `${b3}T-${span}-1-${other}` }, { traceId: `${b3}T` }],
  ['B3 single of 64 bits', { b3: `T-${span}-1` }, { traceId: `${'0'.repeat(16)}T` }],
  ['B3 single, debug', { b3: `${b3}T-${span}-d` }, { traceId: `${b3}T` }],
  ['B3 single, undecided', { b3: `${b3}T-${span}` }, { traceId: `${b3}T` }],
  ['B3 single, unsampled', { b3: `${b3}T-${span}-0` }, 'none'],
  ['B3 single, denied', { b3: '0' }, 'none'],
  ['B3 multi', { 'x-b3-traceid': `${b3}T`, 'x-b3-spanid': span, 'x-b3-sampled': '1' }, { traceId: `${b3}T` }],
  [
    'B3 multi in capitals',
    { 'x-b3-traceid': `${b3.toUpperCase()}T`, 'x-b3-spanid': span.toUpperCase(), 'x-b3-sampled': '1' },
    { traceId: `${b3}T` },
  ],
  ['B3 multi, debug', { 'x-b3-traceid': `${b3}T`, 'x-b3-spanid': span, 'x-b3-flags': '1' }, { traceId: `${b3}T` }],
  ['B3 multi, undecided', { 'x-b3-traceid': `${b3}T`, 'x-b3-spanid': span }, { traceId: `${b3}T` }],
  ['B3 multi, unsampled', { 'x-b3-traceid': `${b3}T`, 'x-b3-spanid': span, 'x-b3-sampled': '0' }, 'none'],
  ['B3 multi, denied', { 'x-b3-sampled': '0' }, 'none'],
  ['both, of one trace', { traceparent: `00-${w3c}T-${span}-01`, b3: `${w3c}T-${span}-1` }, { traceId: `${w3c}T` }],
  [
    'both, B3 stale',
    {
      traceparent: `00-${w3c}T-${span}-01`,
      b3: `${stale}T-${other}-1`,
      'x-b3-traceid': `${stale}T`,
      'x-b3-spanid': other,
      'x-b3-sampled': '1',
    },
    { traceId: `${w3c}T` },
  ],
  [
    'both, B3 unsampled',
    { traceparent: `00-${w3c}T-${span}-01`, b3: `${stale}T-${other}-0`, 'x-b3-sampled': '0' },
    { traceId: `${w3c}T` },
  ],
  ['both, B3 denied', { traceparent: `00-${w3c}T-${span}-01`, b3: '0' }, { traceId: `${w3c}T` }],
  ['both, W3C unsampled and B3 debug', { traceparent: `00-${w3c}T-${span}-00`, b3: `${stale}T-${other}-d` }, 'none'],
  [
    'both forms of B3, single unsampled and multi debug',
    { b3: `${b3}T-${span}-0`, 'x-b3-traceid': `${stale}T`, 'x-b3-spanid': other, 'x-b3-flags': '1' },
    'none',
  ],
  ['Jaeger', { 'uber-trace-id': `${b3}T:${span}:0:1` }, { traceId: `${b3}T` }],
  ['Jaeger, encoded', { 'uber-trace-id': `${b3}T%3A${span}%3a${other}%3A3` }, { traceId: `${b3}T` }],
  ['Jaeger, unsampled', { 'uber-trace-id': `${b3}T:${span}:0:0` }, 'none'],
  [
    'W3C and a stale one of Jaeger',
    { traceparent: `00-${w3c}T-${span}-01`, 'uber-trace-id': `${stale}T:${other}:0:1` },
    { traceId: `${w3c}T` },
  ],
  [
    'B3 and a stale one of Jaeger',
    { b3: `${b3}T-${span}-1`, 'uber-trace-id': `${stale}T:${other}:0:1` },
    { traceId: `${b3}T` },
  ],
  ['malformed Jaeger', { 'uber-trace-id': `zz:${span}:0:1` }, 'new'],
  ['Jaeger without a span', { 'uber-trace-id': `${b3}T:0:0:1` }, 'new'],
  ['malformed W3C', { traceparent: '00-zz-01', tracestate: 'a=b' }, 'new'],
  ['W3C of zeros', { traceparent: `00-${'0'.repeat(32)}-${span}-01` }, 'new'],
  ['W3C without a span', { traceparent: `00-${w3c}T-${'0'.repeat(16)}-01` }, 'new'],
  ['W3C of version ff', { traceparent: `ff-${w3c}T-${span}-01` }, 'new'],
  ['malformed W3C and good B3', { traceparent: `00-${w3c}`, b3: `${b3}T-${span}-1` }, { traceId: `${b3}T` }],
  ['malformed B3 single', { b3: 'zz-1' }, 'new'],
  [
    'malformed B3 single and good multi',
    { b3: 'zz', 'x-b3-traceid': `${b3}T`, 'x-b3-spanid': span, 'x-b3-sampled': '1' },
    { traceId: `${b3}T` },
  ],
  ['malformed B3 multi', { 'x-b3-traceid': 'zz', 'x-b3-spanid': span, 'x-b3-sampled': '1' }, 'new'],
  ['B3 multi without a span', { 'x-b3-traceid': `${b3}T`, 'x-b3-sampled': '1' }, 'new'],
];

/** Returns the trace contexts in the headers of a request, each as `trace span sampled`. */
function contextsOf(headers: Headers): string[] {
  const contexts: string[] = [];
  const [, ...parent] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0([01])$/.exec(headers.traceparent ?? '') ?? [];
  if (headers.traceparent !== undefined) contexts.push(parent.join(' '));
  const [, ...single] = /^([0-9a-f]{32})-([0-9a-f]{16})-([01d])$/.exec(headers.b3 ?? '') ?? [];
  if (headers.b3 !== undefined && headers.b3 !== '0') contexts.push(single.join(' ').replace(/ d$/, ' 1'));
  const { 'x-b3-traceid': traceId, 'x-b3-spanid': spanId, 'x-b3-sampled': sampled, 'x-b3-flags': flags } = headers;
  if (traceId !== undefined) contexts.push(`${traceId} ${spanId} ${sampled ?? flags}`);
  const [, ...uber] = /^([0-9a-f]{32}):([0-9a-f]{16}):0:([01])$/.exec(headers['uber-trace-id'] ?? '') ?? [];
  if (headers['uber-trace-id'] !== undefined) contexts.push(uber.join(' '));
  return contexts;
}

suite('trace contexts of requests', () => {
  const started = new AsyncDisposableStack();
  let receiver: OtlpReceiver;
  let leaf: ServedProgram;
  let gateway: ServedProgram;
  before(async () => {
    receiver = started.use(await startOtlpReceiver());
    leaf = started.use(await startServe('leaf', [], receiver.env));
    const routes = [`leaf:8080:127.0.0.1:${leaf.httpPort}`, `leaf:9090:127.0.0.1:${leaf.grpcPort}`];
    const args = routes.flatMap((route) => ['--connect-to', route]);
    gateway = started.use(await startServe('gateway', args, receiver.env));
  });
  // A receiver that stays open after a failed start would keep the test from ending.
  after(() => started.disposeAsync());

  async function send(over: 'http' | 'grpc', path: string, headers: Headers): Promise<Reply> {
    if (over === 'http') return callHttp(gateway.httpPort, path, headers);
    const { reply } = await callGrpc(gateway.grpcPort, { path }, { headers });
    assert.ok(reply !== undefined);
    return reply;
  }

  /**
   * Asserts that a request has no spans. Spans arrive in the order of their ends, so the only new ones are those of a
   * later request.
   */
  async function assertNoTrace(spansBefore: number, reply: Reply, over: 'http' | 'grpc', title: string): Promise<void> {
    assert.equal(reply.spanId, undefined, title);
    const { traceId: later = '' } = await send(over, '/@leaf/later', {});
    await receiver.trace(later, 3);
    assert.equal(receiver.spans.length - spansBefore, 3, title);
  }

  async function assertOneTrace(
    spansBefore: number,
    reply: Reply,
    traceId: string,
    isNew: boolean,
    title: string,
  ): Promise<void> {
    const spans = await receiver.trace(traceId, 3);
    assert.deepEqual([spans.length, receiver.spans.length - spansBefore], [3, 3], title);
    assert.deepEqual([reply.traceId, reply.calls?.[0]?.reply?.traceId], [traceId, traceId], title);
    assert.equal(spans.find(({ spanId }) => spanId === reply.spanId)?.parentSpanId, isNew ? undefined : span, title);
  }

  /** Asserts that all trace headers of the forwarded request name one span of one trace. */
  function assertOneContext(reply: Reply, traceId: string | undefined, title: string): void {
    const sent = contextsOf(reply.calls?.[0]?.reply?.request?.headers ?? {});
    assert.ok(new Set(sent).size <= 1, `${title}: ${sent}`);
    for (const context of sent) assert.match(context, /^[0-9a-f]{32} [0-9a-f]{16} [01]$/, title);
    if (traceId !== undefined) assert.ok(sent[0]?.startsWith(traceId), title);
  }

  async function check([title, template, outcome]: Case, over: 'http' | 'grpc', path: string): Promise<void> {
    const id = randomBytes(8).toString('hex');
    const headers = Object.entries(template).map(([name, value]) => [name, value.replace('T', id)]);
    const spansBefore = receiver.spans.length;
    const reply = await send(over, path, Object.fromEntries(headers));
    const traceId = typeof outcome === 'object' ? outcome.traceId.replace('T', id) : reply.traceId;
    if (outcome === 'none') await assertNoTrace(spansBefore, reply, over, title);
    else await assertOneTrace(spansBefore, reply, traceId ?? '', outcome === 'new', title);
    assertOneContext(reply, outcome === 'none' ? undefined : traceId, title);
  }

  for (const over of ['http', 'grpc'] as const) {
    for (const path of ['/@leaf/x', '/@grpc:leaf/x']) {
      test(`a context that arrives over ${over} is forwarded by ${path}`, async () => {
        for (const one of cases) await check(one, over, path);
      });
    }
  }
});
