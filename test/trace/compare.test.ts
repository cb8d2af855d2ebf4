import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { compareTrace } from '../../src/trace/compare.ts';
import { type CapturingMesh, startCapturingMesh } from './captured.ts';

suite('a trace held against the reply', () => {
  let mesh: CapturingMesh;
  before(async () => {
    mesh = await startCapturingMesh();
  });
  after(() => mesh[Symbol.asyncDispose]());

  const whole = [
    ['/x', 0],
    ['/@service1|service2:8080/@grpc:service3,service4/hello', 6],
    ['/@service1,service1|service1/@service2/x', 6],
    ['/@127.0.0.1:1,service1/@grpc:127.0.0.1:1/x', 3],
    ['/@service1;retries=2/~status=503:attempt<3/x', 1],
    ['/@grpc:service1;retries=2/~grpc-status=ABORTED:attempt<3/@service2/x', 2],
    ['/@service1;retries=1/~close/x', 1],
    // Its samples show calls of service1, too: as many as there happen to be.
    ['/@service1*5;concurrency=2/~status=503:1in2/@service2/x', undefined],
    ['/@grpc:service1*4;retries=1/~status=503:1in2:attempt=1/x', 4],
    ['/@service1*3|service1,service1;retries=1/~status=418:1in2/x', 5],
    ['/@service1;timeout=100ms/~hang/x', 1],
    ['/@grpc:service1;timeout=100ms/@service2/~delay=1s/x', 2],
    ['/@service1/-/healthy', 1],
    ['/@service1;method=HEAD/x', 1],
    ['/@service1/~status=404/x', 1],
    ['/@service1/~status=204/x', 1],
    ['/@service1(/@service2/x)|service2(/@127.0.0.1:1/y)', 4],
  ] as const;

  for (const over of ['http', 'grpc'] as const) {
    test(`of whatever kind, a complete one has no findings (over ${over})`, async () => {
      for (const [path, calls] of whole) {
        const { root, spans } = await mesh.capture(path, over);
        const verdict = compareTrace(root, spans);
        assert.deepEqual(verdict.findings, [], path);
        if (calls !== undefined) assert.equal(verdict.calls, calls, path);
        assert.ok(spans.length > verdict.calls, path);
      }
    });
  }
});
