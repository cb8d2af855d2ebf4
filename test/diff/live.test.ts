import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseEntry } from '../../src/cases/meshes/live-entry.ts';
import { readDiffSettings } from '../../src/cli/diff/diff-options.ts';
import { modesOfSettings } from '../../src/diff/compare/setting-modes.ts';
import { liveAnswer } from '../../src/diff/live/live-answers.ts';
import { LiveMesh, liveRoute } from '../../src/diff/live/live-mesh.ts';
import { undirected } from '../../src/diff/live/live-results.ts';
import { sendLiveProbes } from '../../src/diff/live/live-sender.ts';
import type { MeshSnapshot } from '../../src/diff/pieces/mesh-snapshot.ts';
import type { Caller, Probe } from '../../src/diff/probe.ts';
import { requestsFor } from '../../src/diff/requests/requests-for.ts';
import { SecretMarks } from '../../src/diff/secret-values.ts';
import type { CallResult } from '../../src/reply/reply.ts';
import { startServe } from '../program.ts';
import { startForeignServer } from '../running-mesh.ts';
import { probe, request, workload } from './make.ts';

function pod(workloadName: string, app: string, role = 'mock', namespace = 'default'): object {
  return { name: `${workloadName}-1`, namespace, workload: workloadName, role, labels: { app } };
}

function service(name: string, port: number, namespace = 'default', protocol = 'http'): object {
  return { name, namespace, selector: { app: name }, endpoints: [], ports: [{ port, name: protocol, protocol }] };
}

/** Mesh with `web`, two versions of `cart`, a database, and a gateway. */
const snapshot = {
  pods: [
    pod('web', 'web'),
    pod('cart-v1', 'cart'),
    pod('cart-v2', 'cart'),
    pod('db', 'db'),
    pod('ingress', 'ingress', 'gateway', 'istio-system'),
  ],
  services: [
    service('web', 80),
    service('cart', 8000),
    service('db', 5432, 'default', 'tcp'),
    service('ingress', 80, 'istio-system'),
  ],
} as unknown as MeshSnapshot;

function mesh(...entries: readonly string[]): LiveMesh {
  return new LiveMesh(entries.map(parseEntry), snapshot, 'default');
}

const shopGateway: Caller = {
  kind: 'gateway',
  gateway: 'istio-system/ingress',
  host: 'shop.example',
  port: 80,
  scheme: 'http',
};

/** Returns the path that the entry of a probe gets. */
function pathTo(of: LiveMesh, sent: Probe): string {
  const way = of.wayTo(sent.caller);
  return way.kind === 'none' ? way.reason : liveRoute(sent, way).route.target.path;
}

it('an entry calls the Service of a caller, which makes the request; an entry of its own makes it at once', () => {
  const sent = probe({ caller: workload('cart-v1') });
  const request = 'reviews.default.svc.cluster.local:9080;timeout=15s/';
  assert.equal(pathTo(mesh('localhost:1'), sent), `/@cart.default.svc.cluster.local:8000;timeout=15500ms/@${request}`);
  assert.equal(pathTo(mesh('localhost:1', 'cart-v1=localhost:2'), sent), `/@${request}`);
  assert.equal(pathTo(mesh('cart.default=localhost:2'), sent), `/@${request}`);
  const failing = probe({ ...sent, mode: { kind: 'failing', failure: { kind: 'status', status: 503 } } });
  assert.equal(pathTo(mesh('cart=localhost:2'), failing), `/@${request.replace(/\/$/, '')}/~status=503/`);
});

it('a caller without a way to it has a reason', () => {
  const reasonFor = (caller: Caller, ...entries: readonly string[]): string =>
    pathTo(mesh(...entries), probe({ caller }));
  assert.match(reasonFor(workload('web'), 'cart=localhost:1'), /no entry web=URL/);
  assert.match(reasonFor(workload('db'), 'localhost:1'), /by HTTP or gRPC: add --entry db=URL/);
  assert.match(reasonFor({ kind: 'outside' }, 'localhost:1'), /no entry outside=URL/);
  assert.match(reasonFor(shopGateway, 'localhost:1'), /no entry ingress\.istio-system=URL/);
  assert.equal(reasonFor(shopGateway, 'ingress.istio-system=localhost:1'), '/');
  const otherPort: Caller = { ...shopGateway, port: 81 };
  assert.match(reasonFor(otherPort, 'ingress.istio-system=localhost:1'), /no entry ingress\.istio-system:81=URL/);
  assert.equal(reasonFor(otherPort, 'ingress.istio-system:81=localhost:1'), '/');
  assert.match(reasonFor({ ...shopGateway, scheme: 'https' }, 'ingress.istio-system=localhost:1'), /certificates/);
});

it('a misspelled entry is known as one', () => {
  const names = mesh(
    'webb=localhost:1',
    'web=localhost:1',
    'cart-v2=localhost:1',
    'outside=localhost:1',
    'localhost:1',
  );
  assert.deepEqual(
    names.unknownEntries().map(({ name }) => name),
    ['webb'],
  );
});

/** Returns the answer of an entry that called a caller, whose pod made a call. */
function entryAnswer(podName: string, call: Partial<CallResult> | undefined, status = 200): CallResult {
  const made: CallResult[] =
    call === undefined ? [] : [{ target: 'stock', scheme: 'http', answeredBy: 'service', ...call }];
  const reply = { service: 'cart', pod: podName, status, calls: made };
  const hop = {
    target: 'cart',
    scheme: 'http',
    status,
    answeredBy: call === undefined ? 'proxy' : 'service',
    reply,
  } as const;
  return {
    target: 'entry',
    scheme: 'http',
    status,
    answeredBy: 'service',
    reply: { service: 'web', status, calls: [hop] },
  };
}

it('an answer counts only if the caller itself made the call, and if the callee followed its directives', () => {
  const judge = (answer: CallResult, sent = probe({ caller: workload('cart-v1') })): string => {
    const way = mesh('localhost:1').wayTo(sent.caller);
    assert.ok(way.kind !== 'none');
    const judged = liveAnswer(answer, sent, liveRoute(sent, way));
    return judged.kind === 'call' ? 'call' : judged.kind === 'missed' ? judged.part : judged.problem;
  };
  assert.equal(judge(entryAnswer('cart-v1-7d9f-x', {})), 'call');
  assert.equal(judge(entryAnswer('cart-v2-7d9f-x', {})), 'workload');
  assert.equal(judge(entryAnswer('cart-v1-7d9f-x', undefined, 403)), 'caller');
  const nobody = {
    target: 'entry',
    scheme: 'http',
    answeredBy: 'nobody',
    error: { code: 'refused', message: '' },
  } as const;
  assert.equal(judge(nobody), 'does not answer (refused)');
  assert.match(
    judge({ target: 'entry', scheme: 'http', status: 200, answeredBy: 'foreign' }),
    /check that it is a meshmock/,
  );

  const web = probe({ caller: workload('web') });
  const madeBy = (pod: string, service: string): CallResult => {
    const call = { target: 'stock', scheme: 'http', answeredBy: 'service' } as const;
    const hop = {
      target: 'web',
      scheme: 'http',
      answeredBy: 'service',
      reply: { service, pod, calls: [call] },
    } as const;
    return {
      target: 'entry',
      scheme: 'http',
      answeredBy: 'service',
      reply: { service: 'entry', calls: [hop] },
    } as never;
  };
  assert.equal(judge(madeBy('web-5b8-x', 'front'), web), 'call');
  assert.equal(judge(madeBy('a-machine', 'web'), web), 'call', 'not in Kubernetes');
  assert.equal(judge(madeBy('cart-v1-7d9f-x', 'cart'), web), 'caller', 'a Service that leads elsewhere');

  const failing = probe({
    caller: workload('cart-v1'),
    mode: { kind: 'failing', failure: { kind: 'status', status: 503 } },
  });
  const stock = { service: 'stock', status: 503 };
  assert.equal(judge(entryAnswer('cart-v1-x', { reply: { ...stock, behaviour: ['status=503'] } }), failing), 'call');
  assert.equal(judge(entryAnswer('cart-v1-x', { reply: { ...stock, status: 200 } }), failing), 'callee');
});

it('a callee that is not a meshmock gets no requests that may change it', async () => {
  const methods: string[] = [];
  await using callee = await startForeignServer(({ method = '' }, response) => {
    methods.push(method);
    response.end('orders');
  });
  const place = `reviews.default.svc.cluster.local:9080:127.0.0.1:${callee.port}`;
  await using web = await startServe('web', ['--connect-to', place]);
  const caller = workload('web');
  const [deleting, reading] = [probe({ caller, request: request({ method: 'DELETE' }) }), probe({ caller })];
  const results = await sendLiveProbes(
    [deleting, reading],
    mesh(`web=127.0.0.1:${web.httpPort}`),
    'test',
    new AbortController().signal,
  );
  assert.deepEqual(methods, ['GET']);
  assert.deepEqual(
    [deleting, reading].map(({ id }) => results.get(id)?.kind),
    ['unsafe', 'seen'],
  );
  assert.deepEqual(
    undirected([deleting], { before: results, after: results }).map(({ subject }) => subject),
    ['requests with DELETE'],
  );
});

it('settings that are the same on both sides get their requests too, and none that are not there', () => {
  const pieces = (route: object, circuit_breakers: object) =>
    ({
      route: { route },
      cluster: { circuit_breakers },
      protocol: 'http',
      podsOf: () => ['v1'],
      showsAnswerHeaders: false,
    }) as const;
  const all = { thresholds: [{ max_connections: 4_294_967_295, track_remaining: true }] };
  const few = { thresholds: [{ max_pending_requests: 1 }] };
  const kinds = (one: ReturnType<typeof pieces>): string[] => modesOfSettings(one, one).modes.map(({ kind }) => kind);
  assert.deepEqual(kinds(pieces({ cluster: 'a' }, all)), ['plain']);
  assert.deepEqual(kinds(pieces({ cluster: 'a', timeout: '0.5s' }, all)), ['plain', 'slow']);
  const retries = { num_retries: 2, retry_on: '5xx' };
  assert.deepEqual(kinds(pieces({ cluster: 'a', retry_policy: retries }, few)), [
    'plain',
    'failing',
    'failing',
    'burst',
  ]);
});

it('a request takes directives in its path only if its path is not a condition', () => {
  const side = (prefix: string) => ({
    virtualHost: { domains: ['*'], routes: [{ match: { prefix }, route: { cluster: 'a' } }] },
    inboundFilters: [],
    callerIdentity: undefined,
  });
  const edge = {
    protocol: 'http',
    authority: 'stock:80',
    port: 80,
    scheme: 'http',
    canSignFor: () => false,
    secrets: new SecretMarks(),
  } as const;
  const takes = (prefix: string): boolean[] =>
    requestsFor(edge, side(prefix), side(prefix)).requests.map(
      (one) => one.before !== undefined && one.takesDirectives,
    );
  assert.ok(takes('/').includes(true));
  assert.ok(!takes('/orders').includes(true));
});

it('each name of an entry needs one for OLD and one for NEW, and one set of manifests is enough', () => {
  const settings = readDiffSettings([
    '--entry',
    'a:1',
    '--entry',
    'web=a:2',
    '--entry',
    'b:1',
    '--entry',
    'web=b:2',
    'k8s/',
  ]);
  const hosts = (side: 'before' | 'after'): unknown =>
    settings.entries?.[side].map(({ name, address }) => [name, address.host]);
  assert.deepEqual(
    [hosts('before'), hosts('after')],
    [
      [
        [undefined, 'a'],
        ['web', 'a'],
      ],
      [
        [undefined, 'b'],
        ['web', 'b'],
      ],
    ],
  );
  assert.deepEqual(settings.before, settings.after);
  const problem = (...args: readonly string[]): RegExp => new RegExp(args.join('.*'));
  assert.throws(() => readDiffSettings(['--entry', 'a:1', 'k8s/']), problem('OLD_URL', 'NEW_URL'));
  assert.throws(
    () => readDiffSettings(['--entry', 'a:1', '--entry', 'b:1', '--entry', 'c:1', 'k8s/']),
    problem('OLD_URL'),
  );
  assert.throws(
    () => readDiffSettings(['--entry', 'a:1', '--entry', 'b:1', '--write', 'x.yaml', 'k8s/']),
    problem('--write'),
  );
  assert.throws(() => readDiffSettings(['--entry', 'a:1', '--entry', 'b:1']), problem('manifests of both meshes'));
  assert.equal(readDiffSettings(['old/', 'new/']).entries, undefined);
});
