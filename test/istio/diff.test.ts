/** Tests of `meshmock diff` with a real mesh. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Comparison } from '../../src/diff/comparison.ts';
import { compareIn } from '../../src/diff/engine/compare-snapshots.ts';
import { ComparisonMesh } from '../../src/diff/engine/comparison-mesh.ts';
import { explainLine } from '../../src/diff/report/explain.ts';
import { reportLines } from '../../src/diff/report/report-lines.ts';
import type { MeshmockError } from '../../src/error/meshmock-error.ts';
import { folderOf } from '../../src/istio/host/mesh-places.ts';
import type { ManifestSource } from '../../src/istio/resources/manifest.ts';
import { installMeshTools } from '../../src/istio/tools/install-tools.ts';
import type { PlacedMutation, Site } from '../labs/diff/fields/field-mutation.ts';
import { differenceText, judge } from '../labs/diff/fields/judge.ts';
import { fieldMutations } from '../labs/diff/fields/plan.ts';
import { startProgram } from '../program.ts';
import { Random } from '../random.ts';
import { descendantsOf } from './descendants.ts';

const never = new AbortController().signal;

/** Returns a Service, its account and a Deployment for each version. */
function workloads(name: string, ...versions: readonly string[]): string {
  const deployments = versions.map(
    (version) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}-${version} }
spec:
  selector: { matchLabels: { app: ${name}, version: ${version} } }
  template:
    metadata: { labels: { app: ${name}, version: ${version} } }
    spec: { serviceAccountName: ${name}, containers: [{ name: app, image: ${name} }] }`,
  );
  return [
    `{ apiVersion: v1, kind: ServiceAccount, metadata: { name: ${name} } }`,
    `{ apiVersion: v1, kind: Service, metadata: { name: ${name} }, spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] } }`,
    ...deployments,
  ].join('\n---\n');
}

const shop = [
  workloads('web', 'v1'),
  workloads('admin', 'v1'),
  workloads('cart', 'v1', 'v2'),
  workloads('stock', 'v1'),
];

const subsets = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: cart }
spec:
  host: cart
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }`;

function cartRoutes(name: string, v1: number): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: [cart]
  http:
    - match:
        - headers: { end-user: { exact: jason } }
      route: [{ destination: { host: cart, subset: v2 } }]
    - route:
        - { destination: { host: cart, subset: v1 }, weight: ${v1} }
        - { destination: { host: cart, subset: v2 }, weight: ${100 - v1} }`;
}

const stockRoutes = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: stock }
spec:
  hosts: [stock]
  http:
    - timeout: 500ms
      route: [{ destination: { host: stock } }]`;

const stockPolicy = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: stock }
spec:
  selector: { matchLabels: { app: stock } }
  action: DENY
  rules:
    - from: [{ source: { principals: [cluster.local/ns/default/sa/web] } }]
      to: [{ operation: { methods: [POST], paths: [/orders/*] } }]`;

function sources(...texts: readonly string[]): ManifestSource[] {
  return [...shop, ...texts].map((text, index) => ({ name: `${index}.yaml`, text }));
}

describe('two snapshots in one mesh', () => {
  let mesh: ComparisonMesh;
  before(async () => {
    const options = { tools: await installMeshTools(never), namespace: 'default', istio: {}, onProgramExit: () => {} };
    mesh = await ComparisonMesh.start(sources(subsets, cartRoutes('cart', 100)), options, never);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const compare = (
    old: readonly ManifestSource[],
    changed: readonly ManifestSource[],
    all = false,
    onNote: (note: string) => void = () => {},
  ): Promise<Comparison> =>
    compareIn(mesh, { before: old, after: changed, all, userAgent: 'test', onPhase: () => {}, onNote }, never);

  it('have no difference if an object has another name, and no request is sent if nothing differs', async () => {
    const old = sources(subsets, cartRoutes('cart', 100));
    const { counts, differences } = await compare(old, sources(subsets, cartRoutes('renamed', 100)));
    assert.deepEqual(differences, []);
    assert.deepEqual([counts.changedEdges, counts.requests], [0, 0]);
    assert.equal(
      counts.edges,
      19,
      'five workloads and one outside call four Services, without the calls to themselves',
    );
  });

  it('have no difference if all requests of equal snapshots are sent', async () => {
    const old = sources(subsets, cartRoutes('cart', 90), stockPolicy);
    const { counts, differences } = await compare(old, old, true);
    assert.deepEqual(differences, []);
    assert.ok(counts.requests >= 15, `${counts.requests} requests`);
  });

  it('differ in shares, refusals and timeouts, each with its object', async () => {
    const comparison = await compare(
      sources(subsets, cartRoutes('cart', 100)),
      sources(subsets, cartRoutes('cart', 80), stockRoutes, stockPolicy),
    );
    const lines = reportLines(comparison).map(({ kind, edge, requests, from, to, cause }) => ({
      kind,
      edge,
      requests,
      from,
      to,
      cause,
    }));
    const found = (kind: string) => lines.filter((line) => line.kind === kind);
    assert.deepEqual(
      found('share').map(({ from, to }) => `${from} → ${to}`),
      ['v1 100% → v1 80%, v2 20%'],
    );
    assert.match(found('share')[0]?.cause ?? '', /VirtualService cart, http\[1\]/);
    assert.deepEqual(
      found('refused').map(({ edge, requests, to }) => [edge, requests, to]),
      [['web-v1 → stock', 'POST /orders/*', '403 rbac_denied']],
    );
    assert.match(found('refused')[0]?.cause ?? '', /AuthorizationPolicy stock, rules\[0\]/);
    const refused = reportLines(comparison).find(({ kind }) => kind === 'refused');
    assert.ok(refused);
    const explained = explainLine(refused, comparison, { width: undefined, caseOf: () => undefined });
    assert.match(explained, /\nbefore +after\nweb-v1 +web-v1\n└─ stock v1 .* 200 .*└─ stock:80 +403 /);
    assert.match(explained, /\n {2}kubectl exec -n default deploy\/web-v1 -- curl -g -X POST 'http:\/\/stock\./);
    assert.deepEqual(
      found('timeout').map(({ from, to }) => `${from} → ${to}`),
      ['times out: never → after 500 ms'],
    );
  });

  it('differ where chance chooses a version, where a request is delayed, and where a subset has no pod', async () => {
    const site = (name: string, versions: readonly string[]): Site => ({
      ...{ name, namespace: 'default', host: `${name}.default.svc.cluster.local`, versions, port: 80, number: 0 },
      ...{ spare: 'web.default.svc.cluster.local', callers: ['web', 'admin'], otherNamespace: undefined },
      ...{ grpcPort: undefined, tcpPort: undefined },
    });
    const placed = [
      ['VirtualService http.rewrite.uri', site('cart', ['v1', 'v2'])] as const,
      ['VirtualService http.fault.delay', site('stock', ['v1'])] as const,
      ['DestinationRule subsets.labels (no pod)', site('admin', ['v1'])] as const,
    ].map(([name, at]): PlacedMutation => {
      const mutation = fieldMutations.find(({ kind, field }) => `${kind} ${field}` === name);
      assert.ok(mutation, name);
      return { mutation, site: at, ...mutation.change(at, new Random(1)) };
    });
    const notes: string[] = [];
    const comparison = await compare(
      sources(...placed.map(({ before: text }) => text)),
      sources(...placed.map(({ after: text }) => text)),
      false,
      (note) => notes.push(note),
    );
    assert.equal(notes.length, 1, 'a warning that the snapshot before has too is not repeated');
    const note = /^warning: \d\.yaml:\d+:\d+: destinationrule\S+: subset one: no pod of admin has version=v9$/;
    assert.match(notes[0] ?? '', note);
    const { mutations, unexplained } = judge(placed, comparison);
    assert.deepEqual(
      mutations.map(({ verdict, placed: { mutation } }) => `${mutation.field}: ${verdict}`),
      placed.map(({ mutation }) => `${mutation.field}: reported`),
    );
    assert.deepEqual(unexplained.map(differenceText), []);
  });

  it('differ in what only names, services that sidecars ask, settings of mocks, and destinations of a route decide', async () => {
    const alias = `{ apiVersion: v1, kind: Service, metadata: { name: alias }, spec: { type: ExternalName, externalName: admin.default.svc.cluster.local, ports: [{ name: http, port: 80 }] } }`;
    const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: admin }
spec: { selector: { matchLabels: { app: admin } }, mtls: { mode: STRICT } }`;
    const asking = `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: asking }
spec:
  workloadSelector: { labels: { app: stock } }
  configPatches:
    - applyTo: HTTP_FILTER
      match: { context: SIDECAR_INBOUND, listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager, subFilter: { name: envoy.filters.http.router } } } } }
      patch:
        operation: INSERT_BEFORE
        value:
          name: envoy.filters.http.lua
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
            default_source_code:
              inline_string: |
                function envoy_on_request(handle)
                  local headers = handle:httpCall("outbound|80||web.default.svc.cluster.local", { [":method"] = "GET", [":path"] = "/", [":authority"] = "web" }, "", 5000)
                  if headers[":status"] ~= "200" then handle:respond({ [":status"] = "418" }, "no web") end
                end`;
    const denied = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: web }
spec: { selector: { matchLabels: { app: web } }, action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }] }] }`;
    const cart = (headers: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: cart }
spec:
  hosts: [cart]
  http:
    - route:
        - { destination: { host: cart, subset: v1 }, weight: 50 }
        - { destination: { host: cart, subset: v2 }, weight: 50${headers} }`;
    const network = `{ apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: { name: deny }, spec: { podSelector: {} } }`;
    const { differences, notCompared } = await compare(
      sources(subsets, alias, asking, cart('')),
      sources(subsets, alias, asking, cart(', headers: { response: { remove: [x-debug] } }'), strict, denied, network),
    );
    const found = new Set(
      differences.map(({ probe, from, to }) => {
        const caller = probe.caller.kind === 'workload' ? 'workload' : probe.caller.kind;
        return `${caller} → ${probe.destination.name}: ${from} → ${to}`;
      }),
    );
    const expected = [
      /^outside → alias: 200 admin v1 → no answer \(reset\)$/,
      /^workload → stock: 200 stock v1 → 418 /,
      /^workload → cart: answer x-debug: probe → none$/,
    ];
    for (const one of expected)
      assert.ok(
        [...found].some((text) => one.test(text)),
        `${one}: ${[...found].join('\n')}`,
      );
    assert.ok(notCompared.some(({ subject }) => subject === 'NetworkPolicy deny'));
  });

  it('differ for a caller without a sidecar, over connections that it keeps and over TCP', async () => {
    const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: db }
spec: { selector: { matchLabels: { app: db } }, mtls: { mode: STRICT } }`;
    const denyAll = stockPolicy.replace(/ {2}rules:.*/s, '  rules: [{ to: [{ operation: { paths: ["/*"] } }] }]');
    const db = workloads('db', 'v1').replace('name: http, port: 80', 'name: tcp-db, port: 5432');
    const old = sources(subsets, db, denyAll);
    const withoutSidecar = old.map(({ name, text }) => ({
      name,
      text: text.replace(
        '{ app: stock, version: v1 } }\n    spec',
        '{ app: stock, version: v1, sidecar.istio.io/inject: "false" } }\n    spec',
      ),
    }));
    const { differences } = await compare(old, [...withoutSidecar, { name: 'strict.yaml', text: strict }]);
    const ofOutside = differences
      .filter(({ probe }) => probe.caller.kind === 'outside')
      .map(({ probe, from, to }) => `${probe.destination.name}: ${from} → ${to}`);
    assert.deepEqual(ofOutside.toSorted(), [
      'db: 200 db v1 → no answer (reset)',
      'stock: 403 rbac_denied → 200 stock v1',
    ]);
  });

  it('differ in retries after resets, but not in headers by chance, and list what replies hide', async () => {
    const routes = (retryOn: string, secret: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: stock }
spec:
  hosts: [stock]
  http:
    - retries: { attempts: 1, retryOn: "${retryOn}" }
      headers: { request: { set: { authorization: "${secret}" } } }
      route:
        - { destination: { host: stock }, weight: 50, headers: { request: { set: { x-variant: a } } } }
        - { destination: { host: stock }, weight: 50, headers: { request: { set: { x-variant: b } } } }`;
    const withRoutes = (inject: boolean, ...settings: [string, string]): ManifestSource[] =>
      sources(subsets, routes(...settings)).map(({ name, text }) => ({
        name,
        text: inject
          ? text
          : text.replace(
              'version: v1 } }\n    spec: { serviceAccountName: stock',
              'version: v1, sidecar.istio.io/inject: "false" } }\n    spec: { serviceAccountName: stock',
            ),
      }));
    const compared = (inject: boolean): Promise<Comparison> =>
      compare(withRoutes(inject, 'retriable-4xx', 'one'), withRoutes(inject, 'retriable-4xx,reset', 'two'));
    const plain = await compared(false);
    const texts = plain.differences.map(({ kind, from, to }) => `${kind}: ${from} → ${to}`);
    assert.deepEqual([...new Set(texts)], ['retries: 503 upstream_reset → 200 after 1 retry']);
    const subjects = ({ notCompared }: Comparison): string => notCompared.map(({ subject }) => subject).join('\n');
    assert.match(subjects(plain), /→ stock:80: header authorization of requests/);
    const listed = await compared(true);
    assert.deepEqual(listed.differences, []);
    assert.match(subjects(listed), /→ stock:80: retries on reset\n/);
  });

  it('differ at a gateway, with the field of the Gateway as the cause among several changed objects', async () => {
    const front = (host: string): string => `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front }
spec:
  selector: { istio: ingressgateway }
  servers:
    - port: { number: 80, name: http, protocol: HTTP }
      hosts: [${host}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: front }
spec:
  hosts: ['*']
  gateways: [front]
  http: [{ route: [{ destination: { host: stock } }] }]`;
    const comparison = await compare(
      sources(subsets, front('shop.example')),
      sources(subsets, front('store.example'), stockRoutes),
    );
    const lines = reportLines(comparison).map(({ edge, from, to, cause, where }) => [edge, from, to, cause, where]);
    const cause = 'Gateway front, servers[0].hosts[0] (gateway istio-system/istio-ingressgateway)';
    assert.deepEqual(
      lines.filter(([edge]) => String(edge).endsWith('.example')),
      [
        ['shop.example', '200 stock v1', '404 no_route', cause, ['5.yaml:8']],
        ['store.example', '404 no_route', '200 stock v1', cause, ['5.yaml:8']],
      ],
    );
    assert.deepEqual(
      lines.filter(([edge]) => !String(edge).endsWith('.example')).map(([, , , ...where]) => where),
      [['VirtualService stock, http[0].timeout', ['6.yaml:7']]],
    );
    assert.deepEqual(
      comparison.notCompared.map(({ subject }) => subject),
      ['all callers → Service istio-ingressgateway.istio-system of a gateway'],
    );
  });

  it('are refused with file, line and column if the mesh refuses an object', async () => {
    const old = sources(subsets);
    await assert.rejects(
      compare(old, sources(subsets.replace('host: cart', 'hosts: [cart]'))),
      (error: MeshmockError) => {
        assert.equal(error.code, 'usage');
        assert.match(error.message, /^4\.yaml:\d+:\d+: /);
        return true;
      },
    );
  });
});

describe('meshmock diff', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-diff-'));
  const file = (name: string, text: string): string => {
    const found = path.join(folder, name);
    writeFileSync(found, text);
    return found;
  };
  after(() => rmSync(folder, { recursive: true }));

  it('prints the report, and its exit code says that the behaviour differs', async () => {
    const all = file('shop.yaml', workloads('web', 'v1').concat('\n---\n', workloads('stock', 'v1')));
    await using program = startProgram([
      'diff',
      '--manifests',
      all,
      file('old.yaml', ''),
      file('new.yaml', stockPolicy),
    ]);
    assert.equal(await program.exited(), 1, program.stderr);
    assert.match(
      program.stdout,
      /^2 of \d+ edges have another configuration\. \d+ requests were compared, 1 behaviour differs\./,
    );
    assert.match(
      program.stdout,
      /web-v1 → stock +POST \/orders\/\* +200 stock v1 +→ 403 rbac_denied +AuthorizationPolicy stock, rules\[0\]/,
    );
    assert.match(program.stdout, /new\.yaml:\d+/);
  });

  it('ends with exit code 2 before it starts a mesh if a manifest is wrong', async () => {
    await using program = startProgram(['diff', file('good.yaml', stockPolicy), file('bad.yaml', 'kind: [')]);
    assert.equal(await program.exited(), 2);
    assert.match(program.stderr, /bad\.yaml:1:\d+: /);
  });

  it('leaves nothing behind if it is interrupted', async () => {
    await using program = startProgram([
      'diff',
      file('a.yaml', workloads('web', 'v1')),
      file('b.yaml', workloads('web', 'v2')),
    ]);
    const pid = program.child.pid as number;
    const mesh = folderOf(`diff-${pid}`);
    while (!existsSync(mesh)) await sleep(50);
    await sleep(3000);
    const pids = descendantsOf(pid);
    program.child.kill('SIGINT');
    assert.equal(await program.exited(), 2);
    assert.ok(!existsSync(mesh));
    for (let tries = 0; tries < 600 && pids.some((one) => existsSync(`/proc/${one}`)); tries++) await sleep(50);
    assert.deepEqual(
      pids.filter((one) => existsSync(`/proc/${one}`)),
      [],
    );
  });
});
