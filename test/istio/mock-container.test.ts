/** Tests that containers with the image of meshmock keep their settings in a local mesh, as in a cluster. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { demoArguments } from '../../src/cli/manifests/manifests.ts';
import { kustomized, manifests } from '../manifests/shipped.ts';
import { type ManifestTools, manifestTools } from '../manifests/tools.ts';
import { demoWorkloads, type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

interface Reply {
  readonly service: string;
  readonly version: string;
  readonly pod: string;
  readonly zone?: string;
  readonly status: number;
  readonly body?: string;
  readonly traceId: string;
  readonly calls?: readonly { readonly status: number; readonly reply?: Reply; readonly summary?: Summary }[];
}

interface Summary {
  readonly byVersion: Readonly<Record<string, number>>;
  readonly byPod: Readonly<Record<string, number>>;
}

async function reply(mesh: LocalMeshFixture, path: string, service: string): Promise<Reply> {
  const headers = { accept: 'application/json' };
  return (await fetch(`http://${mesh.http(service)}${path}`, { headers })).json() as Promise<Reply>;
}

const text = async (mesh: LocalMeshFixture, path: string, service: string): Promise<string> =>
  (await fetch(`http://${mesh.http(service)}${path}`)).text();

const pod = (name: string, container: string, labels = ''): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: 2
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name}, version: v2, ${labels} } }
    spec:
      containers:
        - name: meshmock
          image: registry.test:5000/team/meshmock:0.1.0
          ports: [{ name: http, containerPort: 8080 }]
          ${container}
`;

const settings = [
  pod(
    'own',
    `args: [serve, --http, ":1", --max-calls, $(CALLS)]
          env:
            - { name: MESHMOCK_BEHAVIOUR, value: "/~status=203/~header[x-team=$(TEAM)]/~body=$$(TEAM)" }
            - { name: MESHMOCK_ZONE, valueFrom: { fieldRef: { fieldPath: "metadata.labels['topology.kubernetes.io/zone']" } } }
            - { name: MESHMOCK_NAME, valueFrom: { secretKeyRef: { name: names, key: name } } }
            - { name: POD_UID, valueFrom: { fieldRef: { fieldPath: metadata.uid } } }
            - { name: OTEL_RESOURCE_ATTRIBUTES, value: "service.instance.id=$(POD_UID),team=$(TEAM)" }
            - { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: "http://nowhere.test:4318" }
          envFrom: [{ configMapRef: { name: settings } }]`,
    'topology.kubernetes.io/zone: eu-1a',
  ),
  '\napiVersion: v1\nkind: Service\nmetadata: { name: own }\nspec: { selector: { app: own }, ports: [{ port: 80, targetPort: http }] }\n',
  '\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { TEAM: blue, CALLS: "2" }\n',
  '\napiVersion: v1\nkind: Secret\nmetadata: { name: names }\ndata: { name: b3duLW5hbWU= }\n',
].join('---');

interface SpansProcess {
  readonly serviceName: string;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
}

/** Waits until Jaeger has a trace of one service, and returns the process of its spans. */
async function spansProcess(mesh: LocalMeshFixture, traceId: string): Promise<SpansProcess> {
  for (let tries = 0; tries < 600; tries++) {
    const { data } = (await (await fetch(`${mesh.jaeger}/api/traces/${traceId}`)).json()) as {
      data: readonly { readonly processes: Readonly<Record<string, SpansProcess>> }[] | null;
    };
    const [found] = Object.values(data?.[0]?.processes ?? {});
    if (found !== undefined) return found;
    await sleep(100);
  }
  throw new Error(`Jaeger has no trace ${traceId}`);
}

const sources = (name: string, yaml: string) => [{ name, text: yaml }];

describe('manifests for a cluster, in a local mesh', () => {
  let tools: ManifestTools;
  before(async () => {
    tools = await manifestTools();
  });

  it('that `meshmock manifests` prints run unchanged and completely', async () => {
    const printed = await manifests(tools, ...demoArguments, '--istio');
    await using mesh = await startLocalMesh(sources('manifests', printed));
    const { report } = mesh.started;
    assert.deepEqual([report.leftOut, report.warnings], [[], []]);
    assert.equal(report.objects.length, parseAllDocuments(printed).length);
    const { calls, status } = await reply(mesh, demoArguments[0]?.replace('localhost:8080', '') ?? '', 'gateway');
    assert.equal(status, 200);
    assert.deepEqual(
      calls?.map((call) => [call.reply?.service, call.reply?.calls?.map((below) => below.reply?.service)]),
      ['service1', 'service2'].map((name) => [name, ['service3', 'service4']]),
    );
    // The port of metrics does not accept calls.
    assert.match(JSON.stringify(await reply(mesh, '/@service1:9464/metrics', 'gateway')), /# TYPE/);
    // The first route that --istio prints.
    const { calls: repeated } = await reply(mesh, '/@service2*20/x', 'gateway');
    assert.deepEqual(repeated?.[0]?.summary?.byVersion, { v1: 20 });
  });

  it('of the octopus overlay run its proxy and webservers, with the port mappings of their Services', async () => {
    await using mesh = await startLocalMesh(sources('octopus', await kustomized(tools, 'overlays/octopus')));
    assert.deepEqual(mesh.started.report.leftOut, []);
    const answers = new Set<string>();
    for (let count = 0; count < 60 && answers.size < 2; count++)
      answers.add(/value: (WebServer V\d) requested from \/x/.exec(await text(mesh, '/x', 'proxy'))?.[1] ?? '');
    assert.deepEqual([...answers].sort(), ['WebServer V1', 'WebServer V2']);
    const { calls } = await reply(mesh, '/@webserver:80*90,webserverv2:80*20/x', 'proxy');
    assert.equal(Object.keys(calls?.[0]?.summary?.byPod ?? {}).length, 6);
    assert.deepEqual(calls?.[1]?.summary?.byVersion, { v2: 20 });
  });

  it('set the behaviour, limits, names, zone and span attributes of a meshmock', async () => {
    await using mesh = await startLocalMesh(sources('settings', settings));
    assert.deepEqual(mesh.started.report.leftOut, []);
    const answer = await fetch(`http://${mesh.http('own')}/x`, { headers: { accept: 'application/json' } });
    const { service, version, zone, body, traceId } = (await answer.json()) as Reply;
    assert.deepEqual([answer.status, service, version, zone, body], [203, 'own-name', 'v2', 'eu-1a', '$(TEAM)']);
    assert.equal(answer.headers.get('x-team'), 'blue');
    const { serviceName, tags } = await spansProcess(mesh, traceId);
    const tag = (name: string) => tags.find(({ key }) => key === name)?.value;
    assert.deepEqual([serviceName, tag('team')], ['own-name.default', 'blue']);
    assert.match(tag('service.instance.id') ?? '', /^[0-9a-f-]{36}$/);
    assert.match(await text(mesh, '/@own*3/x', 'own'), /calls/);
  });

  it('that cannot run are refused, with the name of the pod and the reason', async () => {
    await using mesh = await startLocalMesh([demoWorkloads]);
    const broken = (name: string, value: string) => ({ name: 'broken', text: pod(name, value) });
    await assert.rejects(
      mesh.apply(broken('wrong', 'env: [{ name: MESHMOCK_BEHAVIOUR, value: "/~nonsense" }]')),
      /the mock of pod wrong-\S+ ended[\s\S]*MESHMOCK_BEHAVIOUR[\s\S]*nonsense/,
    );
    await mesh.delete(broken('wrong', 'env: []'));
    await assert.rejects(
      mesh.apply(broken('lost', 'envFrom: [{ secretRef: { name: gone } }]')),
      /pod lost-\S+: envFrom: the Secret gone does not exist/,
    );
  });
});
