/**
 * Tests of random plans through real sidecars, with faults, retries, timeouts and traffic splits of VirtualServices.
 * The reply, the trace and Envoy's counters must each contain every edge exactly once. MESHMOCK_TEST_SEED=N repeats a run.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runConcurrently } from '../../../src/execute/concurrency/run-concurrently.ts';
import { Jaeger } from '../../../src/jaeger/jaeger.ts';
import { formatPath } from '../../../src/plan/format.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { toMessage } from '../../../src/plan/to-message.ts';
import type { CallResult, Reply } from '../../../src/reply/reply.ts';
import { compareTrace } from '../../../src/trace/compare.ts';
import { findingText } from '../../../src/trace/finding.ts';
import { isInbound, isOutbound } from '../../../src/trace/proxy-spans.ts';
import { isMeshmockSpan, type Span } from '../../../src/trace/span.ts';
import fc from '../../fast-check.ts';
import { Random } from '../../random.ts';
import { callGrpc, callHttp } from '../../running-mesh.ts';
import { mutate } from '../../trace/mutations.ts';
import { demoWorkloads, type LocalMeshFixture, startLocalMesh } from '../local-mesh.ts';
import { countMade, type Part, partOfPlan, partOfReply, plans, sentBy } from './sidecar-model.ts';

const planCount = Number(process.env.MESHMOCK_PLANS ?? 500);
const concurrency = 4;
const seed = Number(process.env.MESHMOCK_TEST_SEED ?? Date.now() % 1_000_000);
const traceTimeoutMs = 60_000;
const mutationCount = 1000;

suite(`${planCount} random plans through sidecars (MESHMOCK_TEST_SEED=${seed})`, { timeout: 900_000 }, () => {
  let mesh: LocalMeshFixture;
  let jaeger: Jaeger;
  const signal = new AbortController().signal;
  const sent = new Map<string, number>();
  /** Complete traces of plans without policies. */
  const completeTraces: { readonly path: string; readonly root: CallResult; readonly spans: readonly Span[] }[] = [];

  before(async () => {
    mesh = await startLocalMesh([demoWorkloads, 'test/istio/random-plans/sidecar-policies.yaml']);
    jaeger = new Jaeger(new URL(mesh.jaeger));
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  const portOf = (address: string): number => Number(address.split(':')[1]);

  async function callFor(plan: Plan, index: number): Promise<Reply | undefined> {
    const path = formatPath(plan);
    if (index % 2 === 0) return callHttp(portOf(mesh.http('gateway')), path);
    const headers = { 'x-meshmock-details-bytes': '36000' };
    const request = index % 4 === 1 ? { path } : { plan: toMessage(plan) };
    return (await callGrpc(portOf(mesh.grpc('gateway')), request, { headers })).reply;
  }

  async function check(plan: Plan, index: number): Promise<void> {
    const path = formatPath(plan);
    const protocol = index % 2 === 0 ? 'http' : 'grpc';
    const reply = await callFor(plan, index);
    assert.ok(reply !== undefined, path);
    const expected = partOfPlan('gateway', protocol, plan);
    assert.deepEqual(partOfReply(reply, expected), expected, path);
    for (const [key, count] of sentBy(expected)) sent.set(key, (sent.get(key) ?? 0) + count);
    await checkTrace(reply, protocol, expected, path);
  }

  async function checkTrace(reply: Reply, scheme: string, expected: Part, path: string): Promise<void> {
    const root: CallResult = { target: 'gateway', scheme, status: reply.status, answeredBy: 'service', reply };
    const until = performance.now() + traceTimeoutMs;
    for (;;) {
      const spans = await jaeger.spansOf(reply.traceId ?? '', signal);
      const problems = [
        ...compareTrace(root, spans).findings.map(findingText),
        ...chainProblems(
          spans,
          countMade(expected),
          [...sentBy(expected).values()].reduce((a, b) => a + b, 0),
        ),
      ];
      if (problems.length === 0) {
        if (!path.includes('x-policy')) completeTraces.push({ path, root, spans });
        return;
      }
      if (performance.now() > until) assert.fail(`${path} (trace ${reply.traceId})\n${problems.join('\n')}`);
      await sleep(100);
    }
  }

  test('the reply, the trace and the counters agree with each plan', async () => {
    const all = fc.sample(plans, { numRuns: planCount, seed });
    const before = await countsOf(mesh);
    await runConcurrently(
      all.length,
      concurrency,
      () => true,
      (index) => check(all[index] as Plan, index),
    );
    const after = await countsOf(mesh);
    const counted = [...after].map(([key, count]) => [key, count - (before.get(key) ?? 0)] as const);
    assert.deepEqual(
      Object.fromEntries(counted.filter(([, count]) => count > 0).sort()),
      Object.fromEntries([...sent].sort()),
    );
    const policies = ['abort', 'retry', 'timeout', 'v1', 'v2'];
    for (const policy of policies) {
      const count = all.filter((plan) => formatPath(plan).includes(`[x-policy=${policy}]`)).length;
      assert.ok(count > planCount / 25, `only ${count} plans use the policy ${policy}`);
    }
  });

  test(`the comparison detects each of ${mutationCount} mutations of these traces`, () => {
    const random = new Random(seed);
    assert.ok(completeTraces.length > 0);
    for (let count = 0; count < mutationCount; count++) {
      const { path, root, spans } = random.pick(completeTraces);
      const mutation = mutate(spans, random);
      assert.notDeepEqual(compareTrace(root, mutation.spans).findings, [], `${path}: ${mutation.text}`);
    }
  });
});

/** Checks that each call has its four spans in a chain: mock CLIENT, outbound CLIENT, inbound SERVER, mock SERVER. */
function chainProblems(spans: readonly Span[], made: number, arrived: number): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const parentOf = (span: Span | undefined): Span | undefined => byId.get(span?.parentSpanId ?? '');
  const servers = spans.filter(
    (span) => isMeshmockSpan(span) && span.kind === 'server' && span.parentSpanId !== undefined,
  );
  const clients = spans.filter((span) => isMeshmockSpan(span) && span.kind === 'client');
  const broken = servers.filter((server) => {
    const inbound = parentOf(server);
    const outbound = parentOf(inbound);
    const client = parentOf(outbound);
    return !(
      inbound !== undefined &&
      isInbound(inbound) &&
      outbound !== undefined &&
      isOutbound(outbound) &&
      client !== undefined &&
      isMeshmockSpan(client)
    );
  });
  return [
    ...broken.map(
      ({ spanId, service }) => `SERVER span ${spanId} of ${service} does not have the spans of both sidecars above it`,
    ),
    ...(clients.length === made ? [] : [`${clients.length} CLIENT spans for ${made} calls`]),
    ...(servers.length === arrived ? [] : [`${servers.length} SERVER spans for ${arrived} calls that arrived`]),
  ];
}

/** Reads from Envoy how often each service's sidecars have sent to each other service, including retries. */
async function countsOf({ host, started }: LocalMeshFixture): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { pod, stats } of await host.stats(new AbortController().signal)) {
    const from = started.pods.find(({ namespace, name }) => `${namespace}/${name}` === pod)?.service ?? pod;
    const line =
      /^envoy_cluster_upstream_rq_total\{cluster_name="outbound\|(\d+)\|[^|]*\|(\w+)\.default[^"]*"\} (\d+)$/gm;
    for (const [, port, to, count] of stats.matchAll(line)) {
      const key = `${from} ${to} ${port === '9090' ? 'grpc' : 'http'}`;
      counts.set(key, (counts.get(key) ?? 0) + Number(count));
    }
  }
  return counts;
}
