import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { expandVariables } from '../../src/istio/node/mock/container-env.ts';
import { runProgram } from '../program.ts';

interface Kube {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: read as each test needs it
  readonly spec: any;
}

interface Printed {
  readonly objects: readonly Kube[];
  readonly stdout: string;
  readonly stderr: string;
}

async function printed(...args: string[]): Promise<Printed> {
  const { code, stdout, stderr } = await runProgram(['manifests', ...args]);
  assert.equal(code, 0, stderr);
  return { objects: parseAllDocuments(stdout).map((document) => document.toJS() as Kube), stdout, stderr };
}

/** Each object as `Kind name`, with its namespace before the name where it has one. */
const titles = ({ objects }: Printed): string[] =>
  objects.map(({ kind, metadata }) => `${kind} ${[metadata.namespace ?? [], metadata.name].flat().join('/')}`);

function find({ objects }: Printed, kind: string, name: string): Kube {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `${kind} ${name}`);
  return found;
}

const ports = (all: Printed, name: string): string[] =>
  find(all, 'Service', name).spec.ports.map(
    ({ name: port, port: number, targetPort }: Record<string, unknown>) => `${port} ${number} ${targetPort}`,
  );

async function refusal(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(['manifests', ...args]);
  assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
  return stderr;
}

test('a service has an account, a name and a Deployment for each version; the entry comes first', async () => {
  const all = await printed('localhost:8080/@a|b:8080[x=y]/@grpc:c,a/hello', '--versions', 'b=v1,v2');
  assert.deepEqual(titles(all), [
    ...['ServiceAccount gateway', 'Service gateway', 'Deployment gateway-v1'],
    ...['ServiceAccount a', 'Service a', 'Deployment a-v1'],
    ...['ServiceAccount b', 'Service b', 'Deployment b-v1', 'Deployment b-v2'],
    ...['ServiceAccount c', 'Service c', 'Deployment c-v1'],
  ]);
  assert.match(
    all.stdout,
    /^# meshmock manifests 'localhost:8080\/@a\|b:8080\[x=y\]\/@grpc:c,a\/hello' --versions b=v1,v2\n/,
  );
  assert.equal(all.stderr, '');
});

test('a Service selects the pods of all versions, and a Deployment those of its version', async () => {
  const all = await printed('/@b/', '--versions', 'b=v1,v2');
  const { labels } = find(all, 'Deployment', 'b-v2').spec.template.metadata;
  assert.deepEqual(find(all, 'Service', 'b').spec.selector, { app: 'b' });
  assert.deepEqual(find(all, 'Deployment', 'b-v2').spec.selector.matchLabels, { app: 'b', version: 'v2' });
  assert.deepEqual(labels, {
    app: 'b',
    'app.kubernetes.io/name': 'b',
    'app.kubernetes.io/part-of': 'meshmock',
    version: 'v2',
    'app.kubernetes.io/version': 'v2',
  });
});

test('a Service has the ports at which plans call it', async () => {
  const all = await printed('/@a:8081|grpc:b:9191(/@a:80/x)|a:9464/x', '/@a:443/');
  const usual = ['http 8080 http', 'grpc 9090 grpc', 'http-metrics 9464 http-metrics'];
  assert.deepEqual(ports(all, 'a'), [...usual, ...['http-80 80 http', 'http-443 443 http', 'http-8081 8081 http']]);
  assert.deepEqual(ports(all, 'b'), [...usual, 'grpc-9191 9191 grpc']);
});

test('a URL names the entry, unless it is for a forwarded port', async () => {
  const entryOf = async (...args: string[]): Promise<string | undefined> => titles(await printed(...args))[0];
  assert.equal(await entryOf('http://front:8080/@a/'), 'ServiceAccount front');
  assert.equal(await entryOf('127.0.0.1:8080/@a/'), 'ServiceAccount gateway');
  assert.equal(await entryOf('localhost/@a/', '--entry', 'edge'), 'ServiceAccount edge');
  assert.equal(await entryOf(`curl -g 'http://front/@a/' -H 'end-user: jason'`), 'ServiceAccount front');
  assert.equal(await entryOf('http://shop.test/@a/', '--entry', 'edge'), 'ServiceAccount edge');
  assert.match(
    await refusal('http://shop.test/@a/'),
    /shop\.test is not a Service name: name the Service that gets the plan with --entry/,
  );
  assert.equal(await entryOf('http://front.mock.svc:8080/@a/', '--namespace', 'mock'), 'Namespace mock');
});

test('plans may come from standard input, and versions from several flags', async () => {
  const { code, stdout } = await runProgram(
    ['manifests', '-', '--versions', 'a=v1', '--versions', 'a=v2,v1'],
    '/@a/\n',
  );
  assert.equal(code, 0);
  assert.deepEqual(
    [...stdout.matchAll(/^ {2}name: (a-.*)$/gm)].map(([, name]) => name),
    ['a-v1', 'a-v2'],
  );
});

test('namespaces of every cluster are not created', async () => {
  const all = await printed('/@a/@b.kube-system.svc/', '--namespace', 'default', '--istio');
  assert.deepEqual(
    titles(all).filter((title) => title.startsWith('Namespace')),
    [],
  );
});

test('every URL names its entry, and a port of it', async () => {
  const grpcurl = `grpcurl -plaintext -d '{"path":"/@a/"}' back:9191 meshmock.v1.MeshMock/Call`;
  const all = await printed('http://front:8081/@a/', grpcurl, 'https://edge/@a/', 'http://front.mock.svc/');
  const services = titles(all).filter((title) => title.startsWith('Service '));
  assert.deepEqual(services, ['Service front', 'Service back', 'Service edge', 'Service mock/front', 'Service a']);
  const further = (name: string): string[] => ports(all, name).slice(3);
  assert.deepEqual(['front', 'back', 'edge'].map(further), [['http-8081 8081 http'], ['grpc-9191 9191 grpc'], []]);
});

test('names that YAML 1.1 (of kubectl) would misread are quoted', async () => {
  const { stdout } = await printed('/@no|y|null|a/', '--versions', 'a=on,0b1,1e3,2024-01-01');
  const values = parseAllDocuments(stdout, { version: '1.1' }).map((document) => document.toJS() as Kube);
  const labels = values.flatMap(({ metadata }) => Object.values(metadata.labels ?? {}));
  assert.deepEqual([...new Set(labels.map((label) => typeof label))], ['string']);
  for (const name of ['no', 'y', 'null', 'on', '0b1']) assert.ok(labels.includes(name), name);
});

test('namespaces are created, and a service is created in the namespace of its call', async () => {
  const all = await printed('/@a/@a.mock.svc/@b.two.svc.cluster.local:81/', '--namespace', 'mock', '--istio');
  assert.deepEqual(titles(all), [
    ...['Namespace mock', 'Namespace two'],
    ...['ServiceAccount mock/gateway', 'Service mock/gateway', 'Deployment mock/gateway-v1'],
    ...['ServiceAccount mock/a', 'Service mock/a', 'Deployment mock/a-v1'],
    ...['ServiceAccount two/b', 'Service two/b', 'Deployment two/b-v1'],
  ]);
  assert.deepEqual(find(all, 'Namespace', 'two').metadata.labels, { 'istio-injection': 'enabled' });
  assert.equal(titles(await printed('/@a/'))[0], 'ServiceAccount gateway');
});

test('a target that cannot be a Service is skipped, with a warning', async () => {
  const all = await printed('/@https:x/@127.0.0.1:1|[::1]:8080|example.com,localhost|c/');
  assert.deepEqual(
    all.objects.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name),
    ['gateway', 'c'],
  );
  for (const left of ['https:x', 'http:127.0.0.1', 'http:::1', 'http:example.com', 'http:localhost'])
    assert.ok(all.stderr.includes(`meshmock: ${left} is skipped: `), `${left} in ${all.stderr}`);
});

test('--istio gives a subset for each version and a route to the first, for services with several', async () => {
  const all = await printed('/@a|b/', '--versions', 'b=v1,v2', '--istio');
  assert.deepEqual(titles(all).slice(-2), ['DestinationRule b', 'VirtualService b']);
  assert.deepEqual(
    find(all, 'DestinationRule', 'b').spec.subsets.map(({ name }: { name: string }) => name),
    ['v1', 'v2'],
  );
  const [{ route }] = find(all, 'VirtualService', 'b').spec.http;
  assert.deepEqual(
    route.map((to: { destination: { subset: string }; weight: number }) => [to.destination.subset, to.weight]),
    [
      ['v1', 100],
      ['v2', 0],
    ],
  );
});

test('pods have replicas, behaviour, image and collector; values of one service win over those of all', async () => {
  const all = await printed(
    '/@a|b/',
    ...['--replicas', '2', '--replicas', 'b=3', '--behaviour', 'a=/~body=$$(HOME)$5/~status=503:0.1'],
    ...['--image', 'mock:7', '--spans-to', 'http://jaeger:4318/'],
  );
  const deployments = all.objects.filter(({ kind }) => kind === 'Deployment');
  assert.deepEqual(
    deployments.map(({ spec }) => spec.replicas),
    [2, 2, 3],
  );
  const [container] = find(all, 'Deployment', 'a-v1').spec.template.spec.containers;
  const env = Object.fromEntries(
    container.env.map(({ name, value }: { name: string; value?: string }) => [name, value]),
  );
  assert.equal(container.image, 'mock:7');
  assert.equal(env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, 'http://jaeger:4318/v1/traces');
  assert.equal(expandVariables(env.MESHMOCK_BEHAVIOUR, { HOME: '/' }), '/~body=$$(HOME)$5/~status=503:0.1');
});

test('an invalid plan is reported with its place, and nothing is printed', async () => {
  assert.match(await refusal('/@a,|b'), /at offset 4[\s\S]*\^/);
  assert.match(await refusal(), /expected a URL or path/);
});

const refused: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [['/@a_b/'], /"a_b" is not a valid name of a Service: expected at most 63 of a-z/],
  [['/@1a/'], /"1a" is not a valid name of a Service/],
  [['/@a|grpc:a:8080/'], /a:8080 is already a port for HTTP/],
  [['/@a:9090/'], /a:9090 is already a port for gRPC/],
  [['/@grpc:a:9464/'], /a:9464 is already a port for HTTP/],
  [['/@a/', '--versions', 'b=v1'], /no plan calls b; the services are gateway, a/],
  [['/@a/', '--replicas', 'b=1'], /no plan calls b/],
  [['/@a/', '--replicas', 'a=many'], /--replicas: "many" is not a whole number from 0 to 1000/],
  [['/@a/', '--versions', 'a'], /--versions: "a": expected a service and its versions, such as reviews=v1,v2,v3/],
  [['/@a/', '--versions', 'a=v1,V2'], /"V2" is not a version such as v1/],
  [['/@a/', '--versions', 'a=v1,v1'], /"v1,v1" lists a version twice/],
  [['/@a/', '--behaviour', 'a=/~delay=soon'], /--behaviour: at offset 8: expected a delay/],
  [['/@a/', '--namespace', 'Mock'], /--namespace: "Mock" is not a valid name of a namespace/],
  [['/@a.b_c.svc/'], /"b_c" is not a valid name of a namespace/],
  [['http://front:9090/@a/'], /front:9090 is already a port for gRPC/],
  [['/@a|a-b/', '--versions', 'a=b-v1'], /two objects have the name Deployment a-b-v1/],
  [['/@a/', '--image', 'bad image'], /"bad image" is not an image such as meshmock:0.1.0/],
  [['/@kubernetes/x'], /"kubernetes" is the Service of the API server/],
  [['/@a/', '--versions', 'a=1.0,1-0', '--istio'], /a: two versions have the same subset/],
  [['mesh.yaml'], /mesh\.yaml is not a Service name/],
  [['/@a/', '--spans-to', 'jaeger:4318'], /"jaeger:4318" is not a URL such as http:\/\/jaeger:4318/],
  [['/@a/', '--spans-to', 'http://jaeger:4318/?x'], /is not a URL such as/],
];

for (const [args, says] of refused) {
  test(`refuses ${args.join(' ')}`, async () => {
    assert.match(await refusal(...args), says);
  });
}

test('the rules about targets are variables of every mock', async () => {
  const rules = [
    '--allow-target',
    '169.254.171.0/24',
    '--allow-target',
    '*.example.com',
    '--deny-target',
    '10.0.0.0/8',
  ];
  const { spec } = find(await printed('/@a/', ...rules), 'Deployment', 'a-v1');
  const env: { name: string; value?: string }[] = spec.template.spec.containers[0].env;
  const targets = env.filter(({ name }) => name.endsWith('_TARGET'));
  assert.deepEqual(targets, [
    { name: 'MESHMOCK_ALLOW_TARGET', value: '169.254.171.0/24 *.example.com' },
    { name: 'MESHMOCK_DENY_TARGET', value: '10.0.0.0/8' },
  ]);
  assert.match(
    await refusal('/@a/', '--deny-target', '10.0.0.0/99'),
    /--deny-target: "10\.0\.0\.0\/99" is not a target/,
  );
});
