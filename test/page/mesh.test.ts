import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import type { MeshState } from '../../src/page/model/mesh-page-data.ts';
import { checkAccessibility } from './axe.ts';
import { openTab, startBrowser, type Tab } from './browser.ts';
import { demoState, demoTrace, demoTraces, edge, largeState, policyDetails, traffic } from './mesh-fixture.ts';
import { type MadeMesh, type MeshServer, startMeshServer } from './mesh-server.ts';

const refusedEdge = 'service1.default service3.default';

suite('the page of a local mesh in Chromium, with made data', () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  interface Opened extends AsyncDisposable {
    readonly page: Page;
    readonly server: MeshServer;
    readonly tab: Tab;
  }

  async function open(made: Partial<MadeMesh> = {}, options: Parameters<typeof openTab>[1] = {}): Promise<Opened> {
    const data = { state: demoState('before'), edge: policyDetails, traces: demoTraces, trace: demoTrace };
    const server = await startMeshServer({ ...data, ...made });
    const tab = await openTab(browser, options);
    await tab.page.goto(server.url);
    await tab.page.locator('.feed.live').waitFor();
    return {
      page: tab.page,
      server,
      tab,
      async [Symbol.asyncDispose]() {
        assert.deepEqual(tab.problems, []);
        await tab[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  }

  /** The list of traces is read when it is on the screen. */
  async function openTrace(page: Page): Promise<void> {
    await page.getByRole('heading', { name: 'Recent traces' }).scrollIntoViewIfNeeded();
    await page.locator('.trace-row').first().click();
  }
  const edgeOf = (page: Page, id: string): Locator => page.locator(`[data-edge="${id}"]`);
  const wordsOf = async (target: Locator): Promise<string> =>
    ((await target.textContent()) ?? '').replaceAll(/\s+/g, ' ').trim();
  /** Waits until a text of the page matches, as it does after an event. */
  async function waitForWords(target: Locator, pattern: RegExp): Promise<void> {
    for (let tries = 0; tries < 1200; tries++) {
      if (pattern.test(await wordsOf(target))) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.match(await wordsOf(target), pattern);
  }

  test('shows services, gateways, versions and edges with answers and mTLS, in words too', async () => {
    await using opened = await open();
    const { page } = opened;
    const nodes = await page
      .locator('[data-node]')
      .evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')));
    assert.deepEqual(nodes.sort(), [
      'gateway v1',
      'istio-ingressgateway gateway in istio-system',
      'outside not in the mesh',
      'service1 v1',
      'service2 v1 v2',
      'service3 v1',
      'service4 v1',
    ]);
    assert.equal(await wordsOf(edgeOf(page, refusedEdge)), '200 ×24 mTLS');
    assert.equal(await edgeOf(page, refusedEdge).getAttribute('aria-label'), 'service1 calls service3: 200 ×24 mTLS');
    assert.equal(await edgeOf(page, 'service2.default service4.default').getAttribute('class'), 'edge quiet');
    assert.equal(await page.locator('.lock.open').count(), 0);
    assert.match(
      await wordsOf(page.locator('.verdict').first()),
      /^144 calls between 6 pairs .* All were answered well\.$/,
    );
    assert.match(await wordsOf(page.locator('.words')), /outside calls istio-ingressgateway: 200 ×24/);
  });

  test('shows a policy that is applied: which calls changed, and why', async () => {
    await using opened = await open();
    const { page, server } = opened;
    server.send(demoState('after'));
    await waitForWords(edgeOf(page, refusedEdge), /^200 ×12, 403 ×12 12 refused by a proxy: policy mTLS$/);
    assert.equal(await edgeOf(page, refusedEdge).getAttribute('class'), 'edge refused');
    assert.equal(await edgeOf(page, 'gateway.default service1.default').getAttribute('class'), 'edge inherited');
    const newest = await wordsOf(page.locator('.newest'));
    assert.match(newest, /created AuthorizationPolicy service3\. Since then: service1 → service3: answer 200 → 403/);
    const [first, ...others] = await page.locator('.changes .compared tbody tr').allInnerTexts();
    assert.match(
      first ?? '',
      /service1 → service3\s+200 ×30\s+403 ×12\s+answer 200 → 403; refused by a proxy: policy[\s\S]*Decided by AuthorizationPolicy default\/service3\. This change contains it/,
    );
    assert.equal(others.length, 2);
    for (const other of others) assert.match(other, /Only because (?:a call further on|service1 → service3) fails/);
    await page.locator('.changes summary', { hasText: 'YAML of AuthorizationPolicy' }).click();
    assert.match(await page.locator('.changes pre').innerText(), /\+ {7}app: service3/);
  });

  test('an edge opens with its rule, file and YAML, by the mouse and by the keyboard', async () => {
    await using opened = await open({ state: demoState('after') });
    const { page } = opened;
    const check = async (): Promise<void> => {
      await page.locator('.acting').waitFor();
      const words = await wordsOf(page.locator('.selection'));
      assert.match(words, /^service1 → service3/);
      assert.match(words, /⊘ 12 refused by the proxy of service3 \(policy\)/);
      assert.match(
        words,
        /AuthorizationPolicy service3 in default.*service3-for-service2-only\.yaml:2.*refuses calls now/,
      );
      assert.match(words, /Last changes ?14:04:20 created AuthorizationPolicy service3: answer 200 → 403/);
      assert.match(words, /every other caller gets 403.*spec\.rules\[0\].*yaml:11/);
      assert.equal(await page.evaluate('document.activeElement.textContent'), 'service1 → service3');
    };
    await edgeOf(page, refusedEdge).locator('.plate').click();
    await check();
    await page.locator('.selection summary', { hasText: 'All of AuthorizationPolicy' }).click();
    assert.match(await page.locator('.selection pre').last().innerText(), /^apiVersion: security\.istio\.io\/v1/);
    await page.keyboard.press('Escape');
    assert.ok(await page.locator('.selection').isHidden());
    assert.equal(await page.evaluate("document.activeElement.getAttribute('data-edge')"), refusedEdge);
    await page.keyboard.press('Enter');
    await check();
  });

  test('a service opens with its pods, and leads to its calls', async () => {
    await using opened = await open({ state: demoState('after') });
    const { page } = opened;
    await page.locator('[data-node="gateway.default"]').focus();
    await page.keyboard.press('Enter');
    assert.match(
      await wordsOf(page.locator('.selection')),
      /A service, in the namespace default\. ?Send calls from its own page: http:\/\/localhost:8080\//,
    );
    await page.locator('.selection button', { hasText: 'gateway → service1' }).click();
    await waitForWords(page.locator('.selection h2'), /^gateway → service1$/);
    const cause = /fail only because service1 → service3 is refused by AuthorizationPolicy default\/service3\./;
    await waitForWords(page.locator('.selection'), cause);
    await page.locator('.selection button', { hasText: 'service1 → service3' }).first().click();
    await waitForWords(page.locator('.selection h2'), /^service1 → service3$/);
  });

  test('new counts are written into the drawing, and the focus and open texts stay', async () => {
    await using opened = await open({ state: demoState('after') });
    const { page, server } = opened;
    await page.locator('.changes summary', { hasText: 'YAML of' }).click();
    const target = edgeOf(page, 'gateway.default service2.default');
    await target.focus();
    await page.evaluate("document.querySelector('.graph svg').dataset.test = 'same'");
    const state = demoState('after');
    server.send(withCounts(state, 'gateway.default service2.default', { '200': 31 }));
    await waitForWords(target, /^200 ×31 mTLS$/);
    assert.equal(await page.evaluate("document.querySelector('.graph svg').dataset.test"), 'same');
    assert.equal(
      await page.evaluate("document.activeElement.getAttribute('data-edge')"),
      'gateway.default service2.default',
    );
    // A longer label needs another drawing.
    server.send(withCounts(state, 'gateway.default service2.default', { '200': 31, '503': 4, '418': 3 }));
    await waitForWords(target, /^200 ×31, 503 ×4, 418 ×3/);
    assert.equal(
      await page.evaluate("document.activeElement.getAttribute('data-edge')"),
      'gateway.default service2.default',
    );
    assert.equal(await page.locator('.changes details details[open]').count(), 1);
  });

  test('a trace has its services and proxies, parents, tags, and the share of the proxies', async () => {
    await using opened = await open();
    const { page } = opened;
    await openTrace(page);
    await page.locator('.trace .row').first().waitFor();
    const rows = await page.locator('.trace .row .name').allInnerTexts();
    assert.deepEqual(
      rows.map((row) => row.replaceAll(/\s+/g, ' ').trim()),
      [
        'gateway receives GET /@service1/@service3/hello',
        'gateway calls GET',
        'proxy of gateway, sends service1.default:8080/*',
        'proxy of service1, receives service1:8080/*',
        'service1 receives GET /@service3/hello',
        'service1 calls GET',
        'proxy of service1, sends service3.default:8080/*',
        'proxy of service3, receives service3:8080/*',
      ],
    );
    assert.match(
      await wordsOf(page.locator('.trace .verdict')),
      /^21\.4 ms from start to end, 8 spans\. Of the work, proxies did [1-9][\d.]+ ms \(\d+ %\)/,
    );
    assert.ok((await page.locator('.trace .row.sidecar .hatched').count()) >= 4);
    assert.equal(await page.locator('.trace .row.app .hatched').count(), 0);
    await page.locator('.trace .row').nth(2).click();
    assert.match(
      await wordsOf(page.locator('.trace .details:visible')),
      /parent ?a2.*component ?proxy.*upstream_cluster ?outbound\|8080\|\|service1/,
    );
    await page.keyboard.press('ArrowDown');
    assert.match(String(await page.evaluate('document.activeElement.textContent')), /proxy of service1, receives/);
  });

  test('attempts of a call are named in a trace, and retries on their edge and in its panel', async () => {
    const [first, second, third, ...rest] = demoTrace.spans.slice(0, 5);
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    const attempts = rest.map((span, index) => ({ ...span, attempt: index + 1, attempts: 2 }));
    const trace = { ...demoTrace, spans: [first, second, third, ...attempts] };
    const state = demoState('before');
    const retried = { ...traffic({ 200: 24 }), retries: 5 };
    const edges = state.edges.map((one) => (one.id === refusedEdge ? { ...one, traffic: retried } : one));
    await using opened = await open({ trace, state: { ...state, edges } });
    const { page } = opened;
    assert.equal(await wordsOf(edgeOf(page, refusedEdge)), '200 ×24 5 retries by the proxy mTLS');
    await edgeOf(page, refusedEdge).focus();
    await page.keyboard.press('Enter');
    await waitForWords(page.locator('.selection'), /5 retries by the proxy of service1, after attempts that failed/);
    await openTrace(page);
    await page.locator('.trace .row').first().waitFor();
    assert.deepEqual(await page.locator('.trace .row .attempt').allInnerTexts(), ['attempt 1 of 2', 'attempt 2 of 2']);
    assert.match(await wordsOf(page.locator('.trace .row').last()), /^service1 ?attempt 2 of 2 receives GET/);
  });

  test('the list of traces is read only on the screen, only newer ones, and less often if nothing is new', async () => {
    await using opened = await open({}, { viewport: { width: 1280, height: 400 } });
    const { page, server } = opened;
    const reads = (): string[] => server.requests.filter((one) => one.startsWith('/-/mesh/traces'));
    const state = demoState('before');
    /** Sends a state each half second, with further requests. */
    const follow = async (seconds: number): Promise<number> => {
      const before = reads().length;
      for (let step = 0; step < 2 * seconds; step++) {
        server.send({ ...state, edges: state.edges.map((one) => ({ ...one, total: one.total + step + 1 })) });
        await page.waitForTimeout(500);
      }
      return reads().length - before;
    };
    assert.equal(await follow(3), 0);
    await page.getByRole('heading', { name: 'Recent traces' }).scrollIntoViewIfNeeded();
    await page.locator('.trace-row').first().waitFor();
    assert.equal(reads()[0], '/-/mesh/traces');
    // Nothing is new: after 4 s, 8 s and 16 s, and not every two seconds.
    const count = await follow(13);
    assert.ok(count >= 1 && count <= 3, `${count} reads in 13 s`);
    const newest = demoTraces.traces[0]?.startMs ?? 0;
    assert.equal(reads()[1], `/-/mesh/traces?since=${newest - 6000}`);
    await page.evaluate('scrollTo(0, 0)');
    await page.waitForTimeout(500);
    assert.equal(await follow(3), 0);
  });

  test('one stream follows the mesh; it closes while the tab is hidden or the page is paused', async () => {
    await using opened = await open();
    const { page, server } = opened;
    const setHidden = (isHidden: boolean): Promise<unknown> =>
      page.evaluate(`
        Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      `);
    assert.equal(server.streams(), 1);
    await setHidden(true);
    await waitForWords(page.locator('.feed'), /^Paused, because the tab is hidden\./);
    await waitFor(() => server.streams() === 0);
    const before = server.requests.length;
    await page.waitForTimeout(1500);
    assert.equal(server.requests.length, before);
    await setHidden(false);
    await waitForWords(page.locator('.feed'), /^Live$/);
    assert.equal(server.streams(), 1);
    await page.getByRole('button', { name: 'Pause' }).click();
    await waitForWords(page.locator('.feed'), /^Paused: the page stays as it is\./);
    await waitFor(() => server.streams() === 0);
    await page.getByRole('button', { name: 'Resume' }).click();
    await waitForWords(page.locator('.feed'), /^Live$/);
  });

  test('says that the connection is lost, connects again, and says that the mesh has ended', async () => {
    await using opened = await open();
    const { page, server } = opened;
    server.end();
    await waitForWords(page.locator('.feed'), /^The connection is lost\. The page tries again\./);
    await waitForWords(page.locator('.feed'), /^Live$/);
    server.end('meshmock istio down');
    await waitForWords(page.locator('.feed'), /^The mesh has ended\. meshmock istio down/);
    await page.waitForTimeout(1500);
    assert.equal(server.streams(), 0);
  });

  test('a mesh of 40 services is legible, drawn at once, and can be narrowed down', async (context) => {
    await using opened = await open({ state: largeState(40) });
    const { page } = opened;
    assert.equal(await page.locator('[data-node]').count(), 40);
    const heights = await page
      .locator('.graph .node text.main, .graph .edge text')
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
    assert.ok(Math.min(...heights) >= 9, `texts of ${Math.min(...heights)} pixels`);
    const boxes = await page
      .locator('.graph .node rect')
      .evaluateAll((all) =>
        all.map(
          (one) => one.getBoundingClientRect().toJSON() as { x: number; y: number; right: number; bottom: number },
        ),
      );
    const overlaps = boxes.flatMap((a, index) =>
      boxes.slice(index + 1).filter((b) => a.x < b.right && b.x < a.right && a.y < b.bottom && b.y < a.bottom),
    );
    assert.deepEqual(overlaps, []);
    const ms = await page.evaluate(
      "performance.getEntriesByName('page-shown')[0].startTime - performance.getEntriesByType('navigation')[0].responseEnd",
    );
    context.diagnostic(`drawn ${Math.round(Number(ms))} ms after the answer`);
    await page.getByLabel('only errors and refusals').check();
    assert.equal(await page.locator('[data-edge]').count(), 3);
    await page.getByLabel('only errors and refusals').uncheck();
    await page.getByLabel('service', { exact: true }).fill('price-12');
    assert.deepEqual(
      await page.locator('[data-node]').evaluateAll((all) => all.map((one) => one.getAttribute('data-node')).sort()),
      ['mail-39.default', 'price-12.default', 'ratings-37.default', 'search-3.default', 'users-38.default'],
    );
    await page.getByLabel('service', { exact: true }).fill('');
    await page.getByLabel('namespace').selectOption('shop');
    assert.ok((await page.locator('[data-node]').count()) < 40);
  });

  test('has no fault that axe-core finds: light, dark, narrow; with a panel and a trace', async () => {
    for (const options of [
      {},
      { colorScheme: 'dark' as const },
      { viewport: { width: 390, height: 800 }, colorScheme: 'light' as const },
    ]) {
      await using opened = await open({ state: demoState('after') }, options);
      const { page } = opened;
      await checkAccessibility(page, `start ${JSON.stringify(options)}`);
      await edgeOf(page, refusedEdge).focus();
      await page.keyboard.press('Enter');
      await page.locator('.acting').waitFor();
      await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
      await openTrace(page);
      await page.locator('.trace .row').first().waitFor();
      await page.evaluate("document.querySelectorAll('.trace .row').forEach((row) => row.click())");
      await checkAccessibility(page, `open ${JSON.stringify(options)}`);
      const width = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
      assert.ok(width <= 0, `the page is ${width} pixels too wide`);
    }
  });

  test('without JavaScript, the page shows the calls as a table', async () => {
    await using server = await startMeshServer({
      state: demoState('after'),
      edge: policyDetails,
      traces: demoTraces,
      trace: demoTrace,
    });
    await using tab = await openTab(browser, { javaScriptEnabled: false });
    await tab.page.goto(server.url);
    assert.match(
      (await tab.page.locator('.tree').innerText()).replaceAll(/\s+/g, ' '),
      /service1 → service3 200 ×12, 403 ×12 12: policy/,
    );
  });
});

function withCounts(state: MeshState, id: string, byStatus: Readonly<Record<string, number>>): MeshState {
  const edges = state.edges.map((one) => (one.id === id ? edge(one.from, one.to, traffic(byStatus)) : one));
  return { ...state, edges };
}

async function waitFor(isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1200 && !isTrue(); tries++) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(isTrue());
}
