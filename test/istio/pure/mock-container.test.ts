import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { containerEnv, type EnvSources, expandVariables } from '../../../src/istio/node/mock/container-env.ts';
import {
  containerLeftOut,
  meshmockContainer,
  mockSettings,
  mountsOfFiles,
} from '../../../src/istio/node/mock/mock-container.ts';
import { mountOfFile } from '../../../src/istio/node/mock/mock-files.ts';
import { MockVolumes } from '../../../src/istio/node/mock/mock-volumes.ts';
import { podField } from '../../../src/istio/node/pod-fields.ts';
import type { PodPlan } from '../../../src/istio/node/pod-plan.ts';
import type { Container, EnvVar } from '../../../src/istio/resources/objects.ts';
import { resourceField } from '../../../src/istio/resources/resource-field.ts';

const sources: EnvSources = {
  field: (path) => ({ 'metadata.name': 'a-1', 'spec.nodeName': '' })[path],
  resource: ({ resource }) => (resource === 'limits.cpu' ? '2' : undefined),
  data: (kind, name) => (name === 'there' ? { KEY: `of ${kind}`, OTHER: 'other' } : undefined),
};
const container = (more: Partial<Container>): Container => ({ name: 'c', image: 'meshmock', ...more });
const variables = (...env: EnvVar[]) => containerEnv(container({ env }), sources);

describe('variables of a container', () => {
  for (const [text, expected] of [
    ['$(A)-$(B)', 'a-$(B)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$a'],
    ['$$$$(A)', '$$(A)'],
    ['$A $( $', '$A $( $'],
    ['$(EMPTY)|', '|'],
    ['$(toString)', '$(toString)'],
  ] as const)
    it(`in ${text} are expanded to ${expected}`, () =>
      assert.equal(expandVariables(text, { A: 'a', EMPTY: '' }), expected));

  it('are expanded in later variables, but not in earlier ones', () => {
    const found = variables(
      { name: 'EARLY', value: '$(LATE)' },
      { name: 'LATE', value: 'late' },
      { name: 'EARLY2', value: '$(LATE)' },
      { name: 'NOTHING', value: null },
    );
    assert.deepEqual(found, { EARLY: '$(LATE)', LATE: 'late', EARLY2: 'late', NOTHING: '' });
  });

  it('come from fields, ConfigMaps, Secrets, and resources that the container sets', () => {
    const found = variables(
      { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'MAP', valueFrom: { configMapKeyRef: { name: 'there', key: 'KEY' } } },
      { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'there', key: 'KEY' } } },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } },
      { name: 'ALL', value: '$(POD) $(MAP)' },
    );
    assert.deepEqual(found, {
      POD: 'a-1',
      MAP: 'of ConfigMap',
      SECRET: 'of Secret',
      CPU: '2',
      ALL: 'a-1 of ConfigMap',
    });
  });

  it('of whole ConfigMaps and Secrets come first, with their prefix', () => {
    const envFrom = [{ prefix: 'P_', configMapRef: { name: 'there' } }, { secretRef: { name: 'there' } }];
    const found = containerEnv(container({ env: [{ name: 'KEY', value: 'own, $(P_KEY)' }], envFrom }), sources);
    assert.deepEqual(found, {
      P_KEY: 'of ConfigMap',
      P_OTHER: 'other',
      KEY: 'own, of ConfigMap',
      OTHER: 'other',
    });
  });

  it('without a source are refused, unless they are optional', () => {
    const withReference = (reference: object) =>
      variables({ name: 'X', valueFrom: { configMapKeyRef: reference as never } });
    assert.throws(() => withReference({ name: 'gone', key: 'KEY' }), {
      name: 'MeshmockError',
      message: 'the variable X: the ConfigMap gone does not exist',
    });
    assert.throws(() => withReference({ name: 'there', key: 'GONE' }), /the ConfigMap there has no key "GONE"/);
    assert.deepEqual(withReference({ name: 'gone', key: 'KEY', optional: true }), {});
    assert.throws(
      () => variables({ name: 'X', valueFrom: { fieldRef: { fieldPath: 'spec.hostname' } } }),
      /the variable X: the field spec\.hostname is not supported/,
    );
    const envFrom = [{ secretRef: { name: 'gone' } }];
    assert.throws(() => containerEnv(container({ envFrom }), sources), /envFrom: the Secret gone does not exist/);
    assert.deepEqual(
      containerEnv(container({ envFrom: [{ secretRef: { name: 'gone', optional: true } }] }), sources),
      {},
    );
  });
});

const settingsWith = (more: Partial<Container>) =>
  mockSettings(container({ env: [{ name: 'WHO', value: 'me' }], ...more }), sources, () => undefined);

describe('a container with the image of meshmock', () => {
  for (const [image, isMeshmock] of [
    ['meshmock', true],
    ['meshmock:0.1.0', true],
    ['registry.test:5000/team/meshmock:0.1.0@sha256:00', true],
    ['registry.test/meshmock@sha256:00', true],
    ['meshmock.test/other', false],
    ['registry.test/not-meshmock', false],
    ['meshmock/other:meshmock', false],
    [undefined, false],
  ] as const)
    it(`is ${isMeshmock ? '' : 'not '}recognized by ${image}`, () => {
      const spec = { containers: [{ name: 'c', ...(image === undefined ? {} : { image }) }] };
      assert.equal(meshmockContainer(spec) !== undefined, isMeshmock);
    });

  it('keeps its settings, but not those that the local mesh or the machine sets', () => {
    const env = {
      MESHMOCK_BEHAVIOUR: '/~delay=1ms',
      MESHMOCK_ZONE: '',
      PROXYURL: 'http://a',
      SERVERCONTNET: 'x',
      OTEL_RESOURCE_ATTRIBUTES: 'a=b',
      OTEL_PROPAGATORS: 'b3',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://x',
      OTEL_TRACES_EXPORTER: 'none',
      ISTIO_META_CLUSTER_ID: 'c',
      MESHMOCK_HTTP: ':1',
      MESHMOCK_GRPC: ':2',
      MESHMOCK_CONNECT_TO: 'a:::',
      MESHMOCK_DRAIN: '5s',
      PATH: '/nowhere',
      NODE_OPTIONS: '--inspect',
      LD_PRELOAD: 'x',
    };
    const list = Object.entries(env).map(([name, value]) => ({ name, value }));
    assert.deepEqual(
      mockSettings(container({ env: list }), sources, () => undefined),
      {
        args: [],
        env: {
          MESHMOCK_BEHAVIOUR: '/~delay=1ms',
          PROXYURL: 'http://a',
          SERVERCONTNET: 'x',
          OTEL_RESOURCE_ATTRIBUTES: 'a=b',
          OTEL_PROPAGATORS: 'b3',
        },
      },
    );
  });

  for (const [words, expected] of [
    [{ args: ['serve', '--content', '$(WHO)', '--http', ':1', '--zone=a'] }, ['--content', 'me', '--zone=a']],
    [
      { args: ['serve', '-listenAddress', ':1', '--connect-to=a:1:b:2', '--grpc=:2', '--max-calls', '3'] },
      ['--max-calls', '3'],
    ],
    [{ command: ['node', 'dist/cli/main.js', 'serve'], args: ['--content', '$$(WHO)'] }, ['--content', '$(WHO)']],
    [{ args: ['call', 'a/x'] }, []],
  ] as const)
    it(`runs with the arguments of ${JSON.stringify(words)}`, () => {
      assert.deepEqual(settingsWith(words).args, expected);
    });

  it('does not accept calls on the port of its metrics', () => {
    const env = [{ name: 'MESHMOCK_METRICS', value: ':9464' }];
    assert.equal(settingsWith({ env }).metricsPort, 9464);
    assert.equal(settingsWith({ env, args: ['serve', '--metrics', '0.0.0.0:1'] }).metricsPort, 1);
    assert.equal(settingsWith({ args: ['serve', '--metrics=:2'] }).metricsPort, 2);
    assert.equal(settingsWith({}).metricsPort, undefined);
  });

  const volumes = [
    { name: 'cert', secret: { secretName: 'web-cert' } },
    { name: 'all', projected: { sources: [{ configMap: { name: 'protos' } }] } },
    { name: 'scratch' },
  ];
  const mounts = [
    { name: 'cert', mountPath: '/etc/web' },
    { name: 'all', mountPath: '/protos/' },
    { name: 'scratch', mountPath: '/tmp' },
    { name: 'cert', mountPath: '/etc/ca.crt', subPath: 'ca.crt' },
  ];
  const withFiles = container({
    args: ['serve', '--tls-cert', '/etc/web/../web/tls.crt', '--proto=/protos', '--answers', '/tmp/a.yaml', '--zone=a'],
    env: [
      { name: 'MESHMOCK_TLS_KEY', value: '/etc/web/tls.key' },
      { name: 'MESHMOCK_TLS_CERT', value: '/not/used' },
      { name: 'MESHMOCK_TLS_CA', value: '/etc/ca.crt' },
      { name: 'MESHMOCK_PROTO', value: '/not/used' },
    ],
    volumeMounts: mounts,
  });

  it('has the files of its settings that it mounts from ConfigMaps and Secrets, and no others', () => {
    const spec = { containers: [withFiles], volumes };
    const placeOf = (file: string) => (mountOfFile(spec, withFiles, file) === undefined ? undefined : `/root${file}`);
    assert.deepEqual(mockSettings(withFiles, sources, placeOf), {
      args: [
        '--zone=a',
        '--tls-cert=/root/etc/web/../web/tls.crt',
        '--tls-key=/root/etc/web/tls.key',
        '--proto=/root/protos',
      ],
      env: {},
    });
    assert.deepEqual(mountsOfFiles(withFiles, spec), mounts.slice(0, 2));
    assert.deepEqual(containerLeftOut(withFiles, spec), [
      '--tls-ca /etc/ca.crt: mount it from a ConfigMap or a Secret, without a subPath',
      '--answers /tmp/a.yaml: mount it from a ConfigMap or a Secret, without a subPath',
    ]);
    for (const file of ['/etc/web-cert/x', '/etc/web/../passwd', 'etc/web/tls.crt', '/tmp/x'])
      assert.equal(mountOfFile(spec, withFiles, file), undefined, file);
  });

  it('has the files of a mount inside another one, and not what this hides', () => {
    const inner = { name: 'all', mountPath: '/etc/web/protos' };
    const hidden = { name: 'scratch', mountPath: '/etc/web/tmp/' };
    const volumeMounts = [...mounts, inner, hidden];
    const mountOf = (file: string) => mountOfFile({ volumes }, container({ volumeMounts }), file);
    assert.deepEqual(mountOf('/etc/web/tls.crt'), mounts[0]);
    assert.deepEqual(mountOf('/etc/web/protos/shop.proto'), inner);
    assert.equal(mountOf('/etc/web/tmp/tls.crt'), undefined);
  });

  it('has the files that variables of ConfigMaps name', async () => {
    const settings = { MESHMOCK_TLS_CERT: '/etc/web/tls.crt' };
    const withData: EnvSources = { ...sources, data: () => settings };
    const inMap = container({ envFrom: [{ configMapRef: { name: 'settings' } }], volumeMounts: mounts });
    const inFlag = container({
      env: [{ name: 'CERT', valueFrom: { configMapKeyRef: { name: 'settings', key: 'MESHMOCK_TLS_CERT' } } }],
      args: ['serve', '--tls-cert=$(CERT)'],
      volumeMounts: mounts,
    });
    for (const one of [inMap, inFlag]) {
      const written: unknown[] = [];
      const places = {
        rootOf: () => '/root',
        envOf: () => containerEnv(one, withData),
        contentsOf: () => '',
        waitForOtherContents: () => Promise.reject(new Error('the pod has stopped')),
      };
      const mockVolumes = new MockVolumes({ containers: [one], volumes }, places, async ({ volumeMounts }) => {
        written.push(volumeMounts);
      });
      await mockVolumes.write(new AbortController().signal);
      const { args } = mockSettings(one, withData, (file) => mockVolumes.placeOf(one, file));
      assert.deepEqual(args, ['--tls-cert=/root/etc/web/tls.crt']);
      assert.deepEqual(written, [[mounts[0]]]);
    }
  });

  it('has lines for its left-out parts: another command, and variables from resources that it does not set', () => {
    assert.deepEqual(containerLeftOut(container({ args: ['serve'] })), []);
    const fromResource = (name: string, resource: string): EnvVar => ({
      name,
      valueFrom: { resourceFieldRef: { resource } },
    });
    assert.deepEqual(
      containerLeftOut(
        container({
          command: ['meshmock'],
          args: ['call', 'a'],
          env: [fromResource('C', 'limits.cpu'), fromResource('M', 'limits.memory')],
          resources: { limits: { cpu: '2' } },
        }),
      ),
      [
        'variable M: the container does not set limits.memory',
        'command "meshmock call a": meshmock serve runs instead',
      ],
    );
  });

  it('can use fields of its pod', () => {
    const plan = {
      name: 'a-1',
      namespace: 'ns',
      uid: 'uid',
      serviceAccount: 'sa',
      spec: { containers: [] },
      labels: { app: 'a', 'topology.kubernetes.io/zone': 'z' },
      annotations: { 'x.test/y': 'note' },
    } as unknown as PodPlan;
    const field = (path: string) => podField({ plan, address: '10.0.0.1' }, path);
    for (const [path, expected] of Object.entries({
      'metadata.name': 'a-1',
      'metadata.namespace': 'ns',
      'metadata.uid': 'uid',
      'spec.serviceAccountName': 'sa',
      "metadata.labels['topology.kubernetes.io/zone']": 'z',
      "metadata.labels['none']": '',
      'metadata.labels': 'app="a"\ntopology.kubernetes.io/zone="z"\n',
      "metadata.annotations['x.test/y']": 'note',
      'status.podIP': '10.0.0.1',
      'spec.nodeName': '',
      'status.phase': undefined,
    }))
      assert.equal(field(path), expected, path);
  });

  for (const [limit, divisor, expected] of [
    ['1500m', '1', '2'],
    ['1500m', '1m', '1500'],
    ['1Gi', '1Mi', '1024'],
    ['2', '0', '2'],
    ['nonsense', '1', undefined],
  ] as const)
    it(`gives the limit ${limit} in units of ${divisor} as ${expected}`, () => {
      const found = resourceField(container({ resources: { limits: { cpu: limit } } }), {
        resource: 'limits.cpu',
        divisor,
      });
      assert.equal(found, expected);
    });
});
