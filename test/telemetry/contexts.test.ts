/** What a request says of its trace, in every form and over both protocols: one trace or none comes of it, never two. */
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

/** The trace that must come of it: one with this id, a new one, or none. */
type Outcome = { readonly traceId: string } | 'new' | 'none';

type Case = readonly [what: string, headers: Headers, outcome: Outcome];

/** `T` stands for an id that no other request has; it has 16 digits. */
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

/** What the headers of a request say, each as `trace span sampled`. */
function contextsOf(headers: Headers): string[] {
  const contexts: string[] = [];
  const [, ...parent] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0([01])$/.exec(headers.traceparent ?? '') ?? [];
  if (headers.traceparent !== undefined) contexts.push(parent.join(' '));
  const [, ...single] = /^([0-9a-f]{32})-([0-9a-f]{16})-([01d])$/.exec(headers.b3 ?? '') ?? [];
  if (headers.b3 !== undefined && headers.b3 !== '0') contexts.push(single.join(' ').replace(/ d$/, ' 1'));
  const { 'x-b3-traceid': traceId, 'x-b3-spanid': spanId, 'x-b3-sampled': sampled, 'x-b3-flags': flags } = headers;
  if (traceId !== undefined) contexts.push(`${traceId} ${spanId} ${sampled ?? flags}`);
  return contexts;
}

suite('contexts that arrive', () => {
  let receiver: OtlpReceiver;
  let leaf: ServedProgram;
  let gateway: ServedProgram;
  before(async () => {
    receiver = await startOtlpReceiver();
    leaf = await startServe('leaf', [], receiver.env);
    const routes = [`leaf:8080:127.0.0.1:${leaf.httpPort}`, `leaf:9090:127.0.0.1:${leaf.grpcPort}`];
    const args = routes.flatMap((route) => ['--connect-to', route]);
    gateway = await startServe('gateway', args, receiver.env);
  });
  after(async () => {
    await gateway[Symbol.asyncDispose]();
    await leaf[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  async function send(over: 'http' | 'grpc', path: string, headers: Headers): Promise<Reply> {
    if (over === 'http') return callHttp(gateway.httpPort, path, headers);
    const { reply } = await callGrpc(gateway.grpcPort, { path }, { headers });
    assert.ok(reply !== undefined);
    return reply;
  }

  /** Spans come in the order of their ends: when those of a later request are there, there are no more of an earlier one. */
  async function assertNone(before_: number, reply: Reply, over: 'http' | 'grpc', what: string): Promise<void> {
    assert.equal(reply.spanId, undefined, what);
    const { traceId: later = '' } = await send(over, '/@leaf/later', {});
    await receiver.trace(later, 3);
    assert.equal(receiver.spans.length - before_, 3, what);
  }

  async function assertOne(
    before_: number,
    reply: Reply,
    traceId: string,
    isNew: boolean,
    what: string,
  ): Promise<void> {
    const spans = await receiver.trace(traceId, 3);
    assert.deepEqual([spans.length, receiver.spans.length - before_], [3, 3], what);
    assert.deepEqual([reply.traceId, reply.calls?.[0]?.reply?.traceId], [traceId, traceId], what);
    assert.equal(spans.find(({ spanId }) => spanId === reply.spanId)?.parentSpanId, isNew ? undefined : span, what);
  }

  /** What goes on names one span of one trace, however many headers it has. */
  function assertAgreed(reply: Reply, traceId: string | undefined, what: string): void {
    const sent = contextsOf(reply.calls?.[0]?.reply?.request?.headers ?? {});
    assert.ok(new Set(sent).size <= 1, `${what}: ${sent}`);
    for (const context of sent) assert.match(context, /^[0-9a-f]{32} [0-9a-f]{16} [01]$/, what);
    if (traceId !== undefined) assert.ok(sent[0]?.startsWith(traceId), what);
  }

  async function check([what, template, outcome]: Case, over: 'http' | 'grpc', path: string): Promise<void> {
    const id = randomBytes(8).toString('hex');
    const headers = Object.entries(template).map(([name, value]) => [name, value.replace('T', id)]);
    const before_ = receiver.spans.length;
    const reply = await send(over, path, Object.fromEntries(headers));
    const traceId = typeof outcome === 'object' ? outcome.traceId.replace('T', id) : reply.traceId;
    if (outcome === 'none') await assertNone(before_, reply, over, what);
    else await assertOne(before_, reply, traceId ?? '', outcome === 'new', what);
    assertAgreed(reply, outcome === 'none' ? undefined : traceId, what);
  }

  for (const over of ['http', 'grpc'] as const) {
    for (const path of ['/@leaf/x', '/@grpc:leaf/x']) {
      test(`over ${over}, then ${path}`, async () => {
        for (const one of cases) await check(one, over, path);
      });
    }
  }
});
