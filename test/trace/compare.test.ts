import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { compareTrace } from '../../src/trace/compare.ts';
import { findingText } from '../../src/trace/finding.ts';
import { readOtlp } from '../../src/trace/read-otlp.ts';
import type { Span } from '../../src/trace/span.ts';
import { traceProblem } from '../../src/trace/trace-problem.ts';
import { startForeignServer } from '../running-mesh.ts';
import { type Captured, type CapturingMesh, startCapturingMesh } from './captured.ts';

suite('The comparison of a trace with the reply', () => {
  let mesh: CapturingMesh;
  before(async () => {
    mesh = await startCapturingMesh();
  });
  after(() => mesh[Symbol.asyncDispose]());

  const complete = [
    ['/x', 0],
    ['/@service1|service2:8080/@grpc:service3,service4/hello', 6],
    ['/@service1,service1|service1/@service2/x', 6],
    ['/@127.0.0.1:1,service1/@grpc:127.0.0.1:1/x', 3],
    ['/@service1;retries=2/~status=503:attempt<3/x', 1],
    ['/@grpc:service1;retries=2/~grpc-status=ABORTED:attempt<3/@service2/x', 2],
    ['/@service1;retries=1/~close/x', 1],
    // Its samples also show calls of service1. Their number is random.
    ['/@service1*5;concurrency=2/~status=503:1in2/@service2/x', undefined],
    ['/@grpc:service1*4;retries=1/~status=503:1in2:attempt=1/x', 4],
    ['/@service1*3|service1,service1;retries=1/~status=418:1in2/x', 5],
    ['/@service1;timeout=100ms/~hang/x', 1],
    // Either of the two deadlines may pass first, so the reply shows the call below or not.
    ['/@grpc:service1;timeout=100ms/@service2/~delay=1s/x', undefined],
    ['/@service1/-/healthy', 1],
    ['/@service1;method=HEAD/x', 1],
    ['/@service1/~status=404/x', 1],
    ['/@service1/~status=204/x', 1],
    ['/@service1(/@service2/x)|service2(/@127.0.0.1:1/y)', 4],
  ] as const;

  for (const over of ['http', 'grpc'] as const) {
    test(`A complete trace has no findings (over ${over})`, async () => {
      const captured = await Promise.all(complete.map(([path]) => mesh.capture(path, over)));
      for (const [index, { root, spans, path }] of captured.entries()) {
        const [, calls] = complete[index] ?? [];
        const verdict = compareTrace(root, spans);
        assert.deepEqual(verdict.findings, [], path);
        if (calls !== undefined) assert.equal(verdict.calls, calls, path);
        assert.ok(spans.length > verdict.calls, path);
      }
    });
  }

  /** Returns the findings of a captured trace after a change of its spans. */
  function findingsOf({ root, spans }: Captured, change: (spans: readonly Span[]) => readonly Span[]): string[] {
    const ids = new RegExp(spans.map(({ spanId }) => spanId).join('|'), 'g');
    return compareTrace(root, change(spans)).findings.map((finding) => findingText(finding).replaceAll(ids, 'ID'));
  }
  const isServer = (name: string) => (span: Span) => span.service === name && span.kind === 'server';
  const isClient = (name: string) => (span: Span) => span.service === name && span.kind === 'client';
  const replace = (isOne: (span: Span) => boolean, change: Partial<Span>) => (spans: readonly Span[]) =>
    spans.map((span) => (isOne(span) ? { ...span, ...change } : span));

  test('Each finding says what is wrong, and where', async () => {
    const cases: readonly (readonly [(spans: readonly Span[]) => readonly Span[], readonly RegExp[]])[] = [
      [() => [], [/^missing: localhost:8080: trace [0-9a-f]{32} has no spans$/]],
      [
        (spans) => spans.filter((span) => !isServer('service2')(span)),
        [/^missing: gateway → service1 → service2: the SERVER span of service2 is missing$/],
      ],
      [
        (spans) => spans.filter((span) => !isClient('service1')(span)),
        [/^missing: gateway → service1 → service2: the CLIENT span of service1 is missing$/],
      ],
      [
        (spans) => spans.filter((span) => !isServer('service1')(span)),
        [/^missing: gateway → service1: the SERVER span of service1 is missing$/],
      ],
      [
        (spans) => [...spans, ...spans.filter(isServer('service2'))],
        [/^doubled: gateway → service1 → service2: the SERVER span of service2 \(ID\) was received more than once$/],
      ],
      [
        (spans) => [
          ...spans,
          ...spans.filter(isClient('service1')).map((span) => ({ ...span, spanId: 'f'.repeat(16) })),
        ],
        [/^doubled: gateway → service1: the CLIENT span of service1 \(f+\) is a duplicate$/],
      ],
      [
        replace(isServer('service2'), { attributes: { 'http.response.status_code': 404 } }),
        [
          /^wrong status: gateway → service1 → service2: the SERVER span of service2 \(ID\) says 404, no error; the answer was 200, no error$/,
          /^wrong status: gateway → service1 → service2: the CLIENT span of service1 \(ID\) says 200, the SERVER span of service2 \(ID\) 404$/,
        ],
      ],
      [
        replace(isServer('service1'), { parentSpanId: 'e'.repeat(16) }),
        [
          /^wrong parent: gateway → service1: the SERVER span of service1 \(ID\) is below span e+, which is missing, not the CLIENT span of gateway \(ID\)$/,
        ],
      ],
      [
        replace(isClient('service1'), { parentSpanId: undefined }),
        [
          /^wrong parent: gateway → service1 → service2: the CLIENT span of service1 \(ID\) is below no span, not the SERVER span of service1 \(ID\)$/,
        ],
      ],
    ];
    const chain = await mesh.capture('/@service1/@service2/x');
    for (const [change, expected] of cases) {
      const findings = findingsOf(chain, change);
      assert.equal(findings.length, expected.length, findings.join('\n'));
      for (const [index, pattern] of expected.entries()) assert.match(findings[index] ?? '', pattern);
    }
  });

  test('A service in another trace causes one finding', async () => {
    const { root, spans } = await mesh.capture('/@service1/@service2/x');
    const [call] = root.reply?.calls ?? [];
    if (call?.reply === undefined) throw new Error('the reply has no call');
    call.reply.traceId = 'd'.repeat(32);
    const below = spans.filter(({ service }) => service !== 'gateway');
    const { findings } = compareTrace(
      root,
      spans.filter((span) => !below.includes(span)),
    );
    assert.deepEqual(
      findings.map(({ kind, where }) => [kind, where]),
      [['second_trace', ['gateway', 'service1']]],
    );
  });

  test('A refused call of an overloaded service has no SERVER span, and causes no finding', async () => {
    const reply = { service: 'busy', version: 'v1', status: 503, error: { code: 'overloaded', message: 'busy' } };
    await using busy = await startForeignServer((_request, response) => {
      const headers = { 'x-meshmock': 'busy/v1', 'content-type': 'application/json', 'retry-after': '1' };
      response.writeHead(503, headers).end(JSON.stringify(reply));
    });
    for (const times of ['', '*3']) {
      const { root, spans } = await mesh.capture(`/@127.0.0.1:${busy.port}${times}/x`);
      assert.equal(root.reply?.calls?.[0]?.status, 503);
      assert.deepEqual(compareTrace(root, spans).findings, []);
    }
    const refused = { target: 'busy:8080', scheme: 'http', status: 503, answeredBy: 'service', reply } as const;
    assert.match(traceProblem(refused)?.message ?? '', /^busy is overloaded and refused the request/);
  });

  test('Spans of other instrumentation are counted, and their services named, without findings', async () => {
    const { root, spans } = await mesh.capture('/@service1/x');
    const inside = { ...(spans.find(isClient('gateway')) as Span), spanId: '9'.repeat(16), scope: 'undici' };
    const { findings, foreign } = compareTrace(root, [...spans, { ...inside, parentSpanId: inside.parentSpanId }]);
    assert.deepEqual([findings, foreign], [[], ['gateway']]);
  });
});

test('Data that are not OTLP cause an error with the reason', () => {
  for (const [message, problem] of [
    [undefined, /message is not an object/],
    [{ resourceSpans: 1 }, /resourceSpans is not a list/],
    [{ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'x', spanId: 'y' }] }] }] }, /"[xy]" is not an id/],
  ] as const) {
    assert.throws(() => readOtlp(message), problem);
  }
});
