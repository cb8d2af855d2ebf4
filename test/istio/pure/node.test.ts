import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { knownFields } from '../../../src/istio/apply/known-fields.ts';
import { copyableRules, interceptionArguments } from '../../../src/istio/node/interception.ts';
import { type PodPlan, planPod } from '../../../src/istio/node/pod-plan.ts';
import { type NodeContext, PodSandbox } from '../../../src/istio/node/pod-sandbox.ts';
import { completedStatusObject, type PodState, podStatusObject } from '../../../src/istio/node/pod-status-object.ts';
import { missingVolumeSources, type VolumeSources, writeVolumes } from '../../../src/istio/node/pod-volumes.ts';
import type { Container, Pod } from '../../../src/istio/resources/objects.ts';

const proxy: Container = {
  name: 'istio-proxy',
  image: 'istio/proxyv2:local',
  args: ['proxy', 'sidecar'],
  restartPolicy: 'Always',
  volumeMounts: [
    { name: 'token', mountPath: '/var/run/secrets/tokens' },
    { name: 'info', mountPath: '/etc/istio/pod' },
    { name: 'root', mountPath: '/var/run/secrets/istio' },
    { name: 'empty', mountPath: '/etc/istio/proxy' },
    { name: 'keys', mountPath: '/keys' },
  ],
};

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a-1', namespace: 'shop', uid: 'u', labels: { app: 'a' } },
  spec: {
    containers: [{ name: 'c', image: 'any' }],
    initContainers: [{ name: 'istio-init', image: 'istio/proxyv2:local', args: ['istio-iptables'] }, proxy],
    volumes: [
      {
        name: 'token',
        projected: { sources: [{ serviceAccountToken: { audience: 'istio-ca', path: 'istio-token' } }] },
      },
      { name: 'info', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      { name: 'root', configMap: { name: 'istio-ca-root-cert' } },
      { name: 'empty' },
      { name: 'keys', secret: { secretName: 'keys', optional: true, items: [{ key: 'one', path: 'sub/first' }] } },
    ],
  },
};

const place = { plan: planPod(pod, []), address: '10.77.1.2' };
const ownUid = process.getuid?.() ?? 0;

const state: PodState = {
  address: '10.77.1.2',
  startedAt: new Date('2026-01-01T00:00:00.5Z'),
  isInitialized: true,
  isMockReady: true,
  isProxyReady: true,
  passesProbe: true,
  mockRestarts: 0,
  proxyRestarts: 1,
  problem: undefined,
};
interface Status {
  readonly phase: string;
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  readonly initContainerStatuses: readonly { readonly name: string; readonly restartCount: number }[];
  readonly containerStatuses: readonly { readonly name: string; readonly ready: boolean }[];
}

/** Returns the status of a pod that runs, with some differences. */
function statusOf(plan: PodPlan, differences: Partial<PodState>): Status {
  return podStatusObject(plan, { ...state, ...differences }) as Status;
}

describe('the files of a proxy', () => {
  const sources = (secret?: Record<string, string>): VolumeSources => ({
    files: (kind) => (kind === 'ConfigMap' ? { 'root-cert.pem': 'PEM' } : secret),
    token: async (audience) => `token for ${audience}`,
  });

  it('are the token, the labels, and the chosen keys of ConfigMaps and Secrets, which only its user can read', async () => {
    const root = mkdtempSync(path.join(tmpdir(), 'meshmock-volumes-'));
    try {
      await writeVolumes({ pod: place, container: proxy, root, uid: ownUid }, sources({ one: '1', two: '2' }));
      const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
      assert.equal(read('var/run/secrets/tokens/istio-token'), 'token for istio-ca');
      assert.equal(read('etc/istio/pod/labels'), 'app="a"\n');
      assert.equal(read('var/run/secrets/istio/root-cert.pem'), 'PEM');
      assert.equal(read('keys/sub/first'), '1');
      assert.equal(statSync(path.join(root, 'keys/sub/first')).mode & 0o777, 0o600);
      assert.ok(statSync(path.join(root, 'etc/istio/proxy')).isDirectory());
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it('wait for a ConfigMap that does not exist, but not for an optional Secret', () => {
    const options = { pod: place, container: proxy, root: '', uid: ownUid };
    assert.deepEqual(missingVolumeSources(options, sources()), []);
    const without: VolumeSources = { ...sources(), files: () => undefined };
    assert.deepEqual(missingVolumeSources(options, without), ['ConfigMap istio-ca-root-cert']);
  });
});

describe('a pod for gRPC without a proxy', () => {
  const bootstrap = { name: 'GRPC_XDS_BOOTSTRAP', value: '/etc/istio/proxy/grpc-bootstrap.json' };
  const agent = { ...proxy, env: [{ name: 'DISABLE_ENVOY', value: 'true' }] };
  const containers = [{ name: 'c', image: 'any', env: [bootstrap] }, agent];
  const plan = planPod({ ...pod, spec: { containers } }, []);

  it('has a mock and no sidecar, and its agent is reported as ready when the mock is', () => {
    assert.equal(plan.role, 'mock');
    assert.equal(plan.hasSidecar, false);
    assert.equal(plan.isProxyless, true);
    assert.deepEqual(
      statusOf(plan, { isMockReady: true, isProxyReady: false }).containerStatuses.map(({ name, ready }) => [
        name,
        ready,
      ]),
      [
        ['c', true],
        ['istio-proxy', true],
      ],
    );
  });

  it('is recognized without an agent too, but no other pod is', () => {
    assert.equal(planPod({ ...pod, spec: { containers: containers.slice(0, 1) } }, []).isProxyless, true);
    assert.equal(place.plan.isProxyless, false);
  });
});

describe('the interception of a pod', () => {
  it('keeps the arguments of the injector, and adds what the local mesh excludes and the user of the proxy', () => {
    const args = ['istio-iptables', '-u', '1337', '-x', '', '-b', '*', '-d', '15090,15021,9999'];
    assert.deepEqual(interceptionArguments(args, 7), [
      ...['istio-iptables', '-u', '7', '-x', '10.77.0.3/32', '-b', '*', '-d', '15090,15021,9999,15980,15990'],
      ...['-g', '7'],
    ]);
  });

  it('sets the rules that the init container of an installation with the CNI plugin only validates', () => {
    const args = ['istio-iptables', '-x', '', '--run-validation', '--skip-rule-apply'];
    assert.deepEqual(interceptionArguments(args, 7), ['istio-iptables', '-x', '10.77.0.3/32', '-g', '7']);
  });
});

describe('the rules of a pod, for other pods', () => {
  const args = ['istio-iptables', '-m', 'REDIRECT'];
  const pod = { uid: 1_337_258, address: '10.77.1.2' };
  const rules = ':ISTIO_OUTPUT - [0:0]\n-A ISTIO_OUTPUT -m owner --uid-owner 1337258 -j RETURN\n';
  const copied = (changed: { args?: string[]; rules?: string; rules6?: string | undefined }) =>
    copyableRules(changed.args ?? args, { rules, rules6: '*nat\n', ...changed }, pod);

  it('have the user of the proxy of each pod', () => {
    assert.match(copied({}) ?? '', /--uid-owner UID-OF-THE-PROXY -j RETURN/);
  });

  it('are made by istio-iptables again if it does more, or something specific to the pod', () => {
    assert.equal(copied({ args: ['istio-iptables', '-m', 'TPROXY'] }), undefined, 'routes');
    assert.equal(copied({ args: ['istio-iptables'] }), undefined);
    assert.equal(copied({ rules: '*nat\nCOMMIT\n' }), undefined, 'the other kind of iptables');
    assert.equal(copied({ rules6: ':ISTIO_OUTPUT - [0:0]\n' }), undefined, 'IPv6');
    assert.equal(copied({ rules6: undefined }), undefined, 'a machine that cannot read those of IPv6');
    assert.equal(copied({ rules: `${rules}-A ISTIO_OUTPUT -d 10.77.1.2/32 -j RETURN\n` }), undefined);
  });
});

describe('the status of a pod', () => {
  const statusIn = (more: Partial<PodState>): Status => statusOf(place.plan, more);
  const readyOf = ({ conditions }: Status) => conditions.find(({ type }) => type === 'Ready');

  it('is ready when its mock and its proxy are, and lists a native sidecar with the init containers', () => {
    const status = statusIn({});
    assert.equal(status.phase, 'Running');
    assert.equal(readyOf(status)?.status, 'True');
    assert.deepEqual(
      status.initContainerStatuses.map(({ name, restartCount }) => [name, restartCount]),
      [
        ['istio-init', 0],
        ['istio-proxy', 1],
      ],
    );
    assert.equal(readyOf(statusIn({ isProxyReady: false }))?.status, 'False');
  });

  it('has succeeded, with its containers, if it is of a Job', () => {
    const spec = { containers: [{ name: 'c', image: 'x' }], initContainers: [{ name: 'i' }] };
    const status = completedStatusObject(spec, new Date(0)) as Status;
    assert.equal(status.phase, 'Succeeded');
    assert.equal(readyOf(status)?.status, 'False');
    assert.partialDeepStrictEqual(status.containerStatuses, [
      { name: 'c', state: { terminated: { exitCode: 0, finishedAt: '1970-01-01T00:00:00Z' } } },
    ]);
  });

  it('is Pending until it is initialized, and says why it is not ready', () => {
    const status = statusIn({ isInitialized: false, isMockReady: false, problem: 'waits for ConfigMap x' });
    assert.equal(status.phase, 'Pending');
    assert.equal(readyOf(status)?.message, 'waits for ConfigMap x');
    assert.equal(status.containerStatuses[0]?.ready, false);
  });
});

describe('the fields that an object may have', () => {
  const schemas = {
    'io.test.Route': {
      'x-kubernetes-group-version-kind': [{ group: 'test.io', kind: 'Route' }],
      properties: { spec: { allOf: [{ $ref: '#/components/schemas/io.test.Spec' }] } },
    },
    'io.test.Spec': {
      properties: {
        http: { items: { properties: { timeout: {}, route: {} } } },
        labels: { additionalProperties: { properties: { value: {} } } },
      },
    },
  };
  const route = { apiVersion: 'test.io/v1', kind: 'Route', metadata: { name: 'a' } };
  it('are found through references, lists and maps', () => {
    assert.deepEqual(knownFields(schemas, route, ['spec', 'http', '0']), ['timeout', 'route']);
    assert.deepEqual(knownFields(schemas, route, ['spec', 'labels', 'any']), ['value']);
    assert.deepEqual(knownFields(schemas, route, ['spec', 'none']), []);
    assert.deepEqual(knownFields(schemas, { ...route, kind: 'Other' }, ['spec']), []);
  });
});

describe('the logs of pods', () => {
  it('have different names that fit into a folder, also if names of pods are as long as they may be', () => {
    const name = 'a'.repeat(252);
    const logOf = (last: string, address: string): string => {
      const plan = planPod({ ...pod, metadata: { ...pod.metadata, name: `${name}${last}` } }, []);
      const context = { folder: '/run/meshmock/mesh' } as NodeContext;
      return path.basename(new PodSandbox(plan, address, context).logOf('istiod'));
    };
    const logs = [logOf('a', '10.77.1.2'), logOf('b', '10.77.1.3')];
    assert.equal(new Set(logs).size, 2);
    for (const log of logs) assert.ok(log.length <= 255, log);
  });
});
