/** Tests of the data of the page of a real mesh: edges, refusals by policy, rules on an edge, changes, traces. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { askMesh } from '../../src/istio/host/control-client.ts';
import {
  type EdgeDetails,
  type MeshEdge,
  type MeshState,
  meshPaths,
  type TraceList,
  type TraceView,
} from '../../src/page/model/mesh-page-data.ts';
import { openTab, startBrowser } from '../page/browser.ts';
import { type Program, startProgram } from '../program.ts';
import { installTestTools } from '../tools/installed.ts';

const name = `mesh-page-${process.pid}`;
const anyPorts = ['http', 'jaeger', 'metrics', 'page'].flatMap((flag) => [`--${flag}`, 'localhost:0']);
const lab = 'istio/labs/authorization';
const allowId = 'AuthorizationPolicy default/service4-allow';
const canary = {
  name: 'canary.yaml',
  text: `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: service2 }
spec:
  host: service2
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: service2 }
spec:
  hosts: [service2]
  http:
    - match: [{ headers: { end-user: { exact: jason } } }, { uri: { prefix: /v2 } }]
      route: [{ destination: { host: service2, subset: v2 } }]
    - route:
        - { destination: { host: service2, subset: v1 }, weight: 90 }
        - { destination: { host: service2, subset: v2 }, weight: 10 }
`,
};
const retries = {
  name: 'retries.yaml',
  text: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: service3 }
spec:
  hosts: [service3]
  http:
    - route: [{ destination: { host: service3 } }]
      retries: { attempts: 2, retryOn: 5xx }
`,
};
const mirror = {
  name: 'mirror.yaml',
  text: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: service3 }
spec:
  hosts: [service3]
  http:
    - route: [{ destination: { host: service3 } }]
      mirror: { host: service4 }
`,
};
const longestWaitMs = 90_000;

/** Reader of the events of a page. */
class Events {
  private readonly controller = new AbortController();
  private text = '';
  readonly ended: Promise<void>;

  constructor(url: string) {
    this.ended = this.read(url);
    this.ended.catch(() => {});
  }

  /** Newest state. */
  get state(): MeshState | undefined {
    const data = [...this.text.matchAll(/^event: state\ndata: (.*)\n\n/gm)].at(-1)?.[1];
    return data === undefined ? undefined : (JSON.parse(data) as MeshState);
  }

  get hasEnd(): boolean {
    return /^event: end\n/m.test(this.text);
  }

  close(): void {
    this.controller.abort();
  }

  private async read(url: string): Promise<void> {
    const response = await fetch(url, { signal: this.controller.signal });
    assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) this.text += decoder.decode(chunk, { stream: true });
  }
}

async function waitUntil(holds: () => boolean): Promise<void> {
  const until = performance.now() + longestWaitMs;
  while (!holds() && performance.now() < until) await sleep(100);
  assert.ok(holds());
}

suite('the page of a local mesh', { timeout: 900_000 }, () => {
  let program: Program;
  let page: string;
  let gateway: string;
  let events: Events;
  before(async () => {
    program = startProgram(['istio', 'up', '--mesh', name, '-f', 'istio/labs/mesh.yaml', ...anyPorts]);
    const printed = await program.printed(
      /gateway +http (localhost:\d+)[\s\S]*in a browser: (http:\/\/localhost:\d+)\/[\s\S]*Ctrl-C/,
    );
    gateway = printed[1] ?? '';
    page = printed[2] ?? '';
    events = new Events(page + meshPaths.events);
    // Requests before the first state are not in the window.
    await waitUntil(() => events.state !== undefined);
  });
  after(async () => {
    events?.close();
    await program[Symbol.asyncDispose]();
  });

  const get = async <T>(path: string): Promise<T> => (await (await fetch(page + path)).json()) as T;
  const edge = (from: string, to: string): Promise<EdgeDetails> =>
    get(`${meshPaths.edge}?from=${from}.default&to=${to}.default`);
  /** Applies manifests, and waits until the page shows the change: requests of the same second may count as before it. */
  const apply = async (...sources: readonly { readonly name: string; readonly text: string }[]): Promise<void> => {
    const before = events.state?.changes[0]?.number;
    await askMesh(name, { kind: 'apply', sources }, AbortSignal.timeout(240_000));
    const until = performance.now() + longestWaitMs;
    while (events.state?.changes[0]?.number === before && performance.now() < until) await sleep(100);
  };
  const call = async (path: string): Promise<void> => {
    await (await fetch(`http://${gateway}${path}`)).text();
  };

  /** Waits until an edge of the newest state is as wanted. */
  async function edgeWith(from: string, to: string, isWanted: (found: MeshEdge) => boolean): Promise<MeshEdge> {
    const until = performance.now() + longestWaitMs;
    for (;;) {
      const found = events.state?.edges.find(({ id }) => id === `${from}.default ${to}.default`);
      if (found !== undefined && isWanted(found)) return found;
      if (performance.now() > until) assert.fail(`${from} to ${to}: ${JSON.stringify(found ?? events.state)}`);
      await sleep(100);
    }
  }

  test('shows the services with their pods, and the requests of an edge with mutual TLS', async () => {
    for (let count = 0; count < 30; count++) await call('/@service1|service2/@service4/hello');
    const found = await edgeWith('service1', 'service4', ({ traffic }) => traffic.requests === 30 && !!traffic.meanMs);
    assert.deepEqual({ ...found.traffic.byStatus }, { 200: 30 });
    assert.equal(found.traffic.mtls, 30);
    assert.equal(found.total, 30);
    assert.ok(found.traffic.perSecond > 0);
    const state = events.state as MeshState;
    const node = state.nodes.find(({ id }) => id === 'service2.default');
    assert.deepEqual(
      node?.versions.map(({ version, pods }) => [version, pods.length, pods[0]?.hasSidecar]),
      [
        ['v1', 1, true],
        ['v2', 1, true],
      ],
    );
    assert.match(node?.url ?? '', /^http:\/\/localhost:\d+\/$/);
    const split = state.edges.find(({ id }) => id === 'gateway.default service2.default')?.versions;
    const counts = split?.map(({ traffic }) => traffic.requests) ?? [];
    assert.equal(
      counts.reduce((sum, one) => sum + one, 0),
      30,
    );
    assert.deepEqual(split?.map(({ from, to }) => `${from} ${to}`).toSorted(), ['v1 v1', 'v1 v2']);
    const { notes, objects } = await edge('service1', 'service4');
    assert.deepEqual(objects, []);
    assert.ok(notes.some((note) => note.includes('every caller is allowed')));
  });

  test('shows a policy, the requests that it refuses, and the rules on the edge', async () => {
    const sources = ['allow.yaml', 'deny.yaml'].map((file) => `${lab}/${file}`);
    await apply(...sources.map((file) => ({ name: file, text: readFileSync(file, 'utf8') })));
    for (let count = 0; count < 5; count++) await call('/@service1|service2/@service4/hello');
    await call('/@service1/@service4/admin/users');
    const refused = await edgeWith('service2', 'service4', (one) => {
      // Refusals are read from logs, and requests from counters, which may be one look behind.
      return one.refusals[0]?.count === 5 && one.traffic.rejected === 5 && one.around?.after.byStatus['403'] === 5;
    });
    const [none] = refused.refusals;
    assert.equal(none?.reason, 'rbac_denied');
    assert.equal(none?.by, 'callee');
    assert.match(
      none?.explanation ?? '',
      /^No rule of AuthorizationPolicy default\/service4-allow allows this request\.$/,
    );
    assert.deepEqual(none?.object, { id: allowId, title: allowId });
    assert.equal(none?.example?.request, 'GET /hello');
    assert.equal(refused.traffic.rejected, 5);
    assert.equal(refused.around?.after.byStatus['403'], 5);
    assert.equal(refused.around?.before.byStatus['403'], undefined);
    const denied = await edgeWith('service1', 'service4', ({ refusals }) => refusals.length > 0);
    assert.deepEqual(denied.refusals[0]?.object, {
      id: 'AuthorizationPolicy default/service4-deny',
      title: 'AuthorizationPolicy default/service4-deny',
      rule: 0,
    });
    const { objects } = await edge('service2', 'service4');
    const allow = objects.find(({ name: one }) => one === 'service4-allow');
    assert.equal(allow?.side, 'callee');
    assert.match(allow?.about ?? '', /Allows only requests that fit one of its 2 rules, to pods with app=service4/);
    assert.equal(
      allow?.parts[1]?.text,
      'Allows requests from identity cluster.local/ns/default/sa/gateway with method GET and path /public/*.',
    );
    assert.equal(allow?.parts[1]?.where, `${lab}/allow.yaml:16`);
    assert.match(allow?.yaml ?? '', /action: ALLOW/);
    const [change] = events.state?.changes ?? [];
    assert.equal(change?.by, 'apply');
    assert.deepEqual(change?.objects.map(({ id, change: kind }) => `${id} ${kind}`).toSorted(), [
      'AuthorizationPolicy default/service4-allow created',
      'AuthorizationPolicy default/service4-deny created',
    ]);
    assert.ok(change?.objects[0]?.diff.includes('+ kind: AuthorizationPolicy'));
  });

  test('shows the rule of a VirtualService on an edge, and the versions before and after a change', async () => {
    await apply(canary);
    for (let count = 0; count < 4; count++) await call('/@service2/v2');
    const { objects } = await edge('gateway', 'service2');
    assert.deepEqual(
      objects.map(({ id, side }) => `${side} ${id}`),
      ['caller VirtualService default/service2', 'caller DestinationRule default/service2'],
    );
    assert.deepEqual(
      objects[0]?.parts.map(({ path, text }) => `${path} ${text}`),
      [
        'spec.http[0] If end-user is "jason", or if uri begins with "/v2": to service2 v2.',
        'spec.http[1] All requests: to service2 v1 (90 %) and service2 v2 (10 %).',
      ],
    );
    assert.equal(objects[0]?.parts[1]?.where, 'canary.yaml:18');
    // A sample covers a second: requests just before the change may count as after it.
    const { around } = await edgeWith('gateway', 'service2', (one) => (one.around?.versionsAfter?.v2 ?? 0) >= 4);
    assert.ok((around?.versionsBefore?.v1 ?? 0) > 0);
    await askMesh(name, { kind: 'delete', sources: [canary] }, AbortSignal.timeout(240_000));
    await waitUntil(() => events.state?.changes[0]?.by === 'delete');
    assert.deepEqual(
      events.state?.changes[0]?.objects.map(({ change }) => change),
      ['deleted', 'deleted'],
    );
  });

  test('shows the retries of a proxy on an edge, and names the attempts in a trace', async () => {
    await apply(retries);
    for (let count = 0; count < 3; count++) await call('/@service1/@service3/~status=503:attempt<3/retried');
    const { traffic } = await edgeWith('service1', 'service3', (one) => one.traffic.retries === 6);
    assert.equal(traffic.byStatus['200'], 3);
    const until = performance.now() + longestWaitMs;
    let attempts: readonly string[] = [];
    while (attempts.length < 3 && performance.now() < until) {
      await sleep(300);
      const { traces } = await get<TraceList>(meshPaths.traces);
      const found = traces.find(({ name: one }) => one.includes('/retried'));
      const view = found && (await get<TraceView>(`${meshPaths.trace}?id=${found.traceId}`));
      const numbered = view?.spans.filter(({ attempt }) => attempt !== undefined) ?? [];
      attempts = numbered.map(
        ({ origin, service, status, attempt, attempts: of }) => `${origin} ${service} ${status} ${attempt} of ${of}`,
      );
    }
    assert.deepEqual(attempts, [
      'sidecar service3.default 503 1 of 3',
      'sidecar service3.default 503 2 of 3',
      'sidecar service3.default 200 3 of 3',
    ]);
  });

  test('shows a trace with the spans of apps and sidecars', async () => {
    await call('/@service1/@service4/traced');
    const until = performance.now() + longestWaitMs;
    let view: TraceView | undefined;
    while (performance.now() < until) {
      const { traces } = await get<TraceList>(meshPaths.traces);
      const newest = traces[0];
      view = newest && (await get<TraceView>(`${meshPaths.trace}?id=${newest.traceId}`));
      // They arrive one after another.
      if (view?.spans.length === 9) break;
      await sleep(300);
    }
    assert.deepEqual(
      view?.spans.map(({ origin, service, kind, depth }) => `${depth} ${origin} ${service} ${kind}`),
      [
        '0 app gateway.default server',
        '1 app gateway.default client',
        '2 sidecar gateway.default client',
        '3 sidecar service1.default server',
        '4 app service1.default server',
        '5 app service1.default client',
        '6 sidecar service1.default client',
        '7 sidecar service4.default server',
        '8 app service4.default server',
      ],
    );
    assert.ok(view?.spans.every(({ startMs, durationMs }) => startMs >= 0 && durationMs >= 0));
    const sinceMs = Math.floor(view?.startMs ?? 0);
    const { traces } = await get<TraceList>(`${meshPaths.traces}?since=${sinceMs}`);
    assert.ok(traces.some(({ traceId }) => traceId === view?.traceId));
    assert.ok(traces.every(({ startMs }) => startMs >= sinceMs));
    assert.equal((await fetch(`${page}${meshPaths.traces}?since=x`)).status, 400);
  });

  test('a browser shows an edge, its rule, a refusal by a policy, and a trace with sidecars', async () => {
    const browser = await startBrowser();
    try {
      await using tab = await openTab(browser);
      await tab.page.goto(`${page}/`);
      for (let count = 0; count < 5; count++) await call('/@service1|service2/@service4/browser');
      const wordsOf = async (selector: string): Promise<string> =>
        ((await tab.page.locator(selector).first().textContent()) ?? '').replaceAll(/\s+/g, ' ');
      const refused = '[data-edge="service2.default service4.default"]';
      await tab.page.locator(`${refused}.refused`).waitFor();
      assert.match(await wordsOf(refused), /403 ×\d.*refused by a proxy: policy.*mTLS/);
      assert.match(await wordsOf('.problems'), /service2 → service4.*refused by a proxy \(policy\)/);
      await tab.page.locator(refused).focus();
      await tab.page.keyboard.press('Enter');
      await tab.page.locator('.acting').waitFor();
      const panel = await wordsOf('.selection');
      assert.match(
        panel,
        /refused by the proxy of service4 \(policy\)\. ?No rule of AuthorizationPolicy default\/service4-allow allows/,
      );
      assert.match(
        panel,
        /AuthorizationPolicy service4-allow in default ?istio\/labs\/authorization\/allow\.yaml:\d+ ?⊘ refuses calls now/,
      );
      assert.match(
        panel,
        /Allows requests from identity .*spec\.rules\[1\] ?istio\/labs\/authorization\/allow\.yaml:16/,
      );
      assert.match(panel, /apiVersion: security\.istio\.io\/v1/);
      await tab.page.getByRole('heading', { name: 'Recent traces' }).scrollIntoViewIfNeeded();
      await tab.page.locator('.trace-row', { hasText: '/@service1|service2/@service4/browser' }).first().click();
      await tab.page.locator('.trace .row').first().waitFor();
      const rows = await tab.page.locator('.trace .row .name strong').allInnerTexts();
      for (const row of ['gateway', 'proxy of gateway, sends', 'proxy of service1, receives', 'service1', 'service4'])
        assert.ok(rows.includes(row), `${row} is missing in ${rows.join('; ')}`);
      assert.match(await wordsOf('.trace .verdict'), /proxies did [\d.]+ ms \(\d+ %\)/);
      assert.deepEqual(tab.problems, []);
    } finally {
      await browser.close();
    }
  });

  test('lists changes of workloads alone in words, and not what Kubernetes does because of them', async () => {
    const { kubectl } = await installTestTools(['kubectl']);
    const folder = mkdtempSync(path.join(tmpdir(), 'mesh-page-'));
    const { text } = await askMesh(name, { kind: 'kubeconfig' }, AbortSignal.timeout(60_000));
    const kubeconfig = path.join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, text, { mode: 0o600 });
    const run = (...args: readonly string[]): string =>
      execFileSync(path.join(kubectl, 'bin/kubectl'), ['--kubeconfig', kubeconfig, ...args], { encoding: 'utf8' });
    const before = events.state?.changes[0]?.number ?? 0;
    /** Changes since the begin of this test, in their order. */
    const changes = (): string[] =>
      (events.state?.changes ?? [])
        .filter(({ number }) => number > before)
        .toReversed()
        .flatMap(({ objects }) =>
          objects.map(({ kind, name: of, change, words = [] }) =>
            [kind, kind === 'Pod' ? of.replace(/-\w+-\w+$/, '') : of, change, ...words].join(' '),
          ),
        );
    try {
      run('scale', 'deployment/service2-v1', '--replicas=2');
      run('wait', '--for=jsonpath={.status.readyReplicas}=2', '--timeout=240s', 'deployment/service2-v1');
      await waitUntil(() => changes().length === 1);
      assert.deepEqual(changes(), ['Deployment service2-v1 changed replicas 1 → 2']);
      run('delete', 'pod', '-l', 'app=service2,version=v2');
      await waitUntil(() => changes().length === 3);
      assert.deepEqual(changes().slice(1).toSorted(), ['Pod service2-v2 created', 'Pod service2-v2 deleted']);
      const deployment = run('get', 'deployment/service2-v2', '-o', 'yaml').replaceAll('v2', 'v3');
      await apply({ name: 'v3.yaml', text: deployment });
      await waitUntil(() => changes().length === 4);
      assert.equal(changes()[3], 'Deployment service2-v3 created');
      const [added] = events.state?.changes ?? [];
      assert.equal(added?.by, 'apply');
      assert.equal(added?.objects[0]?.where, 'v3.yaml:1');
      assert.match(added?.objects[0]?.about ?? '', /^Runs 1 pod with the labels app=service2, .*version=v3/);
      await waitUntil(
        () =>
          events.state?.nodes
            .find(({ id }) => id === 'service2.default')
            ?.versions.some(({ version }) => version === 'v3') ?? false,
      );
      const labels = { spec: { template: { metadata: { labels: { tier: 'gold' } } } } };
      run('patch', 'deployment/service2-v3', '-p', JSON.stringify(labels));
      run('rollout', 'status', 'deployment/service2-v3', '--timeout=240s');
      await waitUntil(() => changes().length === 5);
      assert.equal(changes()[4], 'Deployment service2-v3 changed label tier: gold added');
      run('delete', 'deployment/service2-v3');
      await waitUntil(() => changes().length === 6);
      // The pods of a deleted Deployment end later.
      await sleep(3000);
      assert.equal(changes()[5], 'Deployment service2-v3 deleted');
      assert.equal(changes().length, 6);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('counts the copies of a mirror apart from calls', async () => {
    const { total } = await edgeWith('service1', 'service4', () => true);
    await apply(mirror);
    for (let count = 0; count < 4; count++) await call('/@service1/@service3/x');
    const copied = await edgeWith('service1', 'service4', (one) => one.traffic.copies === 4);
    assert.equal(copied.total, total);
    assert.ok((await edgeWith('service1', 'service3', () => true)).traffic.copies === undefined);
    const [object] = events.state?.changes[0]?.objects ?? [];
    const text = 'All requests: to service3; send a copy of each to service4.';
    assert.deepEqual(object?.rules, [{ text, where: 'mirror.yaml:7' }]);
    await askMesh(name, { kind: 'delete', sources: [mirror] }, AbortSignal.timeout(240_000));
  });

  test('status of the mesh prints the URL of the page', async () => {
    await using status = startProgram(['istio', 'status', '--mesh', name]);
    const [, url] = await status.printed(/The mesh in a browser: (\S+)\/\n\n.*mock/);
    assert.equal(url, page);
  });

  test('has a page with the state, and refuses requests of other sites', async () => {
    const response = await fetch(`${page}/`);
    const html = await response.text();
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'nonce-/);
    assert.match(html, /service4/);
    const statusOf = async (headers: Record<string, string>, method = 'GET'): Promise<number> => {
      // Only a client of HTTP itself may set the header.
      const { request } = await import('node:http');
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      request(page + meshPaths.state, { method, headers }, (one) => resolve(one.resume().statusCode ?? 0))
        .on('error', reject)
        .end();
      return promise;
    };
    assert.equal(await statusOf({}), 200);
    assert.equal(await statusOf({ host: 'evil.example:80' }), 421);
    assert.equal(await statusOf({ origin: 'http://evil.example' }), 403);
    assert.equal(await statusOf({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }), 403);
    assert.equal(await statusOf({}, 'POST'), 405);
  });

  test('shows a change and a refusal of a time in which the tab was hidden', async () => {
    events.close();
    const text = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: hidden }
spec: { selector: { matchLabels: { app: service3 } }, action: DENY, rules: [{}] }
`;
    // No page shows the change yet.
    const sources = [{ name: 'hidden.yaml', text }];
    await askMesh(name, { kind: 'apply', sources }, AbortSignal.timeout(240_000));
    await call('/@service1/@service3/hidden');
    // The mesh is no longer observed after 10 s.
    await sleep(12_000);
    events = new Events(page + meshPaths.events);
    const { refusals } = await edgeWith('service1', 'service3', ({ traffic }) => traffic.rejected > 0);
    const hidden = 'AuthorizationPolicy default/hidden';
    assert.deepEqual(
      refusals.map(({ object }) => object?.id),
      [hidden],
    );
    assert.deepEqual(
      events.state?.changes[0]?.objects.map(({ id, change }) => `${id} ${change}`),
      [`${hidden} created`],
    );
  });

  test('ends with Ctrl-C, and says so to an open page', async () => {
    program.child.kill('SIGINT');
    assert.equal(await program.exited(), 0);
    await events.ended;
    assert.ok(events.hasEnd);
  });
});
