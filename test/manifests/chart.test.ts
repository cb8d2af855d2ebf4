import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { namedMeshes } from '../../src/cli/up/named-meshes.ts';
import { expandVariables } from '../../src/istio/node/mock/container-env.ts';
import type { KubeObject, Service, Workload } from '../../src/istio/resources/objects.ts';
import { chart, chartFolder } from './shipped.ts';
import { manifestTools, printed, temporaryFolder } from './tools.ts';

const tools = await manifestTools();
const folder = temporaryFolder();
after(() => rmSync(folder, { recursive: true }));

async function rendered(values: string): Promise<KubeObject[]> {
  const file = path.join(folder, 'values.yaml');
  writeFileSync(file, values);
  // Kubernetes reads YAML 1.1.
  const documents = parseAllDocuments(await chart(tools, '--values', file), { version: '1.1' });
  return documents.map((document) => document.toJS() as KubeObject | null).filter((object) => object !== null);
}

function objectNamed<T extends KubeObject>(objects: readonly KubeObject[], kind: string, name: string): T {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `${kind} ${name} does not exist`);
  return found as T;
}

function variables(deployment: Workload): Readonly<Record<string, string | undefined>> {
  const [container] = deployment.spec.template.spec.containers as readonly {
    env?: { name: string; value?: string }[];
  }[];
  return Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
}

function portsOf({ spec }: Service): (string | undefined)[] {
  return (spec.ports ?? []).map(({ name, port, targetPort }) => `${name} ${port} ${targetPort}`);
}

describe('the chart', () => {
  it('passes helm lint', async () => {
    await printed(tools.helm('lint', '--strict', chartFolder));
  });

  it('accepts a file of meshmock up, and opens the port that an upstream names', async () => {
    const objects = await rendered(namedMeshes.octopus);
    const v2 = objectNamed<Workload>(objects, 'Deployment', 'webserver-v2');
    assert.equal(v2.spec.replicas, 3);
    assert.equal(variables(v2).MESHMOCK_CONTENT, 'WebServer V2');
    assert.equal(variables(objectNamed(objects, 'Deployment', 'proxy-v1')).MESHMOCK_UPSTREAM, 'http://webserver');
    const usual = ['http 8080 http', 'grpc 9090 grpc', 'http-metrics 9464 http-metrics'];
    assert.deepEqual(portsOf(objectNamed(objects, 'Service', 'webserver')), [...usual, 'http-80 80 http']);
    assert.deepEqual(portsOf(objectNamed(objects, 'Service', 'proxy')), usual);
  });

  it('gives a version the settings of its service, unless the version has its own', async () => {
    const objects = await rendered(
      'services: [{ name: a, replicas: 2, behaviour: /~delay=1ms, versions: [{ version: v1 }, { version: v2, replicas: 3, behaviour: "/~body=$$(A)$5" }] }]',
    );
    const [v1, v2] = ['a-v1', 'a-v2'].map((name) => objectNamed<Workload>(objects, 'Deployment', name));
    assert.deepEqual([v1?.spec.replicas, v2?.spec.replicas], [2, 3]);
    assert.equal(variables(v1 as Workload).MESHMOCK_BEHAVIOUR, '/~delay=1ms');
    const behaviour = variables(v2 as Workload).MESHMOCK_BEHAVIOUR ?? '';
    assert.equal(expandVariables(behaviour, { A: 'variable' }), '/~body=$$(A)$5');
  });

  it('accepts names and texts that YAML reads as other types', async () => {
    const objects = await rendered(
      'services: [{ name: "no" }, { name: "null", content: "a: b # c", versions: [{ version: v1 }, { version: "1e3" }] }]\nistio: true\nimage: { repository: "registry.test:5000/null", tag: "1" }',
    );
    for (const name of ['no', 'null']) {
      const { spec } = objectNamed<Workload>(objects, 'Deployment', `${name}-v1`);
      assert.equal(spec.template.spec.serviceAccountName, name);
      assert.deepEqual(spec.selector?.matchLabels, { app: name, version: 'v1' });
      assert.deepEqual(objectNamed<Service>(objects, 'Service', name).spec.selector, { app: name });
      objectNamed(objects, 'ServiceAccount', name);
    }
    assert.partialDeepStrictEqual(objectNamed(objects, 'DestinationRule', 'null'), { spec: { host: 'null' } });
    assert.equal(variables(objectNamed(objects, 'Deployment', 'null-1e3')).MESHMOCK_CONTENT, 'a: b # c');
  });

  it('makes only the first service public', async () => {
    const objects = await rendered('services: [{ name: a }, { name: b }]\nentry: { type: LoadBalancer }');
    const first = objectNamed<Service>(objects, 'Service', 'a');
    assert.equal(first.spec.type, 'LoadBalancer');
    assert.deepEqual(portsOf(first), ['http 8080 http', 'grpc 9090 grpc'], 'metrics are not public');
    assert.equal(objectNamed<Service>(objects, 'Service', 'b').spec.type, undefined);
  });

  it('has a test that calls every service through the first one', async () => {
    const objects = await rendered('services: [{ name: a }, { name: b }, { name: c }]');
    const { spec } = objectNamed<KubeObject & { spec: { containers: [{ args: string[] }] } }>(
      objects,
      'Pod',
      'mesh-test',
    );
    const [{ args }] = spec.containers;
    assert.equal(args[1], 'a:8080/@b|c/hello');
    const { code, stderr } = await tools.meshmock(...args.filter((arg) => arg !== '--retry-until' && arg !== '30s'));
    assert.equal(code, 3, `the command is valid, but the host a does not exist here: ${stderr}`);
  });

  it('has no rights in the cluster, and objects of other kinds only on request', async () => {
    const kinds = async (values: string): Promise<string[]> =>
      [...new Set((await rendered(values)).map(({ kind }) => kind))].sort();
    const always = ['Deployment', 'Pod', 'Service', 'ServiceAccount'];
    assert.deepEqual(await kinds('{}'), always);
    assert.deepEqual(
      await kinds('istio: true\npodDisruptionBudget: { enabled: true }\nnetworkPolicy: { enabled: true }'),
      [...always, 'DestinationRule', 'NetworkPolicy', 'PodDisruptionBudget', 'VirtualService'].sort(),
    );
  });

  it('has the recommended labels on every object, and those of the release on pods', async () => {
    const objects = await rendered(
      'istio: true\npodDisruptionBudget: { enabled: true }\nnetworkPolicy: { enabled: true }',
    );
    for (const object of objects) {
      const labels = object.metadata.labels ?? {};
      assert.match(labels['helm.sh/chart'] ?? '', /^meshmock-\d/, `${object.kind} ${object.metadata.name}`);
      assert.equal(labels['app.kubernetes.io/instance'], 'mesh');
      assert.equal(labels['app.kubernetes.io/managed-by'], 'Helm');
    }
    const { spec } = objectNamed<Workload>(objects, 'Deployment', 'service1-v1');
    assert.equal(spec.template.metadata?.labels?.['app.kubernetes.io/instance'], 'mesh');
    assert.equal(spec.template.metadata?.labels?.['helm.sh/chart'], undefined, 'a pod would start again');
    assert.deepEqual(spec.selector?.matchLabels, { app: 'service1', version: 'v1' });
  });

  it('lets the namespace and named peers call the mocks, and everyone a public first service', async () => {
    const policy = 'networkPolicy: { enabled: true, from: [{ namespaceSelector: {} }] }\nservices: [{ name: a }]';
    const own = await rendered(policy);
    const callers = objectNamed<KubeObject & { spec: object }>(own, 'NetworkPolicy', 'mesh-callers');
    assert.partialDeepStrictEqual(callers.spec, {
      ingress: [{ from: [{ podSelector: {} }, { namespaceSelector: {} }] }],
    });
    assert.ok(!own.some(({ metadata }) => metadata.name === 'mesh-entry'));
    const open = await rendered(`${policy}\nentry: { type: LoadBalancer }`);
    const entry = objectNamed<KubeObject & { spec: object }>(open, 'NetworkPolicy', 'mesh-entry');
    assert.partialDeepStrictEqual(entry.spec, { podSelector: { matchLabels: { app: 'a' } }, ingress: [{}] });
  });

  it('accepts every directive', async () => {
    const text =
      '/~delay=p50=10ms,p99=1s:0.5/~status=503:1in3:version=v2/~header[a=b]/~body=a%2Fb/~chunks=3/10ms/~close:attempt<3';
    const objects = await rendered(JSON.stringify({ services: [{ name: 'a', behaviour: text }] }));
    assert.equal(variables(objectNamed<Workload>(objects, 'Deployment', 'a-v1')).MESHMOCK_BEHAVIOUR, text);
  });

  for (const [values, message] of [
    ['services: []', /\/services.*minItems/],
    ['servces: [{ name: a }]', /additional properties 'servces' not allowed/],
    ['services: [{ name: a, replica: 2 }]', /\/services\/0.*additional properties 'replica'/],
    ['services: [{ name: A }]', /\/services\/0\/name.*does not match pattern/],
    ['services: [{ name: a, version: 1.10 }]', /\/services\/0\/version.*got number, want string/],
    ['services: [{ name: a, replicas: 0 }]', /\/services\/0\/replicas.*got 0, want 1/],
    ['services: [{ name: a, behaviour: delay=1s }]', /\/services\/0\/behaviour.*does not match/],
    ['services: [{ name: a, behaviour: /~delay=1 }]', /\/services\/0\/behaviour.*does not match/],
    ['services: [{ name: a, behaviour: /~staus=503 }]', /\/services\/0\/behaviour.*does not match/],
    ['podDisruptionBudget: { enabled: true, maxUnavailable: 0 }', /\/podDisruptionBudget\/maxUnavailable/],
    ['networkPolicy: { enabled: true, from: [{}] }', /\/networkPolicy\/from\/0.*minProperties/],
    ['podLabels: { app.kubernetes.io/instance: b }', /invalid propertyName/],
    ['spansTo: jaeger:4318', /\/spansTo.*does not match/],
    ['grpcPorts: [8080]', /\/grpcPorts\/0/],
    ['denyTargets: ["10.0.0.0/8 ::/0"]', /\/denyTargets\/0.*does not match/],
    ['allowTargets: 10.0.0.0/8', /\/allowTargets.*got string, want array/],
    ['services: [{ name: a }, { name: a }]', /another name: a is there already/],
    ['services: [{ name: a, versions: [{ version: v1 }, { version: v1 }] }]', /a has version v1 twice/],
    ['services: [{ name: a, version: v1, versions: [{ version: v1 }] }]', /a: either version or versions/],
    ['services: [{ name: a, content: x, upstream: http://b }]', /a: one of upstream .* and content/],
    ['services: [{ name: a, versions: [{ version: b-v1 }] }, { name: a-b }]', /two Deployments a-b-v1/],
    ['services: [{ name: a, upstream: "grpc://b:81" }, { name: b }]\nhttpPorts: [81]', /port 81 of b: a port .* one/],
    ['spansTo: "http://jaeger:4318\\n- evil"', /\/spansTo.*does not match/],
    ['podLabels: { app: b }', /invalid propertyName 'app'/],
    ['image: null', /missing property 'image'/],
  ] as const)
    it(`refuses ${values}`, async () => {
      await assert.rejects(rendered(values), (error: Error) => message.test(error.message.replaceAll('\n', ' ')));
    });
});
