/** MESHMOCK_SEED=N repeats a run. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { compareTrace } from '../../src/trace/compare.ts';
import { type Captured, type CapturingMesh, envoyTraces, startCapturingMesh } from './captured.ts';
import { mutate, mutationKinds } from './mutations.ts';
import { Random } from './random.ts';
import { withSidecars } from './with-sidecars.ts';

const mutationCount = 1000;
const seed = Number(process.env.MESHMOCK_SEED ?? Date.now() % 1_000_000);

/** All that is below their calls, the reply shows, or the spans of each other. */
const paths = [
  '/@service1|service2:8080/@grpc:service3,service4/hello',
  '/@service1,grpc:service1|service1/@service2/x',
  '/@service1;retries=2/~status=503:attempt<3/@service2/x',
  '/@grpc:service1;retries=1/~grpc-status=ABORTED:attempt=1/@service2/x',
  '/@service1*5;concurrency=2/~status=503:1in2/x',
  '/@service1/~status=404/x',
  '/@service1(/@service2/~status=503/x)|service2(/@127.0.0.1:1/y)',
];

suite(`${mutationCount} mutations of whole traces (MESHMOCK_SEED=${seed})`, () => {
  const random = new Random(seed);
  let mesh: CapturingMesh;
  let captured: readonly Captured[];
  before(async () => {
    mesh = await startCapturingMesh();
    const over = (way: 'http' | 'grpc') => Promise.all(paths.map((path) => mesh.capture(path, way)));
    captured = [...(await over('http')), ...(await over('grpc'))];
  });
  after(() => mesh[Symbol.asyncDispose]());

  /** Each kind in its turn of chance, until there are enough. */
  function findAll(traces: readonly Captured[]): void {
    const kinds = new Set<string>();
    for (let count = 0; count < mutationCount; count++) {
      const { root, spans, path } = random.pick(traces);
      const mutation = mutate(spans, random);
      const { findings } = compareTrace(root, mutation.spans);
      assert.ok(findings.length > 0, `${path}: ${mutation.text}`);
      kinds.add(mutation.kind);
    }
    assert.deepEqual([...kinds].sort(), [...mutationKinds].sort());
  }

  test('each is found in traces of apps alone', () => {
    for (const { root, spans, path } of captured) assert.deepEqual(compareTrace(root, spans).findings, [], path);
    findAll(captured);
  });

  test('each is found in traces that real sidecars sent', () => {
    const traces = envoyTraces();
    for (const { root, spans, path } of traces) {
      const { findings, sidecars } = compareTrace(root, spans);
      assert.deepEqual([findings, sidecars], [[], ['a.default', 'b.default']], path);
    }
    findAll(traces);
  });

  for (const retries of [0, 0.3]) {
    test(`each is found in traces with sidecars, of which ${retries * 100} % tried again`, () => {
      const traces = captured.map((trace) => withSidecars(trace, random, retries));
      for (const { root, spans, path } of traces) assert.deepEqual(compareTrace(root, spans).findings, [], path);
      findAll(traces);
    });
  }
});
