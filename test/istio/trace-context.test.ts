/**
 * Tests of trace headers in a mesh whose Envoys support only W3C. Each request must result in one trace or in none,
 * never in two.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Jaeger } from '../../src/jaeger/jaeger.ts';
import type { CallResult, Reply } from '../../src/reply/reply.ts';
import { compareTrace } from '../../src/trace/compare.ts';
import { findingText } from '../../src/trace/finding.ts';
import { callGrpc, callHttp } from '../running-mesh.ts';
import { demoWorkloads, type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

type Headers = Record<string, string>;

/** Trace that a request must result in: the trace of the W3C header, the trace of the B3 header, a new one, or none. */
type Outcome = 'w3c' | 'b3' | 'new' | 'none';

/** Headers of a request. `W` and `B` are placeholders for two new trace ids. */
interface Case {
  readonly title: string;
  readonly headers: Headers;
  /** Outcome of a request to a mock. */
  readonly outcome: Outcome;
  /** Outcome of a request to the ingress gateway, if it differs. Envoy ignores B3 and starts a new trace. */
  readonly atIngress?: Outcome;
}

const [parent, other] = ['1234567890abcdef', 'fedcba0987654321'];
const single = (sampled: string): Headers => ({ b3: `B-${other}${sampled}` });
const multi = (more: Headers): Headers => ({ 'x-b3-traceid': 'B', 'x-b3-spanid': other, ...more });
const w3c = (flags: string): Headers => ({ traceparent: `00-W-${parent}-${flags}` });
const malformed = { traceparent: '00-zz-01' };

const cases: readonly Case[] = [
  { title: 'nothing', headers: {}, outcome: 'new' },
  { title: 'W3C', headers: w3c('01'), outcome: 'w3c' },
  { title: 'W3C, unsampled', headers: w3c('00'), outcome: 'none' },
  { title: 'B3 single', headers: single('-1'), outcome: 'b3', atIngress: 'new' },
  { title: 'B3 single, undecided', headers: single(''), outcome: 'b3', atIngress: 'new' },
  { title: 'B3 single, debug', headers: single('-d'), outcome: 'b3', atIngress: 'new' },
  { title: 'B3 single, unsampled', headers: single('-0'), outcome: 'none', atIngress: 'new' },
  { title: 'B3 single, denied', headers: { b3: '0' }, outcome: 'none', atIngress: 'new' },
  { title: 'B3 multi', headers: multi({ 'x-b3-sampled': '1' }), outcome: 'b3', atIngress: 'new' },
  { title: 'B3 multi, unsampled', headers: multi({ 'x-b3-sampled': '0' }), outcome: 'none', atIngress: 'new' },
  { title: 'B3 multi, denied', headers: { 'x-b3-sampled': '0' }, outcome: 'none', atIngress: 'new' },
  { title: 'both, of two traces', headers: { ...w3c('01'), ...single('-1'), ...multi({}) }, outcome: 'w3c' },
  { title: 'both, B3 unsampled', headers: { ...w3c('01'), ...single('-0') }, outcome: 'w3c' },
  { title: 'both, W3C unsampled', headers: { ...w3c('00'), ...single('-1') }, outcome: 'none' },
  { title: 'malformed W3C', headers: malformed, outcome: 'new' },
  { title: 'malformed W3C, good B3', headers: { ...malformed, ...single('-1') }, outcome: 'b3' },
  { title: 'malformed W3C, B3 unsampled', headers: { ...malformed, ...single('-0') }, outcome: 'none' },
  { title: 'malformed B3 single', headers: { b3: 'zz-1' }, outcome: 'new' },
  { title: 'malformed B3 multi', headers: { 'x-b3-traceid': 'zz', 'x-b3-spanid': other }, outcome: 'new' },
  { title: 'good W3C, malformed B3', headers: { ...w3c('01'), b3: 'zz-1' }, outcome: 'w3c' },
];

const cascade = '/@service1|grpc:service2/@service3,grpc:service4/x';
const calls = 6;
/** Number of spans: CLIENT and SERVER of mock and sidecar for each call, and SERVER of the first mock. */
const spansOfCascade = 4 * calls + 1;
/** The same with SERVER and CLIENT of the ingress gateway, and SERVER of the first mock's sidecar. */
const spansAtIngress = spansOfCascade + 3;
const traceTimeoutMs = 60_000;

suite('trace headers that arrive in a mesh', { timeout: 600_000 }, () => {
  let mesh: LocalMeshFixture;
  let jaeger: Jaeger;
  const signal = new AbortController().signal;
  const expected = new Set<string>();

  before(async () => {
    mesh = await startLocalMesh([demoWorkloads, 'istio/demo/ingress.yaml']);
    jaeger = new Jaeger(new URL(mesh.jaeger));
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  const portOf = (address: string): number => Number(address.split(':')[1]);
  const entryPoints = {
    'at the ingress gateway': (headers: Headers) => callHttp(portOf(mesh.gateway(80)), cascade, headers),
    'at a mock, over HTTP': (headers: Headers) => callHttp(portOf(mesh.http('gateway')), cascade, headers),
    'at a mock, over gRPC': async (headers: Headers) => {
      const { reply } = await callGrpc(portOf(mesh.grpc('gateway')), { path: cascade }, { headers });
      assert.ok(reply !== undefined);
      return reply;
    },
  };

  for (const [entryPoint, call] of Object.entries(entryPoints)) {
    const isIngress = entryPoint === 'at the ingress gateway';
    const scheme = entryPoint.endsWith('gRPC') ? 'grpc' : 'http';
    for (const { title, headers: template, outcome, atIngress = outcome } of cases) {
      const wanted = isIngress ? atIngress : outcome;
      test(`${entryPoint}: ${title}`, async () => {
        const ids = { W: randomBytes(16).toString('hex'), B: randomBytes(16).toString('hex') };
        const headers = Object.fromEntries(
          Object.entries(template).map(([name, value]) => [name, value.replace('W', ids.W).replace('B', ids.B)]),
        );
        const reply = await call(headers);
        assert.deepEqual([reply.status, reply.calls?.length], [200, 2]);
        checkReplies(reply, wanted, ids);
        if (wanted === 'none') return;
        // Envoy makes no span for a request with a malformed traceparent.
        const hasIngress = isIngress && headers.traceparent !== malformed.traceparent;
        const root: CallResult = { target: 'gateway', scheme, status: 200, answeredBy: 'service', reply };
        await untilComplete(root, hasIngress ? spansAtIngress : spansOfCascade, wanted === 'new' ? {} : headers);
      });
    }
  }

  test('no other trace exists', async () => {
    // By then, the spans of any other trace are exported.
    await sleep(3000);
    assert.deepEqual([...(await traceIdsOf(mesh.jaeger))].sort(), [...expected].sort());
  });

  async function untilComplete(root: CallResult, count: number, sent: Headers): Promise<void> {
    const traceId = root.reply?.traceId ?? '';
    expected.add(traceId);
    const until = performance.now() + traceTimeoutMs;
    for (;;) {
      const spans = await jaeger.spansOf(traceId, signal);
      const problems = compareTrace(root, spans, sent).findings.map(findingText);
      if (spans.length !== count) problems.push(`${spans.length} spans instead of ${count}`);
      if (problems.length === 0) return;
      assert.ok(performance.now() < until, `trace ${traceId}\n${problems.join('\n')}`);
      await sleep(100);
    }
  }
});

/** Asserts that all services report the same trace, and that each has a span unless no trace is wanted. */
function checkReplies(reply: Reply, wanted: Outcome, ids: { readonly W: string; readonly B: string }): void {
  const replies = repliesOf(reply);
  const traceIds = [...new Set(replies.map(({ traceId }) => traceId))];
  assert.equal(traceIds.length, 1, traceIds.join(' '));
  for (const { spanId } of replies) assert.equal(spanId === undefined, wanted === 'none');
  if (wanted === 'w3c' || wanted === 'b3') assert.equal(traceIds[0], wanted === 'w3c' ? ids.W : ids.B);
  if (wanted === 'new') assert.ok(traceIds[0] !== undefined && traceIds[0] !== ids.W && traceIds[0] !== ids.B);
}

function repliesOf(reply: Reply): Reply[] {
  const below = (reply.calls ?? []).flatMap((call) => (call.reply === undefined ? [] : repliesOf(call.reply)));
  return [reply, ...below];
}

/** Returns the ids of all traces in a Jaeger. */
async function traceIdsOf(jaeger: string): Promise<Set<string>> {
  const query = async (path: string): Promise<unknown[]> => {
    const response = await fetch(`${jaeger}${path}`);
    return ((await response.json()) as { data: unknown[] | null }).data ?? [];
  };
  const ids = new Set<string>();
  for (const service of (await query('/api/services')) as string[]) {
    const traces = await query(`/api/traces?service=${service}&lookback=1h&limit=1500`);
    for (const { traceID } of traces as { traceID: string }[]) ids.add(traceID.padStart(32, '0'));
  }
  return ids;
}
