/** What a request says of its trace, in a mesh whose Envoys know W3C alone: one trace of all, or none, never two. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Jaeger } from '../../src/cli/call/jaeger.ts';
import type { CallResult, Reply } from '../../src/reply/reply.ts';
import { compareTrace } from '../../src/trace/compare.ts';
import { findingText } from '../../src/trace/finding.ts';
import { callGrpc, callHttp } from '../running-mesh.ts';
import { demoWorkloads, startTestMesh, type TestMesh } from './local-mesh.ts';

type Headers = Record<string, string>;

/** The trace that must come of it: the one that W3C names, the one that B3 names, a new one, or none. */
type Outcome = 'w3c' | 'b3' | 'new' | 'none';

/** `W` and `B` stand for the ids of two traces that no other request has. */
interface Case {
  readonly what: string;
  readonly headers: Headers;
  /** Where a mock is asked first. */
  readonly outcome: Outcome;
  /** Where an Envoy is asked first, when it differs: it knows no B3, and begins a trace beside it. */
  readonly atIngress?: Outcome;
}

const [parent, other] = ['1234567890abcdef', 'fedcba0987654321'];
const single = (sampled: string): Headers => ({ b3: `B-${other}${sampled}` });
const multi = (more: Headers): Headers => ({ 'x-b3-traceid': 'B', 'x-b3-spanid': other, ...more });
const w3c = (flags: string): Headers => ({ traceparent: `00-W-${parent}-${flags}` });
const malformed = { traceparent: '00-zz-01' };

const cases: readonly Case[] = [
  { what: 'nothing', headers: {}, outcome: 'new' },
  { what: 'W3C', headers: w3c('01'), outcome: 'w3c' },
  { what: 'W3C, unsampled', headers: w3c('00'), outcome: 'none' },
  { what: 'B3 single', headers: single('-1'), outcome: 'b3', atIngress: 'new' },
  { what: 'B3 single, undecided', headers: single(''), outcome: 'b3', atIngress: 'new' },
  { what: 'B3 single, debug', headers: single('-d'), outcome: 'b3', atIngress: 'new' },
  { what: 'B3 single, unsampled', headers: single('-0'), outcome: 'none', atIngress: 'new' },
  { what: 'B3 single, denied', headers: { b3: '0' }, outcome: 'none', atIngress: 'new' },
  { what: 'B3 multi', headers: multi({ 'x-b3-sampled': '1' }), outcome: 'b3', atIngress: 'new' },
  { what: 'B3 multi, unsampled', headers: multi({ 'x-b3-sampled': '0' }), outcome: 'none', atIngress: 'new' },
  { what: 'B3 multi, denied', headers: { 'x-b3-sampled': '0' }, outcome: 'none', atIngress: 'new' },
  { what: 'both, of two traces', headers: { ...w3c('01'), ...single('-1'), ...multi({}) }, outcome: 'w3c' },
  { what: 'both, B3 unsampled', headers: { ...w3c('01'), ...single('-0') }, outcome: 'w3c' },
  { what: 'both, W3C unsampled', headers: { ...w3c('00'), ...single('-1') }, outcome: 'none' },
  { what: 'malformed W3C', headers: malformed, outcome: 'new' },
  { what: 'malformed W3C, good B3', headers: { ...malformed, ...single('-1') }, outcome: 'b3' },
  { what: 'malformed W3C, B3 unsampled', headers: { ...malformed, ...single('-0') }, outcome: 'none' },
  { what: 'malformed B3 single', headers: { b3: 'zz-1' }, outcome: 'new' },
  { what: 'malformed B3 multi', headers: { 'x-b3-traceid': 'zz', 'x-b3-spanid': other }, outcome: 'new' },
  { what: 'good W3C, malformed B3', headers: { ...w3c('01'), b3: 'zz-1' }, outcome: 'w3c' },
];

const cascade = '/@service1|grpc:service2/@service3,grpc:service4/x';
const calls = 6;
/**
 * Each call: CLIENT of the mock, of the sidecar; SERVER of the sidecar, of the mock. And the SERVER of the first mock.
 */
const spansOfCascade = 4 * calls + 1;
/** And SERVER and CLIENT of the ingress gateway, SERVER of the first mock's sidecar. */
const spansAtIngress = spansOfCascade + 3;
const longestTraceMs = 15_000;

suite('contexts that arrive in a mesh', { timeout: 600_000 }, () => {
  let bed: TestMesh;
  let jaeger: Jaeger;
  const signal = new AbortController().signal;
  const expected = new Set<string>();

  before(async () => {
    bed = await startTestMesh([demoWorkloads, 'istio/demo/ingress.yaml']);
    jaeger = new Jaeger(new URL(bed.jaeger));
  });
  after(() => bed?.[Symbol.asyncDispose]());

  const portOf = (address: string): number => Number(address.split(':')[1]);
  const ways = {
    'at the ingress gateway': (headers: Headers) => callHttp(portOf(bed.gateway(80)), cascade, headers),
    'at a mock, over HTTP': (headers: Headers) => callHttp(portOf(bed.http('gateway')), cascade, headers),
    'at a mock, over gRPC': async (headers: Headers) => {
      const { reply } = await callGrpc(portOf(bed.grpc('gateway')), { path: cascade }, { headers });
      assert.ok(reply !== undefined);
      return reply;
    },
  };

  for (const [way, call] of Object.entries(ways)) {
    const isIngress = way === 'at the ingress gateway';
    const scheme = way.endsWith('gRPC') ? 'grpc' : 'http';
    for (const { what, headers: template, outcome, atIngress = outcome } of cases) {
      const wanted = isIngress ? atIngress : outcome;
      test(`${way}: ${what}`, async () => {
        const ids = { W: randomBytes(16).toString('hex'), B: randomBytes(16).toString('hex') };
        const headers = Object.fromEntries(
          Object.entries(template).map(([name, value]) => [name, value.replace('W', ids.W).replace('B', ids.B)]),
        );
        const reply = await call(headers);
        assert.deepEqual([reply.status, reply.calls?.length], [200, 2]);
        checkReplies(reply, wanted, ids);
        if (wanted === 'none') return;
        // An Envoy makes no span of a traceparent that it cannot read.
        const hasIngress = isIngress && headers.traceparent !== malformed.traceparent;
        const root: CallResult = { target: 'gateway', scheme, status: 200, answeredBy: 'service', reply };
        await untilWhole(root, hasIngress ? spansAtIngress : spansOfCascade, wanted === 'new' ? {} : headers);
      });
    }
  }

  test('there is no other trace', async () => {
    // Whatever else was begun has been exported by then.
    await sleep(3000);
    assert.deepEqual([...(await traceIdsOf(bed.jaeger))].sort(), [...expected].sort());
  });

  async function untilWhole(root: CallResult, count: number, sent: Headers): Promise<void> {
    const traceId = root.reply?.traceId ?? '';
    expected.add(traceId);
    const until = performance.now() + longestTraceMs;
    for (;;) {
      const spans = await jaeger.spansOf(traceId, signal);
      const problems = compareTrace(root, spans, sent).findings.map(findingText);
      if (spans.length !== count) problems.push(`${spans.length} spans, not ${count}`);
      if (problems.length === 0) return;
      assert.ok(performance.now() < until, `trace ${traceId}\n${problems.join('\n')}`);
      await sleep(100);
    }
  }
});

/** All services are to name the same trace, and to have a span in it or none. */
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

/** The ids of all traces that a Jaeger holds. */
async function traceIdsOf(jaeger: string): Promise<Set<string>> {
  const ask = async (path: string): Promise<unknown[]> => {
    const response = await fetch(`${jaeger}${path}`);
    return ((await response.json()) as { data: unknown[] | null }).data ?? [];
  };
  const ids = new Set<string>();
  for (const service of (await ask('/api/services')) as string[]) {
    const traces = await ask(`/api/traces?service=${service}&lookback=1h&limit=1500`);
    for (const { traceID } of traces as { traceID: string }[]) ids.add(traceID.padStart(32, '0'));
  }
  return ids;
}
