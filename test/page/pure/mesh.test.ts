import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  type ChangeEffect,
  ChangeMemory,
  effectOf,
  exactShares,
  noDifference,
} from '../../../src/page/model/change-effects.ts';
import { inheritedEdges, meshGraph, percent, toneOfEdge } from '../../../src/page/model/mesh-graph.ts';
import {
  type MeshChange,
  mostTraces,
  type TraceSummary,
  type TraceView,
  type Traffic,
  type TrafficAround,
} from '../../../src/page/model/mesh-page-data.ts';
import {
  failingCalls,
  failureCause,
  meshSums,
  passedOnOf,
  refusalSentences,
  refusedConnectionsText,
} from '../../../src/page/model/mesh-words.ts';
import { TraceReading } from '../../../src/page/model/trace-reading.ts';
import { spanAction, traceRows, traceShares } from '../../../src/page/model/trace-rows.ts';
import { Random } from '../../random.ts';
import { demoState, demoTrace, demoTraces, edge, service, traffic } from '../mesh-fixture.ts';

const all = { namespace: '', name: '', onlyProblems: false };
const change: MeshChange = { number: 2, atMs: 0, by: 'apply', objects: [], more: 0 };

function differences(around: Partial<TrafficAround>): readonly string[] {
  const ok = traffic({ '200': 40 });
  const full = { change: 2, before: ok, after: ok, ...around };
  return effectOf(edge('a', 'b', full.after), full, change, false).differences;
}

test('a change of the answers is a difference from the first refusal on that the change explains', () => {
  const [ok, denied] = [traffic({ '200': 1 }), traffic({ '403': 1 })];
  const [refusal] = demoState('after').edges.flatMap(({ refusals }) => refusals);
  assert.ok(refusal?.object !== undefined);
  const around = { change: 2, before: ok, after: denied };
  const object = {
    ...refusal.object,
    kind: '',
    namespace: '',
    name: '',
    change: 'created',
    diff: [],
    about: '',
  } as const;
  const refused = edge('a', 'b', denied, { refusals: [refusal] });
  const proven = effectOf(refused, around, { ...change, objects: [object] }, false);
  assert.deepEqual(proven.differences, ['answer 200 → 403', 'refused by a proxy: policy']);
  const unproven = effectOf(edge('a', 'b', denied), around, change, false);
  assert.deepEqual([unproven.differences, unproven.isTooFew], [[], true]);
  assert.deepEqual(differences({ before: ok, after: ok }), []);
  assert.deepEqual(differences({ before: traffic({}), after: denied }), []);
});

test('failures further on explain those of several callers only as far as they are enough for all', () => {
  const failed = traffic({ '502': 20 }, { errors: 20, passedOn: 20 });
  const passedOnIf = (further: number): number[] => {
    const last = edge('c', 'd', traffic({ '503': further }, { errors: further }));
    const edges = [edge('a', 'c', failed), edge('b', 'c', failed), last];
    return edges.map((one) => passedOnOf(one, edges));
  };
  assert.deepEqual(passedOnIf(40), [20, 20, 0]);
  assert.deepEqual(passedOnIf(30), [10, 10, 0]);
  assert.deepEqual(passedOnIf(20), [0, 0, 0]);
});

test('chance of answers is not a difference, also next to a limit of rounded shares, nor are a few calls', () => {
  const counts = (ok: number, failed: number): Traffic => traffic({ '200': ok, '503': failed });
  const pairOf = (before: Traffic, after: Traffic): readonly string[] => differences({ before, after });
  assert.deepEqual(pairOf(counts(510, 89), counts(508, 91)), []);
  assert.deepEqual(pairOf(counts(42, 6), counts(2, 2)), []);
  assert.deepEqual(pairOf(counts(60, 0), counts(3, 2)), []);
  assert.deepEqual(pairOf(counts(600, 0), counts(480, 120)), ['answer 200 → 200 80 %, 503 20 %']);
  assert.deepEqual(pairOf(counts(0, 5), counts(5, 0)), ['answer 503 → 200', 'no longer fails']);
  const retried = traffic({ '200': 50 }, { retries: 7 });
  assert.deepEqual(pairOf(counts(0, 50), retried), ['answer 503 → 200', 'no longer fails', '7 retries by the proxy']);
  assert.deepEqual(pairOf(counts(50, 0), retried), []);
  const random = new Random(7);
  const sample = (size: number): Traffic => {
    const failed = Array.from({ length: size }, () => random.below(100) < 15).filter(Boolean).length;
    return counts(size - failed, failed);
  };
  const found = Array.from({ length: 2000 }, (_, index) => pairOf(sample(8 + (index % 90)), sample(5 + (index % 70))));
  assert.ok(found.filter((one) => one.length > 0).length <= 3, JSON.stringify(found.filter((one) => one.length > 0)));
});

test('more retries are a difference if chance does not explain them, also if all calls are answered as before', () => {
  const [none, some, more] = [0, 5, 60].map((retries) => traffic({ '200': 60 }, retries === 0 ? {} : { retries }));
  assert.ok(none !== undefined && some !== undefined && more !== undefined);
  const after = traffic({ '200': 12 }, { retries: 8 });
  assert.deepEqual(differences({ before: none, after }), [
    'attempts first tries → first tries ×12, retries ×8',
    '8 retries by the proxy',
  ]);
  assert.deepEqual(differences({ before: more, after: none }), [
    'attempts first tries 50 %, retries 50 % → first tries',
  ]);
  assert.deepEqual(differences({ before: more, after: some }), [
    'attempts first tries 50 %, retries 50 % → first tries 92 %, retries 8 %',
  ]);
  assert.deepEqual(differences({ before: none, after: some }), []);
  // Failures that are too few for a difference are not called ended.
  assert.deepEqual(differences({ before: traffic({ '200': 40, '503': 4 }), after }), [
    'attempts first tries → first tries ×12, retries ×8',
    '8 retries by the proxy',
  ]);
});

test('without a certain difference, the numbers of calls and retries that were compared are said', () => {
  const effect = (before: Traffic, after: Traffic): ChangeEffect =>
    effectOf(edge('a', 'b', after), { change: 2, before, after }, change, false);
  const ok = traffic({ '200': 40 });
  const textOf = (...effects: ChangeEffect[]): string => noDifference(effects, 'No difference is certain yet');
  assert.equal(
    textOf(effect(ok, traffic({ '200': 8 }, { retries: 1 })), effect(ok, traffic({ '200': 9 }, { retries: 1 }))),
    'No difference is certain yet: 80 calls before it, 17 calls with 2 retries by the proxy since then.',
  );
  const none = traffic({});
  assert.match(textOf(effect(ok, none)), /^No calls were seen since then\. /);
  assert.match(textOf(effect(none, ok)), /^No calls were seen both before it and since then/);
  assert.match(textOf(effect(ok, traffic({ '200': 2 }))), /^Too few calls yet: /);
});

test('requests that were on their way at the change are not a difference', () => {
  const after = traffic({ '200': 1, '403': 46 });
  assert.deepEqual(differences({ after }), ['answer 200 → 403']);
});

test('chance of a load balancer is not a difference, and a canary is one', () => {
  const even = { v1: 30, v2: 29 };
  assert.deepEqual(differences({ versionsBefore: even, versionsAfter: { v1: 20, v2: 27 } }), []);
  assert.deepEqual(differences({ versionsBefore: { v1: 1 }, versionsAfter: { v2: 1 } }), []);
  assert.deepEqual(differences({ versionsBefore: even, versionsAfter: { v1: 54, v2: 6 } }), [
    'version v1 51 %, v2 49 % → v1 90 %, v2 10 %',
  ]);
  assert.deepEqual(differences({ versionsBefore: even, versionsAfter: { unknown: 30 } }), []);
  assert.deepEqual(differences({ versionsBefore: even, versionsAfter: { v2: 30 } }), ['version v1 51 %, v2 49 % → v2']);
});

test('shares are whole and sum to 100 %, and few calls are counted', () => {
  assert.equal(exactShares({ a: 20, b: 20, c: 20 }), 'a 34 %, b 33 %, c 33 %');
  assert.equal(exactShares({ v1: 7, v2: 3 }), 'v1 ×7, v2 ×3');
  assert.equal(exactShares({ v1: 7 }), 'v1');
  assert.equal(exactShares({ 200: 10, 403: 90 }, 'most counts'), '403 90 %, 200 10 %');
});

test('a delay and lost encryption are differences', () => {
  const slow = traffic({ '200': 40 }, { meanMs: 2004 });
  assert.deepEqual(differences({ after: slow }), ['slower: 4.2 ms → 2004 ms']);
  assert.deepEqual(differences({ before: slow, after: traffic({ '200': 40 }, { meanMs: 0 }) }), []);
  assert.deepEqual(differences({ after: traffic({ '200': 2 }, { meanMs: 2004 }) }), []);
  const plain = traffic({ '200': 40 }, { mtls: 0, plainText: 40 });
  assert.deepEqual(differences({ after: plain }), ['encryption mTLS → no mTLS']);
});

test('calls that fail because of a refusal further on are its consequences, and come last', () => {
  const state = demoState('after');
  const inherited = inheritedEdges(state);
  const refused = state.edges.find(({ refusals }) => refusals.length > 0);
  assert.equal(refused && toneOfEdge(refused, inherited), 'refused');
  assert.deepEqual(
    state.edges.filter((one) => toneOfEdge(one, inherited) === 'inherited').map(({ from }) => from),
    ['outside', 'istio-ingressgateway.istio-system', 'gateway.default'],
  );
  const memory = new ChangeMemory();
  memory.learn(state);
  const [newest] = state.changes;
  const effects = newest === undefined ? [] : memory.effectsOf(newest);
  assert.equal(effects[0]?.edge, 'service1.default service3.default');
  assert.deepEqual(
    effects.map(({ isInherited }) => isInherited),
    [false, true, true, false, false],
  );
});

test('slowness of a call is a consequence of that of a call further on', () => {
  const [fast, slow] = [traffic({ '200': 40 }), traffic({ '200': 40 }, { meanMs: 700 })];
  const around = { change: 2, before: fast, after: slow };
  const edges = [edge('a', 'b', slow, { around }), edge('b', 'c', slow, { around })];
  const memory = new ChangeMemory();
  memory.learn({ ...demoState('before'), edges, changes: [change] });
  assert.deepEqual(
    memory.effectsOf(change).map((one) => [one.edge, one.isInherited]),
    [
      ['b c', false],
      ['a b', true],
    ],
  );
});

test('what a change undoes is no longer refused, and no longer fails', () => {
  const [refusal] = demoState('after').edges.flatMap(({ refusals }) => refusals);
  assert.ok(refusal !== undefined);
  const [ok, denied, failed] = [
    traffic({ '200': 40 }),
    traffic({ '403': 40 }, { rejected: 40 }),
    traffic({ '502': 40 }, { errors: 40 }),
  ];
  // The last requests are refused just after the change.
  const refusals = [{ ...refusal, lastMs: 1 }];
  const edges = [
    edge('b', 'c', denied, { refusals, around: { change: 2, before: denied, after: ok } }),
    edge('a', 'b', failed, { around: { change: 2, before: failed, after: ok } }),
  ];
  const memory = new ChangeMemory();
  memory.learn({ ...demoState('before'), edges, changes: [change] });
  assert.deepEqual(
    memory.effectsOf(change).map((one) => [one.differences, one.causes, one.isInherited, one.isBetter]),
    [
      [['answer 403 → 200', 'no longer refused'], [], false, true],
      [['answer 502 → 200', 'no longer fails'], [], true, true],
    ],
  );
});

test('failures that a callee passed on are told from its own by their status and by failures further on at the same time', () => {
  const partsOf = (byStatus: Readonly<Record<string, number>>, further: number): readonly unknown[] => {
    const own = edge('a', 'b', traffic(byStatus));
    const state = { ...demoState('before'), edges: [own, edge('b', 'c', traffic({ '200': 50, '504': further }))] };
    const { failed, inherited } = meshSums(state);
    const tone = toneOfEdge(own, inheritedEdges(state));
    const lines = meshGraph(
      { ...state, nodes: [service('a'), service('b')].map((one) => ({ ...one, id: one.name })) },
      all,
    ).edges[0]?.lines.filter((line) => line.includes('%'));
    return [failed - further, inherited, tone, ...(lines ?? [])];
  };
  assert.deepEqual(partsOf({ '200': 38, '503': 26, '504': 36 }, 40), [
    26,
    36,
    'bad',
    '26 % errors',
    '36 % fail further on',
  ]);
  assert.deepEqual(partsOf({ '200': 60, '502': 40 }, 40), [0, 40, 'inherited', '40 % fail further on']);
  // Proxies are not read at the same moment.
  assert.deepEqual(partsOf({ '200': 60, '502': 40 }, 37), [0, 40, 'inherited', '40 % fail further on']);
  // Further calls have failed less often: the others are failures of the callee.
  assert.deepEqual(partsOf({ '200': 60, '502': 40 }, 10), [30, 10, 'bad', '30 % errors', '10 % fail further on']);
  assert.deepEqual(partsOf({ '200': 60, '502': 40 }, 0), [40, 0, 'bad', '40 % errors']);
  assert.deepEqual(partsOf({ '200': 60, '503': 40 }, 40), [40, 0, 'bad', '40 % errors']);
});

test('copies for a mirror are a difference, and so are the calls that they cause further on', () => {
  const [before, after] = [traffic({ '200': 600 }), traffic({ '200': 640 })];
  const edges = [
    edge('a', 'b', after, { around: { change: 2, before, after: { ...after, copies: 640 } } }),
    edge('b', 'c', after, { around: { change: 2, before, after: traffic({ '200': 1280 }) } }),
    edge('d', 'e', after, { around: { change: 2, before, after: traffic({ '200': 1280 }) } }),
    edge('a', 'f', traffic({}), { around: { change: 2, before: traffic({}), after: traffic({}, { copies: 5 }) } }),
  ];
  const memory = new ChangeMemory();
  memory.learn({ ...demoState('before'), edges, changes: [change] });
  const found = memory.effectsOf(change).map((one) => `${one.edge}: ${one.differences.join('; ')}`);
  assert.deepEqual(found.toSorted(), [
    'a b: 640 copies for a mirror since then, none before',
    'a f: 5 copies for a mirror since then, none before',
    'b c: more calls: 10.0 → 21.3 a second, since the caller also gets copies',
    'd e: ',
  ]);
  assert.deepEqual(differences({ before: traffic({ '200': 60 }, { copies: 9 }) }), ['no more copies']);
  const ended = [
    edge('a', 'b', after, { around: { change: 2, before: { ...before, copies: 600 }, after } }),
    edge('b', 'c', after, { around: { change: 2, before: traffic({ '200': 1200 }), after: before } }),
  ];
  const later = new ChangeMemory();
  later.learn({ ...demoState('before'), edges: ended, changes: [change] });
  assert.deepEqual(
    later.effectsOf(change).flatMap((one) => one.differences),
    ['no more copies', 'fewer calls: 20.0 → 10.0 a second, since the caller no longer gets copies'],
  );
});

test('the cause of a call that fails further on is the failing call of its callee, with the object that refuses', () => {
  const { edges } = demoState('after');
  const [cause, ...others] = failingCalls('service1.default', edges);
  assert.ok(cause !== undefined && others.length === 0);
  assert.equal(failureCause(cause), 'is refused by AuthorizationPolicy default/service3');
  assert.equal(failureCause(edge('a', 'b', traffic({ '503': 4 }))), 'fails (503 ×4)');
});

test('a memory keeps what was seen around an older change', () => {
  const memory = new ChangeMemory();
  const after = demoState('after');
  memory.learn(after);
  const edges = after.edges.map(({ around, ...rest }) => rest);
  memory.learn({ ...after, edges, changes: [{ ...change, number: 3 }, ...after.changes] });
  const [, older] = [{ ...change, number: 3 }, ...after.changes];
  assert.ok(older !== undefined && memory.effectsOf(older).length > 0);
  assert.deepEqual(memory.effectsOf({ ...change, number: 3 }), []);
});

test('failures of a service are counted beside refusals by a proxy, and 4xx are not called good', () => {
  const [refusal] = demoState('after').edges.flatMap(({ refusals }) => refusals);
  assert.ok(refusal !== undefined);
  const counts = { errors: 3, rejected: 7 };
  const both = edge('a', 'b', traffic({ '200': 9, '403': 7, '500': 3 }, counts), {
    refusals: [{ ...refusal, count: 5, errors: 0 }],
  });
  const { refused, failed, rejected } = meshSums({ ...demoState('after'), edges: [both] });
  assert.deepEqual({ refused, failed, rejected }, { refused: 5, failed: 3, rejected: 2 });
  const drawn = meshGraph({ ...demoState('after'), edges: [{ ...both, from: 'service1.default' }] }, all).edges[0];
  assert.ok(drawn?.lines.includes('16 % errors'), String(drawn?.lines));
});

test('connections that are refused before a request are named apart from calls', () => {
  const [refusal] = demoState('after').edges.flatMap(({ refusals }) => refusals);
  assert.ok(refusal !== undefined);
  const ends = ['service1.default', 'service3.default'] as const;
  const refused = edge(...ends, traffic({ '200': 1 }), { refusals: [{ ...refusal, reason: 'plain_text', count: 43 }] });
  const state = { ...demoState('after'), edges: [refused] };
  const sums = meshSums(state);
  assert.deepEqual([sums.requests, sums.refused, sums.connections], [1, 0, 43]);
  assert.deepEqual(meshGraph(state, all).edges[0]?.lines.slice(0, 2), ['200', '43 refused by a proxy: plain text']);
  assert.equal(refusedConnectionsText(43), '43 connections refused before a call (plain text)');
});

test('each reason for refusals is explained, and a deleted object comes last and is called deleted', () => {
  const state = demoState('after');
  const [refusal] = state.edges.flatMap(({ refusals }) => refusals);
  assert.ok(refusal !== undefined);
  const gone = { id: 'AuthorizationPolicy default/old', title: 'AuthorizationPolicy default/old' };
  const both = edge('a', 'b', traffic({ '403': 9 }), {
    refusals: [
      { ...refusal, explanation: 'Old.', object: gone },
      { ...refusal, explanation: 'New.' },
    ],
  });
  assert.equal(refusalSentences(both, state), 'New. Old. AuthorizationPolicy default/old is deleted by now.');
});

test('the causes of a change are those of the minute after it', () => {
  const memory = new ChangeMemory();
  const after = demoState('after');
  memory.learn(after);
  const [newest] = after.changes;
  const edges = after.edges.map((one) => ({ ...one, refusals: [] }));
  memory.learn({ ...after, edges, atMs: after.atMs + 120_000 });
  assert.ok(newest !== undefined);
  assert.equal(memory.effectsOf(newest)[0]?.causes.length, 1);
});

test('a filter keeps the neighbours of a service, and edges with problems', () => {
  const state = demoState('after');
  const named = meshGraph(state, { ...all, name: 'service4' });
  assert.deepEqual(
    named.nodes.map(({ name }) => name),
    ['service2', 'service4'],
  );
  const problems = meshGraph(state, { ...all, onlyProblems: true });
  assert.equal(problems.edges.length, 4);
});

test('a share that is not zero never reads as zero', () => {
  assert.deepEqual(
    [percent(0, 10), percent(1, 1000), percent(1, 3), percent(0, 0)],
    ['0 %', 'under 1 %', '33 %', '0 %'],
  );
});

test('the span of a gateway names the service and the subset to which it sends', () => {
  const [span] = demoTrace.spans;
  assert.ok(span !== undefined);
  const actionOf = (name: string): string => spanAction({ ...span, origin: 'gateway', kind: 'client', name });
  assert.equal(actionOf('router outbound|8080||a.default.svc.cluster.local; egress'), 'a.default:8080');
  assert.equal(actionOf('router outbound|8080|v1|a.default.svc.cluster.local; egress'), 'a.default:8080 (v1)');
  assert.equal(actionOf('a.default.svc.cluster.local:8080/*'), 'a.default:8080/*');
});

test('the own time of a span is what no span below it covers', () => {
  const rows = traceRows(demoTrace);
  assert.deepEqual(
    rows.slice(0, 3).map(({ ownMs }) => Number(ownMs.toFixed(1))),
    [1.3, 1.5, 3.4],
  );
  const { proxies, apps } = traceShares(rows);
  assert.deepEqual([proxies, apps], [4, 4]);
  // Two children at once, one of which ends after its parent.
  const [root, first] = demoTrace.spans;
  assert.ok(root !== undefined && first !== undefined);
  const trace: TraceView = {
    ...demoTrace,
    spans: [
      { ...root, durationMs: 10 },
      { ...first, startMs: 2, durationMs: 4 },
      { ...first, spanId: 'x', startMs: 3, durationMs: 20 },
    ],
  };
  assert.deepEqual(traceRows(trace)[0]?.own, [{ startMs: 0, endMs: 2 }]);
});

test('new traces are joined with known ones, which may grow, and are asked for less often if there are none', () => {
  const reading = new TraceReading();
  const [trace] = demoTraces.traces;
  assert.ok(trace !== undefined);
  const made = (traceId: string, startMs: number, spans = 1): TraceSummary => ({ ...trace, traceId, startMs, spans });
  assert.ok(reading.isDue(0, true, 0));
  assert.equal(reading.begin(0), 0);
  assert.ok(reading.add([made('b', 20_000), made('a', 10_000)], 5, 0));
  assert.equal(reading.begin(2000), 14_000);
  // The last requests may have traces that have not arrived.
  assert.ok(!reading.isDue(5, false, 1000) && reading.isDue(5, false, 2000) && !reading.isDue(5, true, 2000));
  assert.ok(reading.add([made('c', 30_000), made('b', 20_000, 4)], 6, 2000));
  assert.deepEqual(
    reading.traces.map(({ traceId, spans }) => `${traceId} ${spans}`),
    ['c 1', 'b 4', 'a 1'],
  );
  // Proxies count, but no trace comes: they keep few of them.
  const dueAt = (total: number, fromMs: number): number => {
    for (let ms = fromMs; ; ms += 500) if (reading.isDue(total, false, ms)) return ms - fromMs;
  };
  const waits = [7, 8, 9, 10].reduce<{ atMs: number; waits: number[] }>(
    ({ atMs, waits: before }, total) => {
      const wait = dueAt(total, atMs);
      reading.add([], total, atMs + wait);
      return { atMs: atMs + wait, waits: [...before, wait] };
    },
    { atMs: 2000, waits: [] },
  );
  assert.deepEqual(waits.waits, [2000, 4000, 8000, 16_000]);
  // After a pause, the first request is followed at once.
  reading.add([], 10, 60_000);
  assert.ok(!reading.isDue(10, false, 61_000) && reading.isDue(11, false, 62_000));
  for (let index = 0; index < 60; index++) reading.add([made(`n${index}`, 40_000 + index)], 11, 70_000);
  assert.equal(reading.traces.length, mostTraces);
});

test('the trace of a call that is slower than the requests for newer traces is found too', () => {
  const reading = new TraceReading();
  const [trace] = demoTraces.traces;
  assert.ok(trace !== undefined);
  const foundFrom: number[] = [];
  // A trace begins each second; the spans of one that began at 3 s arrive at 20 s.
  for (let nowMs = 0; nowMs <= 60_000; nowMs += 2000) {
    const sinceMs = reading.begin(nowMs);
    const arrived = Array.from({ length: nowMs / 1000 }, (_, second) => ({
      ...trace,
      traceId: `${second}`,
      startMs: second * 1000,
    }));
    const slow = nowMs < 20_000 ? [] : [{ ...trace, traceId: 'slow', startMs: 3000 }];
    const found = [...arrived, ...slow].filter(({ startMs }) => startMs >= sinceMs);
    reading.add(found, nowMs, nowMs);
    foundFrom.push(found.length);
    if (nowMs === 40_000) assert.ok(reading.traces.some(({ traceId }) => traceId === 'slow'));
  }
  // Most requests are for the newest traces only.
  assert.ok(foundFrom.filter((count) => count > 12).length <= 4, `found: ${foundFrom.join(', ')}`);
});

/** Relative luminance of a color of 6 hex digits (WCAG 2.2). */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast of two colors (WCAG 2.2). */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [one, other].map(luminance).sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const css = (name: string): string => readFileSync(new URL(`../../../src/page/app/${name}`, import.meta.url), 'utf8');
const colorsIn = (text: string | undefined): string[] => text?.match(/#[\da-f]{6}/g) ?? [];
/** Returns a color in light and in dark. */
const variable = (name: string): string[] => colorsIn(new RegExp(`--${name}: ([^;]*);`).exec(css('page.css'))?.[1]);

test('lines, bars and texts of each meaning have enough contrast, in light and in dark', () => {
  const pairs = ['good', 'notice', 'refused', 'bad'].flatMap((tone) => [
    ...['panel', 'ground', 'track'].map((ground) => [`${tone}-fill`, ground, 3] as const),
    ...['panel', 'ground'].map((ground) => [tone, ground, 4.5] as const),
  ]);
  for (const [name, ground, least] of pairs) {
    const grounds = variable(ground);
    const ratios = variable(name).map((color, index) => contrast(color, grounds[index] ?? ''));
    assert.ok(ratios.length === 2 && ratios.every((ratio) => ratio >= least), `${name} on ${ground}: ${ratios}`);
  }
});

test('pale lines of the graph have the contrast of graphics, in light and in dark', () => {
  const panel = variable('panel');
  for (const tone of ['inherited', 'quiet']) {
    const line = colorsIn(new RegExp(`edge\\.${tone} \\.line \\{\\s*stroke: ([^;]*);`).exec(css('mesh/mesh.css'))?.[1]);
    assert.equal(line.length, 2, tone);
    for (const [index, color] of line.entries()) {
      const ratio = contrast(color, panel[index] ?? '');
      assert.ok(ratio >= 3, `${tone}: ${color}`);
    }
  }
});
