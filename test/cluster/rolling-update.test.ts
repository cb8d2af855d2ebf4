/** No request is lost when a service in the middle of a cascade is updated; and that the test would see one. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runProgram } from '../program.ts';
import { eventually, MockCluster } from './mock-cluster.ts';
import { lostNone, show, updateUnderLoad } from './rolling-update.ts';

const signal = AbortSignal.timeout(500_000);

/** A mock that is gone at SIGTERM, and whose pod nobody has asked before. */
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

  /** What `meshmock manifests` prints, in a namespace of its own, with each Service reached. */
  const applyPrinted = async (namespace: string): Promise<void> => {
    const printed = await runProgram(['manifests', '/@middle/x', '--replicas', 'middle=2']);
    assert.equal(printed.code, 0, printed.stderr);
    await mocks.namespace(namespace);
    await mocks.cluster.apply(printed.stdout, '-n', namespace);
    await mocks.ready(namespace);
  };
  const reached = async (namespace: string): Promise<void> => {
    await mocks.ready(namespace);
    const code = `fetch('http://gateway.${namespace}:8080/@middle,grpc:middle/x').then(({ status }) => console.log(status))`;
    await eventually(
      () => mocks.cluster.run([process.execPath, '-e', code]),
      (status) => status === '200\n',
    );
  };

  it('loses no request, over HTTP and gRPC, over new connections and over those that are kept', async (t) => {
    await applyPrinted('rolling');
    await reached('rolling');
    const results = await updateUnderLoad(mocks, 'rolling');
    show(t, results);
    lostNone(results, 2);
  });

  it('loses some when the mock is hasty', async (t) => {
    await applyPrinted('hasty');
    const patch = ['patch', 'deployment', 'middle-v1', '--patch', JSON.stringify(hasty)];
    await mocks.cluster.kubectl('-n', 'hasty', ...patch);
    await reached('hasty');
    const results = await updateUnderLoad(mocks, 'hasty');
    show(t, results);
    assert.ok(results.some(({ errors }) => Object.keys(errors).length > 0));
  });
});
