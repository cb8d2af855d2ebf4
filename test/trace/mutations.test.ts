import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { compareTrace } from '../../src/trace/compare.ts';
import { Random } from '../random.ts';
import { type Captured, type CapturingMesh, envoyTraces, startCapturingMesh } from './captured.ts';
import { mutate, mutationKinds } from './mutations.ts';
import { withSidecars } from './with-sidecars.ts';

const mutationCount = 1000;
/** Set MESHMOCK_TEST_SEED to repeat a run. */
const seed = Number(process.env.MESHMOCK_TEST_SEED ?? Date.now() % 1_000_000);

/** Plans whose whole cascade is visible, in the reply or in the relations between spans. */
const paths = [
  '/@service1|service2:8080/@grpc:service3,service4/hello',
  '/@service1,grpc:service1|service1/@service2/x',
  '/@service1;retries=2/~status=503:attempt<3/@service2/x',
  '/@grpc:service1;retries=1/~grpc-status=ABORTED:attempt=1/@service2/x',
  '/@service1*5;concurrency=2/~status=503:1in2/x',
  '/@service1/~status=404/x',
  '/@service1(/@service2/~status=503/x)|service2(/@127.0.0.1:1/y)',
];

suite(`${mutationCount} mutations of complete traces (MESHMOCK_TEST_SEED=${seed})`, () => {
  const random = new Random(seed);
  let mesh: CapturingMesh;
  let captured: readonly Captured[];
  before(async () => {
    mesh = await startCapturingMesh();
    const over = (protocol: 'http' | 'grpc') => Promise.all(paths.map((path) => mesh.capture(path, protocol)));
    captured = [...(await over('http')), ...(await over('grpc'))];
  });
  after(() => mesh[Symbol.asyncDispose]());

  /** Checks that each of many random mutations is found, and that they include all kinds. */
  function checkMutations(traces: readonly Captured[]): void {
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

  test('Each mutation is found in traces without sidecars', () => {
    for (const { root, spans, path } of captured) assert.deepEqual(compareTrace(root, spans).findings, [], path);
    checkMutations(captured);
  });

  test('Each mutation is found in recorded traces of real sidecars', () => {
    const traces = envoyTraces();
    for (const { root, spans, path } of traces) {
      const { findings, sidecars } = compareTrace(root, spans);
      assert.deepEqual([findings, sidecars], [[], ['a.default', 'b.default']], path);
    }
    checkMutations(traces);
  });

  for (const retries of [0, 0.3]) {
    test(`Each mutation is found in traces with sidecars that retry ${retries * 100} % of the calls`, () => {
      const traces = captured.map((trace) => withSidecars(trace, random, retries));
      for (const { root, spans, path } of traces) assert.deepEqual(compareTrace(root, spans).findings, [], path);
      checkMutations(traces);
    });
  }
});
