/** Tests of the traffic of a mesh's page: counters of proxies, rates, refusals. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Observation, ObservedPod, PodRefusal } from '../../../src/istio/live/observation.ts';
import { RefusalSenders } from '../../../src/istio/live/refusal-senders.ts';
import { PodDirectory } from '../../../src/istio/observe/pod-directory.ts';
import { parseRefusals, type RefusedRequest } from '../../../src/istio/observe/refused-requests.ts';
import { retrySeries, sentSeries, trafficSeries } from '../../../src/istio/observe/traffic-series.ts';
import { MeshModel } from '../../../src/mesh-page/mesh-model.ts';
import { NodeDirectory } from '../../../src/mesh-page/node-directory.ts';
import { type EdgeTally, TrafficWindow } from '../../../src/mesh-page/traffic-window.ts';
import type { MeshEdge } from '../../../src/page/model/mesh-page-data.ts';
import { Random } from '../../random.ts';

const spiffe = (account: string): string => `spiffe://cluster.local/ns/default/sa/${account}`;

function pod(service: string, version: string, address: string, hasSidecar = true): ObservedPod {
  return {
    name: `${service}-${version}`,
    namespace: 'default',
    workload: `${service}-${version}`,
    service,
    version,
    address,
    role: 'mock',
    hasSidecar,
    isReady: true,
    serviceAccount: service,
    labels: { app: service, version },
    isOutside: false,
  };
}

const front = pod('front', 'v1', '10.0.0.1');
const back1 = pod('back', 'v1', '10.0.0.2');
const back2 = pod('back', 'v2', '10.0.0.3');
const plain = pod('plain', 'v1', '10.0.0.4', false);
const pods = [front, back1, back2, plain];
const services = ['front', 'back', 'empty'].map((name) => ({ name, namespace: 'default', selector: { app: name } }));
const directory = new PodDirectory(pods.map((one) => ({ ...one, hasProxy: one.hasSidecar })));

/** Counter of requests from front to back, as Envoy prints it. */
function sent(version: string, code: string, flags: string, count: number, isMutual = true): string {
  const [own, peer] = isMutual ? [spiffe('front'), spiffe('back')] : ['', ''];
  const facts = [code, '', flags, `back-${version};default;back;${version};Kubernetes`, own, peer];
  const cluster = 'outbound|8080||back.default.svc.cluster.local';
  const service = '[{"namespace":"default","name":"back","host":"back.default.svc.cluster.local"}]';
  const key = ['source', 'http', ...facts, cluster, service].join(' ');
  return `envoy_istio_requests_total{key="${key.replaceAll('"', '\\"')}"} ${count}\n`;
}

/** Counter of requests to back, as its own proxy counts them. */
function received(address: string, count: number): string {
  const key = `destination http 200  - ${address}   inbound|8080|| `;
  return `envoy_istio_requests_total{key="${key}"} ${count}\n`;
}

function observation(atMs: number, texts: readonly (readonly [ObservedPod, string])[], rest = {}): Observation {
  return {
    atMs,
    rootNamespace: 'istio-system',
    pods,
    services,
    traffic: texts.map(([of, text]) => ({
      pod: `default/${of.name}`,
      series: trafficSeries({ pod: of, text }, directory),
      retries: retrySeries({ text }),
      sent: sentSeries({ text }),
    })),
    refusals: [],
    objectsVersion: 1,
    changes: [],
    ...rest,
  };
}

/** Counter of retries of a proxy, as Envoy prints it. */
function retried(count: number, subset = ''): string {
  const name = `outbound|8080|${subset}|back.default.svc.cluster.local;`;
  return `envoy_cluster_upstream_rq_retry{cluster_name="${name}"} ${count}\n`;
}

function edgeOf(model: MeshModel, id: string): MeshEdge | undefined {
  return model.state(() => undefined, undefined).edges.find((edge) => edge.id === id);
}

suite('traffic of a mesh', () => {
  test('the first observation begins the window, and counts only totals', () => {
    const model = new MeshModel('mesh');
    model.add(observation(1000, [[front, sent('v1', '200', '-', 7)]]));
    const edge = edgeOf(model, 'front.default back.default');
    assert.equal(edge?.total, 7);
    assert.equal(edge?.traffic.requests, 0);
    assert.equal(model.state(() => undefined, undefined).windowMs, 0);
  });

  test('retries are those since the observation before, also of a request that has not ended, and leave the window', () => {
    const model = new MeshModel('mesh');
    const ownCluster = 'envoy_cluster_upstream_rq_retry{cluster_name="xds-grpc"} 9\n';
    const retriesOf = (): number | undefined => edgeOf(model, 'front.default back.default')?.traffic.retries;
    model.add(observation(1000, [[front, sent('v1', '200', '-', 7) + retried(3) + ownCluster]]));
    assert.equal(retriesOf(), undefined);
    model.add(observation(2000, [[front, sent('v1', '200', '-', 7) + retried(4) + ownCluster]]));
    assert.equal(retriesOf(), 1);
    model.add(observation(3000, [[front, sent('v1', '200', '-', 8) + retried(4) + retried(2, 'v2')]]));
    assert.equal(retriesOf(), 3);
    // The proxy began again.
    model.add(observation(4000, [[front, sent('v1', '200', '-', 1) + retried(1)]]));
    assert.equal(retriesOf(), 4);
    for (const atMs of [30_000, 60_000, 90_000])
      model.add(observation(atMs, [[front, sent('v1', '200', '-', 1) + retried(1)]]));
    assert.equal(edgeOf(model, 'front.default back.default')?.traffic.requests, 0);
    assert.equal(retriesOf(), undefined);
  });

  test('copies for a mirror are the requests to its destination that are neither calls nor retries', () => {
    const mirror = { mirror: { host: 'back', subset: 'v2' } };
    const object = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'back', namespace: 'default' },
      spec: { hosts: ['back'], http: [mirror] },
    };
    const toCluster = (cluster: string, total: number, active: number): string =>
      `envoy_cluster_upstream_rq_total{cluster_name="${cluster};"} ${total}\nenvoy_cluster_upstream_rq_active{cluster_name="${cluster};"} ${active}\n`;
    const cluster = 'outbound|8080|v2|back.default.svc.cluster.local';
    const traceCluster = 'outbound|4317||jaeger.default.svc.cluster.local';
    const textOf = (calls: number, total: number, active = 0): string =>
      sent('v2', '200', '-', calls).replace('|8080||', '|8080|v2|') +
      retried(1, 'v2') +
      toCluster(cluster, total, active) +
      toCluster(traceCluster, total, 0);
    const model = new MeshModel('mesh');
    const copiesAfter = (atMs: number, text: string): (number | undefined)[] => {
      model.add(observation(atMs, [[front, text]], { objects: [{ object, changedMs: 1 }] }));
      const { edges } = model.state(() => undefined, undefined);
      assert.deepEqual(
        edges.map(({ id }) => id),
        ['front.default back.default'],
      );
      return [edges[0]?.traffic.requests, edges[0]?.traffic.copies];
    };
    assert.deepEqual(copiesAfter(1000, textOf(5, 9)), [0, undefined]);
    assert.deepEqual(copiesAfter(2000, textOf(7, 18, 1)), [2, 6]);
    // A request that has ended in one counter is not a copy that is taken back, and not a new one later.
    assert.deepEqual(copiesAfter(3000, textOf(8, 18, 1)), [3, 6]);
    assert.deepEqual(copiesAfter(4000, textOf(8, 19, 1)), [3, 6]);
    const plainModel = new MeshModel('mesh');
    for (const [atMs, total] of [
      [1000, 9],
      [2000, 99],
    ] as const)
      plainModel.add(observation(atMs, [[front, textOf(5, total)]]));
    assert.equal(edgeOf(plainModel, 'front.default back.default')?.traffic.copies, undefined);
  });

  test('rates, statuses, versions and mutual TLS are those since the observation before', () => {
    const model = new MeshModel('mesh');
    model.add(observation(1000, [[front, sent('v1', '200', '-', 7)]]));
    const later = sent('v1', '200', '-', 10) + sent('v2', '503', '-', 1) + sent('v2', '403', '-', 2, false);
    model.add(observation(3000, [[front, later]]));
    const { traffic, versions, protocols } = edgeOf(model, 'front.default back.default') as MeshEdge;
    assert.deepEqual(protocols, ['http']);
    const { requests, perSecond, errors, rejected, mtls, plainText, byStatus } = traffic;
    assert.deepEqual(
      { requests, perSecond, errors, rejected, mtls, plainText, byStatus },
      {
        requests: 6,
        perSecond: 3,
        errors: 1,
        rejected: 2,
        mtls: 4,
        plainText: 2,
        byStatus: { 200: 3, 403: 2, 503: 1 },
      },
    );
    assert.deepEqual(versions.map(({ from, to, traffic: one }) => [from, to, one.requests]).toSorted(), [
      ['v1', 'v1', 3],
      ['v1', 'v2', 3],
    ]);
  });

  test('answers of the callee that pass on a failure are told from those of a proxy', () => {
    const model = new MeshModel('mesh');
    model.add(observation(1000, [[front, '']]));
    const text =
      sent('v1', '502', '-', 3) + sent('v1', '504', 'UT', 4) + sent('v1', '504', 'URX', 5) + sent('v1', '503', '-', 6);
    model.add(observation(2000, [[front, text]]));
    const { errors, passedOn } = edgeOf(model, 'front.default back.default')?.traffic ?? {};
    assert.deepEqual([errors, passedOn], [18, 8]);
  });

  test('requests leave the window after a minute, and counters that begin again count from zero', () => {
    const model = new MeshModel('mesh');
    model.add(observation(1000, [[front, sent('v1', '200', '-', 5)]]));
    model.add(observation(2000, [[front, sent('v1', '200', '-', 3)]]));
    assert.equal(edgeOf(model, 'front.default back.default')?.traffic.requests, 3);
    for (let atMs = 3000; atMs <= 63_000; atMs += 1000)
      model.add(observation(atMs, [[front, sent('v1', '200', '-', 3)]]));
    const edge = edgeOf(model, 'front.default back.default');
    assert.equal(edge?.traffic.requests, 0);
    assert.equal(edge?.total, 8);
    assert.equal(model.state(() => undefined, undefined).windowMs, 60_000);
  });

  test('a caller without a sidecar is known by its address, and requests count once', () => {
    const model = new MeshModel('mesh');
    model.add(observation(1000, [[back1, '']]));
    const text = received(plain.address, 4) + received(front.address, 9) + received('192.0.2.1', 2);
    model.add(observation(2000, [[back1, text]]));
    assert.equal(edgeOf(model, 'plain.default back.default')?.traffic.requests, 4);
    assert.equal(edgeOf(model, 'outside back.default')?.traffic.requests, 2);
    assert.equal(edgeOf(model, 'front.default back.default'), undefined);
  });

  test('nothing is said about TLS between clients and a gateway, which no proxy counts', () => {
    const gateway: ObservedPod = { ...pod('edge', '', '10.0.0.9'), role: 'gateway' };
    const rest = { pods: [...pods, gateway] };
    const model = new MeshModel('mesh');
    model.add(observation(1000, [[gateway, '']], rest));
    model.add(observation(2000, [[gateway, sent('v1', '200', '-', 4)]], rest));
    const [inside, outside] = ['edge-.default back.default', 'outside edge-.default'].map((id) => edgeOf(model, id));
    assert.deepEqual([inside?.traffic.requests, inside?.traffic.mtls], [4, 4]);
    assert.deepEqual([outside?.traffic.requests, outside?.traffic.mtls, outside?.traffic.plainText], [4, 0, undefined]);
  });

  test('requests that pods of the mesh send to an egress gateway do not come from outside too', () => {
    const gateway: ObservedPod = { ...pod('edge', '', '10.0.0.9'), role: 'gateway' };
    const rest = { pods: [...pods, gateway] };
    const toGateway = (count: number): string => sent('v1', '200', '-', count).replace('back-v1;', 'edge-;');
    const model = new MeshModel('mesh');
    const idsAfter = (atMs: number, passedOn: number): string[] => {
      const texts = [[front, toGateway(4)] as const, [gateway, sent('v1', '200', '-', passedOn)] as const];
      model.add(observation(atMs, texts, rest));
      return model.state(() => undefined, undefined).edges.map(({ id }) => id);
    };
    const ofMesh = ['front.default edge-.default', 'edge-.default back.default'];
    assert.deepEqual(idsAfter(1000, 4), ofMesh);
    assert.deepEqual(idsAfter(2000, 9).toSorted(), [...ofMesh, 'outside edge-.default'].toSorted());
  });

  test('traffic around a change is that of a minute before and since', () => {
    const model = new MeshModel('mesh');
    model.add(observation(1000, [[front, sent('v1', '200', '-', 1)]]));
    model.add(observation(2000, [[front, sent('v1', '200', '-', 4)]]));
    const change = { number: 1, atMs: 2500, by: 'apply', objects: [], more: 1 };
    const changes = { changes: [change] };
    model.add(observation(3000, [[front, sent('v1', '200', '-', 4) + sent('v2', '403', '-', 2)]], changes));
    const around = edgeOf(model, 'front.default back.default')?.around;
    assert.deepEqual({ ...around?.before.byStatus }, { 200: 3 });
    assert.deepEqual({ ...around?.after.byStatus }, { 403: 2 });
    assert.deepEqual([around?.versionsBefore, around?.versionsAfter], [{ v1: 3 }, { v2: 2 }]);
  });

  test('traffic before an earlier change is not that before the newest one', () => {
    const model = new MeshModel('mesh');
    const change = { number: 1, atMs: 2500, by: 'apply', objects: [], more: 1 };
    model.add(observation(1000, [[front, sent('v1', '200', '-', 1)]]));
    model.add(observation(2000, [[front, sent('v1', '200', '-', 4)]], { changes: [change] }));
    const denied = sent('v1', '200', '-', 4) + sent('v1', '403', '-', 5);
    for (let atMs = 3000; atMs <= 9000; atMs += 1000) model.add(observation(atMs, [[front, denied]]));
    model.add(observation(10_000, [[front, denied]], { changes: [{ ...change, number: 2, atMs: 9500 }] }));
    const around = edgeOf(model, 'front.default back.default')?.around;
    assert.equal(around?.change, 2);
    assert.deepEqual({ ...around?.before.byStatus }, { 403: 5 });
  });

  test('a time without a page has requests neither before nor after a change in it', () => {
    const model = new MeshModel('mesh');
    const changes = [{ number: 1, atMs: 20_000, by: 'apply', objects: [], more: 1 }];
    model.add(observation(1000, [[front, sent('v1', '200', '-', 1)]]));
    model.add(observation(2000, [[front, sent('v1', '200', '-', 3)]]));
    model.add(observation(30_000, [[front, sent('v1', '200', '-', 9) + sent('v1', '403', '-', 9)]], { changes }));
    model.add(observation(31_000, [[front, sent('v1', '200', '-', 9) + sent('v1', '403', '-', 10)]]));
    const edge = edgeOf(model, 'front.default back.default');
    assert.deepEqual({ ...edge?.around?.before.byStatus }, { 200: 2 });
    assert.deepEqual({ ...edge?.around?.after.byStatus }, { 403: 1 });
    assert.equal(edge?.traffic.requests, 18);
  });

  test('an edge to a service whose pods are deleted keeps its ends for a minute, and is gone then', () => {
    const model = new MeshModel('mesh');
    const text = sent('v1', '200', '-', 4);
    const rest = { pods: [front] };
    model.add(observation(1000, [[front, sent('v1', '200', '-', 1)]]));
    model.add(observation(2000, [[front, text]]));
    model.add(observation(3000, [[front, text]], { ...rest, services: [] }));
    const { nodes, edges } = model.state(() => undefined, undefined);
    assert.deepEqual(
      nodes.map(({ id, kind }) => `${kind} ${id}`),
      ['service front.default', 'missing back.default'],
    );
    assert.equal(edges[0]?.traffic.requests, 3);
    for (let atMs = 4000; atMs <= 64_000; atMs += 10_000) model.add(observation(atMs, [[front, text]], rest));
    assert.deepEqual(model.state(() => undefined, undefined).edges, []);
  });

  test('what a proxy counted before the window began is not in it, if the proxy answers later', () => {
    const model = new MeshModel('mesh');
    model.add(observation(1000, []));
    model.add(observation(2000, [[front, sent('v1', '200', '-', 500)]]));
    assert.equal(edgeOf(model, 'front.default back.default')?.traffic.requests, 0);
    assert.equal(edgeOf(model, 'front.default back.default')?.total, 500);
    model.add(observation(3000, [[front, sent('v1', '200', '-', 503)]]));
    assert.equal(edgeOf(model, 'front.default back.default')?.traffic.requests, 3);
  });

  test('the running sums of the last minute are those of its steps', () => {
    const window = new TrafficWindow();
    const nodes = new NodeDirectory({ pods, services }, new Map());
    const random = new Random(1);
    let [ok, failed, atMs] = [0, 0, 0];
    for (let step = 0; step < 300; step++) {
      ok += random.below(4);
      failed += random.below(2);
      atMs += 300 + random.below(2000);
      const text = sent('v1', '200', '-', ok) + sent('v2', '503', '-', failed);
      window.add(observation(atMs, [[front, text]]), nodes);
      const trafficOf = (edges: ReadonlyMap<string, EdgeTally>): unknown =>
        [...edges.values()].filter(({ all }) => all.count > 0).map(({ all }) => all.traffic(60_000));
      assert.deepEqual(trafficOf(window.current), trafficOf(window.sum(atMs - 60_000, atMs)));
    }
  });

  test('a request that no route takes leads to the service that the caller named in short', () => {
    const model = new MeshModel('mesh');
    const key = 'source http 404  NR    default back:8080';
    const refusals = parseRefusals(line('GET /x HTTP/1.1', 404, 'NR', 'route_not_found', '-')).map((refused) => ({
      pod: 'default/front-v1',
      refused,
    }));
    model.add(observation(1000, []));
    const atMs = Date.parse('2026-11-29T22:53:18Z');
    model.add(observation(atMs, [[front, `envoy_istio_requests_total{key="${key}"} 3\n`]], { refusals }));
    const { edges } = model.state(() => undefined, undefined);
    assert.deepEqual(
      edges.map(({ id, total, refusals: all }) => [id, total, all[0]?.reason]),
      [['front.default back.default', 3, 'no_route']],
    );
  });

  test('clients that name many hosts make few nodes', () => {
    const model = new MeshModel('mesh');
    const key = (host: string): string => `source http 502  NR    block_all ${host}`;
    const text = Array.from(
      { length: 500 },
      (_, index) => `envoy_istio_requests_total{key="${key(`h${index}.example`)}"} 1\n`,
    ).join('');
    model.add(observation(1000, [[front, '']]));
    model.add(observation(2000, [[front, text]]));
    const { nodes, edges } = model.state(() => undefined, undefined);
    assert.ok(nodes.length < 60, String(nodes.length));
    assert.equal(
      edges.reduce((sum, { traffic }) => sum + traffic.requests, 0),
      500,
    );
  });
});

/** Returns a line of a proxy's log in Istio's own format, as in a real mesh. */
function line(request: string, status: number, flags: string, details: string, cluster: string, more = ''): string {
  return `[2026-11-29T22:53:17.001Z] "${request}" ${status} ${flags} ${details} - "-" 0 19 0 - "-" "curl/7${more}" "a-b-c" "back:8080" "-" ${cluster} - 10.0.0.2:8080 10.0.0.1:34170 outbound_.8080_._.back.default.svc.cluster.local default\n`;
}

const denied = 'rbac_access_denied_matched_policy';
const inbound = 'inbound|8080||';

suite('refusals of proxies', () => {
  test('a policy that denies is named with its rule, and one that does not allow is not', () => {
    const model = new MeshModel('mesh');
    const log =
      line('GET /a HTTP/1.1', 403, '-', `${denied}[none]`, inbound) +
      line('GET /b HTTP/1.1', 403, '-', `${denied}[ns[default]-policy[no-b]-rule[1]]`, inbound) +
      line('GET /c HTTP/1.1', 200, '-', 'via_upstream', inbound) +
      line('GET /d HTTP/1.1', 503, 'URX', 'via_upstream', 'outbound|8080||back.default.svc.cluster.local');
    const refusals = parseRefusals(log).map((refused) => ({ pod: 'default/back-v1', refused }));
    assert.equal(refusals.length, 2);
    model.add(observation(Date.parse('2026-11-29T22:53:18Z'), [], { refusals }));
    const found = edgeOf(model, 'front.default back.default')?.refusals;
    assert.deepEqual(
      found?.map(({ reason, by, object, example }) => [reason, by, object?.title, object?.rule, example?.request]),
      [
        ['rbac_denied', 'callee', undefined, undefined, 'GET /a'],
        ['rbac_denied', 'callee', 'AuthorizationPolicy default/no-b', 1, 'GET /b'],
      ],
    );
  });

  test('refusals cover the same time as the counts, also if an observation took long', () => {
    const model = new MeshModel('mesh');
    const [refused] = parseRefusals(line('GET /a HTTP/1.1', 403, '-', `${denied}[none]`, inbound));
    assert.ok(refused !== undefined);
    const { atMs } = refused;
    const refusals = [{ pod: 'default/back-v1', refused }];
    model.add(observation(atMs - 1000, [[front, sent('v1', '403', '-', 0)]]));
    model.add(observation(atMs + 8000, [[front, sent('v1', '403', '-', 1)]], { refusals }));
    for (const [seconds, count] of [
      [65, 1],
      [69, 0],
    ] as const) {
      model.add(observation(atMs + 1000 * seconds, [[front, sent('v1', '403', '-', 1)]]));
      const edge = edgeOf(model, 'front.default back.default');
      assert.deepEqual([edge?.traffic.rejected, edge?.refusals.length], [count, count], `${seconds} s`);
    }
  });

  test('a request that a gateway passed on is refused between the gateway and the callee', () => {
    // Logged by a real mesh: the callee sees the address of the client before the gateway, with the port 0.
    const times = '[2026-11-29T23:39:43.913Z] "GET /denied HTTP/1.1" 403';
    const texts = '"10.77.0.1" "curl/7.88.1" "8a0b" "localhost:44641"';
    const received = `${times} - ${denied}[none] - "-" 0 19 0 - ${texts} "-" ${inbound} - 10.0.0.2:8080 10.77.0.1:0 outbound_.8080_._.back.default.svc.cluster.local default\n`;
    const sent = `${times} - via_upstream - "-" 0 19 1 0 ${texts} "10.0.0.2:8080" outbound|8080||back.default.svc.cluster.local 10.0.0.9:60170 10.0.0.9:8080 10.77.0.1:40168 - -\n`;
    const gateway: ObservedPod = { ...pod('edge', '', '10.0.0.9'), role: 'gateway' };
    const refusal = { pod: 'default/back-v1', refused: parseRefusals(received)[0] as RefusedRequest };
    const log = { pod: 'default/edge-', content: sent };
    const edgesOf = (refusals: readonly PodRefusal[]): string[] => {
      const model = new MeshModel('mesh');
      const rest = { refusals, pods: [...pods, gateway] };
      model.add(observation(Date.parse('2026-11-29T23:39:44Z'), [], rest));
      return model.state(() => undefined, undefined).edges.map(({ id }) => id);
    };
    const atOnce = new RefusalSenders();
    assert.deepEqual(edgesOf(atOnce.complete([refusal], [log])), ['edge-.default back.default']);
    // Each proxy writes its log when it wants.
    const later = new RefusalSenders();
    assert.deepEqual(later.complete([refusal], []), []);
    assert.deepEqual(edgesOf(later.complete([], [log])), ['edge-.default back.default']);
    const before = new RefusalSenders();
    before.complete([], [log]);
    assert.deepEqual(edgesOf(before.complete([refusal], [])), ['edge-.default back.default']);
    const never = new RefusalSenders();
    never.complete([refusal], []);
    assert.deepEqual(edgesOf(never.complete([], [])), ['outside back.default']);
  });

  test('a gateway that refuses its clients by a policy is the callee, and sends nothing on', () => {
    const gateway: ObservedPod = { ...pod('edge', '', '10.0.0.9'), role: 'gateway' };
    const rest = { pods: [...pods, gateway] };
    const cluster = 'outbound|8080||back.default.svc.cluster.local';
    const log = line('GET /a HTTP/1.1', 403, '-', `${denied}[none]`, cluster).replace(
      '10.0.0.1:34170',
      '192.0.2.1:34170',
    );
    const refusals = parseRefusals(log).map((refused) => ({ pod: 'default/edge-', refused }));
    const refusedKey = `source http 403  -    ${cluster} [{\\"host\\":\\"back.default.svc.cluster.local\\"}]`;
    const model = new MeshModel('mesh');
    model.add(observation(Date.parse('2026-11-29T22:53:17Z'), [[gateway, '']], rest));
    const text = `envoy_istio_requests_total{key="${refusedKey}"} 1\n`;
    model.add(observation(Date.parse('2026-11-29T22:53:18Z'), [[gateway, text]], { ...rest, refusals }));
    const { edges } = model.state(() => undefined, undefined);
    assert.deepEqual(
      edges.map(({ id, traffic, refusals: all }) => [id, traffic.requests, all[0]?.by]),
      [['outside edge-.default', 1, 'callee']],
    );
  });

  test('a proxy that cannot connect to its own service is not that of the caller', () => {
    const model = new MeshModel('mesh');
    const log = line('GET /a HTTP/1.1', 503, 'UF', 'upstream_reset_before_response_started{connection}', inbound);
    const refusals = parseRefusals(log).map((refused) => ({ pod: 'default/back-v1', refused }));
    model.add(observation(Date.parse('2026-11-29T22:53:18Z'), [], { refusals }));
    const found = edgeOf(model, 'front.default back.default')?.refusals;
    assert.deepEqual(
      found?.map(({ explanation, errors }) => [explanation, errors]),
      [["The callee's proxy could not connect to its service.", 1]],
    );
  });

  test('plain text to strict mutual TLS, a fault and a destination without pods have words', () => {
    const model = new MeshModel('mesh');
    const outbound = 'outbound|8080||empty.default.svc.cluster.local';
    const strict = line('- - -', 0, 'NR', 'filter_chain_not_found', '-');
    const own = line('GET /x HTTP/1.1', 503, 'UH', 'no_healthy_upstream', outbound);
    const fault = line('GET /x HTTP/1.1', 555, 'FI', 'fault_filter_abort', outbound);
    const refusals = [
      ...parseRefusals(strict).map((refused) => ({ pod: 'default/back-v1', refused })),
      ...parseRefusals(own + fault).map((refused) => ({ pod: 'default/front-v1', refused })),
    ];
    model.add(observation(Date.parse('2026-11-29T22:53:18Z'), [], { refusals }));
    const reasons = (id: string): unknown => edgeOf(model, id)?.refusals.map(({ reason, by }) => `${by} ${reason}`);
    assert.deepEqual(reasons('front.default back.default'), ['callee plain_text']);
    assert.deepEqual(reasons('front.default empty.default'), ['caller no_healthy_upstream', 'caller fault']);
    const node = model.state(() => undefined, undefined).nodes.find(({ id }) => id === 'empty.default');
    assert.equal(node?.kind, 'missing');
  });

  test('a client cannot make the parser slow, and its texts stay in their fields', () => {
    const startedAt = performance.now();
    const quotes = '" "'.repeat(1200);
    const long = line(`GET /${quotes} HTTP/1.1`, 403, '-', `${denied}[none]`, inbound, quotes);
    assert.deepEqual(parseRefusals(long.repeat(50)), []);
    const almost = line(`GET /${'" '.repeat(900)} HTTP/1.1`, 403, '-', `${denied}[none]`, inbound, '" '.repeat(900));
    parseRefusals(almost.replace('outbound_', '').repeat(50));
    assert.ok(performance.now() - startedAt < 5000);
    const [forged] = parseRefusals(
      line('GET / HTTP/1.1', 403, '-', `${denied}[none]`, inbound, '" "forged-id" "evil" "-" outbound|1||evil'),
    );
    assert.equal(forged?.by, 'callee');
    assert.equal(forged?.status, 403);
    const agent = `" 403 - ${denied}[ns[default]-policy[forged]-rule[0]] - "-" 0 0 0 - "-" "x`;
    assert.deepEqual(parseRefusals(line('GET / HTTP/1.1', 200, '-', 'via_upstream', inbound, agent)), []);
  });
});
