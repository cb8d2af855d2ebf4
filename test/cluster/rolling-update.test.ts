/** Tests that no request is lost when a service in the middle of a cascade is updated, and that a loss is detected. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runProgram } from '../program.ts';
import { eventually, MockCluster } from './mock-cluster.ts';
import { assertNoneLost, showResults, updateUnderLoad } from './rolling-update.ts';

const signal = AbortSignal.timeout(500_000);

/** Patch for a mock that exits at once on SIGTERM, in a pod without a `preStop` hook. */
const hasty = {
  spec: {
    template: {
      spec: {
        containers: [
          {
            name: 'meshmock',
            lifecycle: null,
            env: [
              {
                name: 'NODE_OPTIONS',
                value: "--import=data:text/javascript,process.once('SIGTERM',()=>process.exit(0))",
              },
            ],
          },
        ],
      },
    },
  },
};

describe('a rolling update of a service in the middle, under load', () => {
  let mocks: MockCluster;
  before(async () => {
    mocks = await MockCluster.start(signal);
  });
  after(() => mocks?.[Symbol.asyncDispose]());

  /** Applies the output of `meshmock manifests` in its own namespace. */
  const applyPrinted = async (namespace: string): Promise<void> => {
    const printed = await runProgram(['manifests', '/@middle/x', '--replicas', 'middle=2']);
    assert.equal(printed.code, 0, printed.stderr);
    await mocks.namespace(namespace);
    await mocks.cluster.apply(printed.stdout, '-n', namespace);
    await mocks.ready(namespace);
  };
  const untilReachable = async (namespace: string): Promise<void> => {
    await mocks.ready(namespace);
    const code = `fetch('http://gateway.${namespace}:8080/@middle,grpc:middle/x').then(({ status }) => console.log(status))`;
    await eventually(
      () => mocks.cluster.run([process.execPath, '-e', code]),
      (status) => status === '200\n',
    );
  };

  it('loses no request, over HTTP and gRPC, and over new and kept connections', async (t) => {
    await applyPrinted('rolling');
    await untilReachable('rolling');
    const results = await updateUnderLoad(mocks, 'rolling');
    showResults(t, results);
    assertNoneLost(results, 2);
  });

  it('loses requests if the mock exits at once', async (t) => {
    await applyPrinted('hasty');
    const patch = ['patch', 'deployment', 'middle-v1', '--patch', JSON.stringify(hasty)];
    await mocks.cluster.kubectl('-n', 'hasty', ...patch);
    await untilReachable('hasty');
    const results = await updateUnderLoad(mocks, 'hasty');
    showResults(t, results);
    assert.ok(results.some(({ errors }) => Object.keys(errors).length > 0));
  });
});
