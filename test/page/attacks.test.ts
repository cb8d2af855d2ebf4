import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { CallResult, Reply } from '../../src/reply/reply.ts';
import { type ForeignServer, startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';
import { openTab, startBrowser } from './browser.ts';

/** Texts that run in a page that takes them for HTML, for an attribute, for a script or for a URL. */
const attack = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"onclick="alert(3)' onfocus='alert(4) javascript:alert(5)<!--`;

/** Reply of a hostile program that signs as a meshmock, with an attack in each text. */
function hostileReply(): Reply {
  const call: CallResult = {
    target: attack,
    scheme: attack,
    stage: 0,
    startMs: 0,
    durationMs: 1,
    answeredBy: 'proxy',
    grpcStatus: attack,
    mesh: { proxy: attack, refusal: { reason: attack as 'unknown', explanation: attack } },
    error: { code: attack as 'refused', message: attack },
    headers: { [attack]: attack },
    body: attack,
    attempts: [attack, attack],
  };
  const counts = { [attack]: 3, __proto__: 1, constructor: 2 };
  const latencyMs = { min: 1, mean: 1, p50: 1, p90: 1, p95: 1, p99: 1, max: 1 };
  const summary = {
    count: 5,
    byStatus: counts,
    byVersion: counts,
    byPod: counts,
    byService: counts,
    byPeer: counts,
    latencyMs,
  };
  return {
    service: attack,
    version: attack,
    pod: attack,
    namespace: attack,
    node: attack,
    zone: attack,
    status: 200,
    body: attack,
    traceId: attack,
    spanId: attack,
    behaviour: [attack],
    mesh: { peerIdentity: attack, ownIdentity: attack, requestId: attack },
    error: { code: attack, message: attack, caret: [attack, attack], expected: attack },
    request: {
      protocol: attack as 'http',
      method: attack,
      uri: attack,
      headers: { [attack]: attack },
      body: attack,
      message: attack,
    },
    calls: [call, { ...call, summary, target: 'repeated' }],
  };
}

suite('attacks on the page', () => {
  let mesh: TestMesh;
  let browser: Browser;
  let hostile: ForeignServer;
  let foreign: ForeignServer;
  before(async () => {
    const leaves = Array.from({ length: 12 }, (_, index) => `leaf${index}`);
    mesh = await startMesh([
      {
        name: 'gateway',
        page: {
          traceUrl: 'https://jaeger.example/trace/{traceId}',
          graphUrl: 'https://kiali.example/{namespace}?s={service}',
        },
      },
      ...leaves,
    ]);
    hostile = await startForeignServer((_request, response) => {
      response.setHeader('x-meshmock', 'hostile/v1').setHeader('content-type', 'application/json');
      response.end(JSON.stringify(hostileReply()));
    });
    foreign = await startForeignServer((_request, response) => {
      response.setHeader('x-attack', attack).setHeader('content-type', 'text/html').writeHead(500);
      response.end(attack);
    });
    browser = await startBrowser();
  });
  after(async () => {
    await browser.close();
    await Promise.all([hostile[Symbol.asyncDispose](), foreign[Symbol.asyncDispose](), mesh[Symbol.asyncDispose]()]);
  });

  const url = (path: string): string => `http://127.0.0.1:${mesh.httpPort('gateway')}${path}`;
  const uri = `/${encodeURIComponent(attack)}`;

  /** Opens everything that a page shows, and checks that it is text. */
  async function checkAll(page: Page, path: string): Promise<void> {
    await page.waitForSelector('.waterfall');
    await page.evaluate("document.querySelectorAll('button.row[aria-expanded=false]').forEach((row) => row.click())");
    await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })");
    for (const label of ['Mermaid', 'test case', 'answer as JSON', 'curl'])
      await page.getByRole('button', { name: label, exact: true }).click();
    for (const node of await page.locator('[data-node]').all()) await node.dispatchEvent('click');
    assert.equal(await page.locator('img, iframe, object, embed').count(), 0, path);
    assert.equal(await page.locator('body script:not([type="application/json"])').count(), 0, path);
    const attributes = await page
      .locator('*')
      .evaluateAll((all) => all.flatMap((each) => each.getAttributeNames()).filter((name) => /^on|^style$/.test(name)));
    // Only what the program sets through the object model, which no text decides.
    assert.deepEqual(
      attributes.filter((name) => name !== 'style'),
      [],
      path,
    );
    const links = await page
      .locator('a[href]')
      .evaluateAll((all) => all.map((each) => each.getAttribute('href') ?? ''));
    for (const href of links) assert.match(href, /^(?:\/|https:\/\/(?:jaeger|kiali)\.example\/)/, path);
  }

  test('texts of hosts, headers, bodies, services, versions and errors are shown as text', async () => {
    for (const path of [
      `/@127.0.0.1:${hostile.port}/x`,
      `/@127.0.0.1:${hostile.port}*3/x`,
      `/@127.0.0.1:${foreign.port}${uri}`,
      `/@leaf0[x-attack=${encodeURIComponent(attack)}]/~body=${encodeURIComponent(attack)}${uri}`,
      uri,
    ]) {
      await using tab = await openTab(browser);
      const before = mesh.arrivals.length;
      await tab.page.goto(url(path));
      await checkAll(tab.page, path);
      // The same again, as an answer to the page's program.
      await tab.page.click('#run');
      await tab.page.locator('.runs li').nth(1).waitFor();
      await checkAll(tab.page, path);
      await tab.page.getByRole('button', { name: /^compare run 1/ }).click();
      await tab.page.waitForSelector('.compared');
      assert.equal(await tab.page.locator('img').count(), 0, path);
      assert.deepEqual(tab.problems, [], path);
      assert.equal(mesh.arrivals.slice(before).filter(({ service }) => service === 'gateway').length, 2, path);
      const foreignRequests = tab.requests.filter((request) => !/\/-\/page\/|GET \/(?:@|%3C)/.test(request));
      assert.deepEqual(foreignRequests, [], path);
    }
  });

  test('numbers without an end and texts without an end leave the page usable', async () => {
    await using endless = await startForeignServer((_request, response) => {
      response.setHeader('x-meshmock', 'endless/v1').setHeader('content-type', 'application/json');
      response.end(
        `{"service":"endless","version":"${'v'.repeat(5000)}","status":200,"durationMs":1e999,
        "calls":[{"target":"x","scheme":"http","answeredBy":"nobody","startMs":1e999,"durationMs":1e999}]}`,
      );
    });
    await using tab = await openTab(browser);
    await tab.page.goto(url(`/@127.0.0.1:${endless.port}/x`));
    await tab.page.waitForSelector('.waterfall');
    assert.deepEqual(tab.problems, []);
    assert.equal(await tab.page.locator('button.row').count(), 3);
    const width = await tab.page.locator('.graph svg').first().getAttribute('width');
    assert.ok(Number(width) < 3000, `${width} pixels`);
  });

  test('the attack would run without the protection, which shows that the test sees it', async () => {
    await using tab = await openTab(browser);
    await tab.page.setContent(`<p>${attack}</p>`);
    const hasRun = (): boolean => tab.problems.some((problem) => problem.startsWith('dialog'));
    for (let tries = 0; tries < 100 && !hasRun(); tries++) await tab.page.waitForTimeout(200);
    assert.ok(hasRun());
  });

  test('without JavaScript, a page shows the tree as text too', async () => {
    await using tab = await openTab(browser, { javaScriptEnabled: false });
    await tab.page.goto(url(`/@127.0.0.1:${hostile.port},leaf1/x`));
    const text = await tab.page.locator('.tree').innerText();
    assert.ok(text.includes('<img src=x onerror=alert(2)>'));
    assert.match(text, /leaf1 v1/);
    assert.deepEqual(await tab.page.locator('img, script[src*=alert]').count(), 0);
    assert.deepEqual(tab.problems, []);
  });

  test('a page cannot be framed, and loads nothing from another host', async () => {
    await using tab = await openTab(browser);
    await tab.page.setContent(`<iframe src="${url('/@leaf0/x')}"></iframe>`);
    await tab.page.waitForTimeout(500);
    const [, frame] = tab.page.frames();
    assert.equal(
      await frame
        ?.locator('#app')
        .count()
        .catch(() => 0),
      0,
    );
    const response = await tab.page.goto(url('/@leaf0/x'));
    assert.match(response?.headers()['content-security-policy'] ?? '', /^default-src 'none'/);
    const isBlocked = await tab.page.evaluate(
      `Promise.all([
        fetch('http://127.0.0.1:${foreign.port}/', { mode: 'no-cors' }).then(() => 'loaded', () => 'blocked'),
        Promise.resolve().then(() => { document.body.innerHTML = '<p>x</p>'; return 'set'; }).catch(() => 'blocked'),
      ])`,
    );
    assert.deepEqual(isBlocked, ['blocked', 'blocked']);
  });

  test('a path that begins with two slashes stays at this host', async () => {
    await using tab = await openTab(browser);
    await tab.page.goto(url('/'));
    await tab.page.fill('#url', '//@leaf0/x');
    await tab.page.click('#run');
    await tab.page.waitForSelector('.waterfall');
    assert.equal(new URL(tab.page.url()).host, `127.0.0.1:${mesh.httpPort('gateway')}`);
  });

  test('a tree of 500 calls, and a fan-out of 100, are drawn', async (context) => {
    const leaves = Array.from({ length: 10 }, (_, index) => `leaf${index}`).join('|');
    for (const [path, rows] of [
      [`/@${leaves}/@${leaves}|leaf10|leaf11/@leaf0|leaf1|leaf2|leaf3/x`, 611],
      [`/@${Array.from({ length: 100 }, (_, index) => `gone${index}.invalid`).join('|')}/x`, 101],
    ] as const) {
      await using tab = await openTab(browser);
      const devTools = await tab.context.newCDPSession(tab.page);
      await devTools.send('Performance.enable', { timeDomain: 'threadTicks' });
      await tab.page.goto(url(path));
      await tab.page.waitForSelector('.waterfall');
      const { metrics } = await devTools.send('Performance.getMetrics');
      const count = await tab.page.locator('button.row').count();
      assert.equal(count, rows);
      assert.ok((await tab.page.locator('[data-node]').count()) <= 40);
      const ms = await tab.page.evaluate(
        "performance.getEntriesByName('page-shown')[0].startTime - performance.getEntriesByType('navigation')[0].responseEnd",
      );
      // The time of day depends on the load of the machine, and the CPU time of the page's thread does not.
      const cpuMs = 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN);
      context.diagnostic(
        `${count} rows drawn ${Math.round(Number(ms))} ms after the answer, CPU ${Math.round(cpuMs)} ms`,
      );
      assert.ok(cpuMs > 0 && cpuMs < 1000, `${cpuMs} ms`);
      assert.deepEqual(tab.problems, []);
    }
  });
});
