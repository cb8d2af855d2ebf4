/**
 * Random plans over five running services. The tree of the reply and the tree of the spans, which an OTLP endpoint
 * receives, must both match the plan. MESHMOCK_TEST_SEED=N repeats a run.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { formatPath } from '../../src/plan/format.ts';
import { countCalls, depthOf } from '../../src/plan/measure.ts';
import type { Protocol } from '../../src/plan/plan.ts';
import { type Call, defaultPorts, type Plan, sharedContinuation } from '../../src/plan/plan.ts';
import { toMessage } from '../../src/plan/to-message.ts';
import type { Reply } from '../../src/reply/reply.ts';
import fc from '../fast-check.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../otlp-receiver.ts';
import { arbitraryPlan } from '../plan/arbitrary-plan.ts';
import { type Program, startProgram } from '../program.ts';
import { callGrpc, callHttp } from '../running-mesh.ts';

const planCount = 500;
const atOnce = 4;
const seed = Number(process.env.MESHMOCK_TEST_SEED ?? Date.now() % 1_000_000);

/** Address without a server. */
const gone = { host: '127.0.0.1', port: 1 };

const edge = fc
  .tuple(
    fc.constantFrom('http', 'grpc').map((scheme) => scheme as 'http' | 'grpc'),
    fc.constantFrom('gateway', 'service1', 'service2', 'service3', 'service4'),
    fc.boolean(),
    fc.nat(19),
  )
  .map(
    ([scheme, host, hasHeader, chance]): Omit<Call, 'then'> => ({
      scheme,
      ...(chance === 0 ? gone : { host, port: defaultPorts[scheme] }),
      times: 1,
      headers: hasHeader ? [{ name: 'x-call', value: 'a|b,c' }] : [],
      options: hasHeader ? { timeoutMs: 10_000 } : {},
    }),
  );

// Plans are small, so that a tree of failures fits into the details of a gRPC status.
const plans = arbitraryPlan(
  { directives: fc.constant([]), call: edge, uri: fc.constantFrom('/', '/x', '/a?b=(c|d)') },
  3,
).filter((plan) => plan.kind === 'calls' && countCalls(plan) <= 20 && depthOf(plan) <= 6);

/** Part of one service in a cascade. It can be read from a plan, a reply and spans. */
interface Part {
  readonly service: string;
  readonly protocol: Protocol;
  readonly status: number;
  readonly calls: readonly { readonly target: string; readonly stage: number; readonly answer: Part | 'refused' }[];
}

function partOfPlan(service: string, protocol: Protocol, plan: Plan): Part {
  if (plan.kind === 'answer') return { service, protocol, status: 200, calls: [] };
  const calls = plan.stages.flatMap((stage, index) =>
    stage.map((call) => ({
      target: `${call.host}:${call.port}`,
      stage: index,
      answer:
        call.port === gone.port
          ? ('refused' as const)
          : partOfPlan(call.host, call.scheme === 'grpc' ? 'grpc' : 'http', call.then ?? sharedContinuation(plan)),
    })),
  );
  const failed = calls.some(({ answer }) => answer === 'refused' || answer.status >= 400);
  return { service, protocol, status: failed ? 502 : 200, calls };
}

function partOfReply(reply: Reply): Part {
  const calls = (reply.calls ?? []).map((call) => ({
    target: call.target,
    stage: call.stage ?? 0,
    answer: call.reply === undefined ? (call.error?.code as 'refused') : partOfReply(call.reply),
  }));
  return { service: reply.service, protocol: reply.request?.protocol ?? 'http', status: reply.status, calls };
}

/** Sorts the calls of each part, because spans do not show the order of calls within a stage. */
function sorted(part: Part): Part {
  const calls = part.calls.map((call) => ({
    ...call,
    answer: call.answer === 'refused' ? call.answer : sorted(call.answer),
  }));
  return { ...part, calls: calls.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) };
}

function partOfSpans(server: ReceivedSpan, childrenOf: ReadonlyMap<string | undefined, readonly ReceivedSpan[]>): Part {
  assert.equal(server.kind, 'SERVER');
  const protocol: Protocol = server.attributes['rpc.system.name'] === 'grpc' ? 'grpc' : 'http';
  const calls = (childrenOf.get(server.spanId) ?? []).map((client) => {
    assert.equal(client.kind, 'CLIENT');
    assert.equal(client.service, server.service);
    const below = childrenOf.get(client.spanId) ?? [];
    assert.ok(below.length <= 1, 'a call has at most one SERVER span');
    const [callee] = below;
    const answer =
      callee === undefined ? (client.attributes['error.type'] as 'refused') : partOfSpans(callee, childrenOf);
    assert.equal(client.isError, answer === 'refused' || answer.status >= 400);
    return {
      target: String(client.attributes['meshmock.target']),
      stage: Number(client.attributes['meshmock.stage']),
      answer,
    };
  });
  const status =
    protocol === 'http'
      ? Number(server.attributes['http.response.status_code'])
      : { OK: 200, UNAVAILABLE: 502 }[String(server.attributes['rpc.response.status_code'])];
  assert.equal(server.isError, status !== 200);
  return { service: server.service, protocol, status: status ?? 0, calls };
}

const countAnswered = (part: Part): number =>
  part.calls.reduce((sum, { answer }) => sum + (answer === 'refused' ? 0 : 1 + countAnswered(answer)), 0);
const countMade = (part: Part): number =>
  part.calls.reduce((sum, { answer }) => sum + 1 + (answer === 'refused' ? 0 : countMade(answer)), 0);

suite(`${planCount} random plans (MESHMOCK_TEST_SEED=${seed})`, { timeout: 300_000 }, () => {
  let receiver: OtlpReceiver;
  let up: Program;
  let ports: { http: number; grpc: number };
  before(async () => {
    receiver = await startOtlpReceiver();
    up = startProgram(['up', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--log-level', 'error'], receiver.env);
    const [, http, grpc] = await up.printed(/gateway +http localhost:(\d+) +grpc localhost:(\d+)[\s\S]*Ctrl-C/);
    ports = { http: Number(http), grpc: Number(grpc) };
  });
  after(async () => {
    await up[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  async function check(plan: Plan, index: number): Promise<void> {
    // The three kinds of requests take turns: a path over HTTP, a path and a plan over gRPC.
    const path = formatPath(plan);
    const form = index % 3;
    const request = form === 1 ? { path } : { plan: toMessage(plan) };
    const reply =
      form === 0
        ? await callHttp(ports.http, path)
        : (await callGrpc(ports.grpc, request, { headers: { 'x-meshmock-details-bytes': '36000' } })).reply;
    const expected = partOfPlan('gateway', form === 0 ? 'http' : 'grpc', plan);
    assert.ok(reply !== undefined, path);
    assert.deepEqual(partOfReply(reply), expected, path);
    const count = 1 + countMade(expected) + countAnswered(expected);
    const spans = await receiver.trace(reply.traceId ?? '', count);
    assert.equal(spans.length, count, path);
    const childrenOf = Map.groupBy(spans, ({ parentSpanId }) => parentSpanId);
    const roots = childrenOf.get(undefined) ?? [];
    assert.equal(roots.length, 1, path);
    assert.deepEqual(sorted(partOfSpans(roots[0] as ReceivedSpan, childrenOf)), sorted(expected), path);
  }

  test('Reply and trace match each plan', async () => {
    const all = fc.sample(plans, { numRuns: planCount, seed });
    const mixed = all.filter((plan) => /grpc:/.test(formatPath(plan)) && countCalls(plan) > 3);
    assert.ok(mixed.length > planCount / 10, `only ${mixed.length} plans are of mixed protocols`);
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < all.length) {
        const index = next++;
        await check(all[index] as Plan, index);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    assert.equal(next, planCount);
  });
});
