import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { sendHttp, startMesh, type TestMesh } from '../running-mesh.ts';
import { checkAccessibility } from './axe.ts';
import { openTab, startBrowser, type Tab } from './browser.ts';

suite('the page in Chromium', () => {
  let mesh: TestMesh;
  let browser: Browser;
  before(async () => {
    mesh = await startMesh([
      { name: 'gateway', page: { traceUrl: 'https://jaeger.example/trace/{traceId}' } },
      'a',
      { name: 'b', version: 'v1', pod: 'b-v1-1' },
      { name: 'b', version: 'v2', pod: 'b-v2-1' },
      'c',
    ]);
    browser = await startBrowser();
  });
  after(async () => {
    await browser.close();
    await mesh[Symbol.asyncDispose]();
  });

  const open = async (path: string, options: Parameters<typeof openTab>[1] = {}): Promise<Tab> => {
    const tab = await openTab(browser, options);
    await tab.page.goto(`http://127.0.0.1:${mesh.httpPort('gateway')}${path}`);
    return tab;
  };
  const nodesOf = (page: Page): Promise<string[]> =>
    page
      .locator('[data-node]')
      .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('data-node') ?? '').sort());
  const edgesOf = (page: Page): Promise<string[]> =>
    page
      .locator('[data-edge]')
      .evaluateAll((edges) => edges.map((edge) => edge.getAttribute('data-edge') ?? '').sort());
  const press = async (page: Page, ...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };

  test('shows a typed URL as a graph and a waterfall, and executes the plan once', async () => {
    const before = mesh.arrivals.length;
    await using tab = await open('/@a|c/@b/hello');
    await tab.page.waitForSelector('.waterfall');
    assert.deepEqual(await nodesOf(tab.page), ['a', 'b', 'c', 'gateway']);
    assert.deepEqual(await edgesOf(tab.page), ['a b', 'c b', 'gateway a', 'gateway c']);
    assert.equal(await tab.page.locator('#url').inputValue(), '/@a|c/@b/hello');
    assert.equal(await tab.page.locator('button.row').count(), 5);
    await tab.page.waitForTimeout(200);
    assert.equal(mesh.arrivals.slice(before).filter(({ service }) => service === 'gateway').length, 1);
    assert.deepEqual(
      tab.requests.filter((request) => !request.includes('/-/page/')),
      ['GET /@a%7Cc/@b/hello'],
    );
    assert.deepEqual(tab.problems, []);
  });

  test('opens a row with what was received, and shows errors and refused connections in words', async () => {
    await using tab = await open('/@a[end-user=jason],127.0.0.1:1/hello');
    const { page } = tab;
    await page.locator('button.row', { hasText: 'a v1' }).click();
    await page.locator('summary', { hasText: 'Headers of the request' }).first().click();
    assert.match((await page.locator('.details:visible').innerText()).replaceAll(/\s+/g, ' '), /end-user jason/);
    assert.match(
      await page.locator('.verdict').innerText(),
      /^502 .* 2 calls, 1 failed: 127\.0\.0\.1:1 \(no answer: connection refused\)\.$/,
    );
    assert.match(
      (await page.locator('[data-edge="gateway 127.0.0.1"]').textContent()) ?? '',
      /no answer: connection refused/,
    );
  });

  test('checks the URL as one types, with the caret under the text', async () => {
    await using tab = await open('/');
    const { page } = tab;
    await page.fill('#url', '/@a:x/hello');
    assert.match((await page.locator('#url-problem').textContent()) ?? '', /^ {4}\^ expected a port/);
    assert.equal(await page.locator('#url').getAttribute('aria-invalid'), 'true');
    const before = mesh.arrivals.length;
    await page.press('#url', 'Enter');
    assert.equal(mesh.arrivals.length, before);
    await page.fill('#url', '/@a/hello');
    assert.equal(await page.locator('#url-problem').textContent(), '');
  });

  test('builds a plan by clicks; the URL grows along, runs without a page load, and can be shared', async () => {
    await using tab = await open('/');
    const { page } = tab;
    await page.getByRole('button', { name: '+ gateway calls a service' }).click();
    await page.locator('input.host').first().fill('a');
    await page.getByRole('button', { name: '+ at once' }).click();
    await page.locator('input.host').nth(1).fill('c');
    await page.getByRole('button', { name: '+ c calls a service' }).click();
    await page.locator('input.host').nth(2).fill('b');
    await page.getByLabel('add a fault of b').selectOption('status=503');
    assert.equal(await page.locator('#url').inputValue(), '/@a(/hello)|c(/@b/~status=503/hello)');
    await page.click('#run');
    await page.waitForSelector('.waterfall');
    assert.deepEqual(await edgesOf(page), ['c b', 'gateway a', 'gateway c']);
    const { searchParams, pathname } = new URL(page.url());
    assert.deepEqual(
      [decodeURI(pathname).replaceAll('%7C', '|'), searchParams.size],
      ['/@a(/hello)|c(/@b/~status=503/hello)', 0],
    );
    await page.reload();
    await page.waitForSelector('.waterfall');
    assert.deepEqual(await edgesOf(page), ['c b', 'gateway a', 'gateway c']);
    assert.equal(await page.locator('input.host').count(), 3);
    assert.deepEqual(tab.problems, []);
  });

  test('shows a repeated call as distributions by status, version and pod', async () => {
    await using tab = await open('/@b*20/hello');
    const tables = await tab.page.locator('.distributions table').allInnerTexts();
    const words = tables.map((text) => text.replaceAll(/\s+/g, ' ').trim());
    assert.match(words[0] ?? '', /^by status 200 20 100 %/);
    assert.match(words[1] ?? '', /^by version v\d 10 50 % v\d 10 50 %/);
    assert.match(words[2] ?? '', /^by pod b-v\d-1 10 50 % b-v\d-1 10 50 %/);
  });

  test('compares two runs, and marks what differs', async () => {
    await using tab = await open('/@a|c/hello');
    const { page } = tab;
    await page.fill('#url', '/@a|c(/~status=503/x)/hello');
    await page.click('#run');
    await page.getByRole('button', { name: 'compare run 1 with the one that is shown' }).click();
    const rows = await page.locator('.compared tbody tr').allInnerTexts();
    assert.deepEqual(
      rows.map((row) =>
        row
          .replaceAll(/[\d.]+ ms|slower|faster/g, '')
          .replaceAll(/\s+/g, ' ')
          .trim(),
      ),
      [
        'the answer 200 · v1 502 · v1 answer 200 → 502',
        'a:8080 200 · v1 200 · v1 same',
        'c:8080 200 · v1 503 · v1 answer 200 → 503',
      ],
    );
    assert.equal(await page.locator('.compared tr.changed').count(), 2);
  });

  test('live mode repeats the plan, draws it, and stops when the tab is hidden', async () => {
    await using tab = await open('/@b/hello');
    const { page } = tab;
    await page.click('#live');
    await page
      .getByText(/v\d ×\d.*up to/)
      .first()
      .waitFor();
    await page.locator('.live svg rect').nth(6).waitFor({ state: 'attached' });
    await page.evaluate(`
      Object.defineProperty(document, 'hidden', { value: true });
      document.dispatchEvent(new Event('visibilitychange'));
    `);
    assert.match(await page.locator('.live-panel [role=status]').innerText(), /^Stopped, because the tab was hidden\./);
    // A last request may have been under way.
    await page.waitForTimeout(1500);
    const stopped = mesh.arrivals.length;
    await page.waitForTimeout(1500);
    assert.equal(mesh.arrivals.length, stopped);
  });

  test('copies a run in each form', async () => {
    await using tab = await open('/@a|grpc:b/hello', { permissions: ['clipboard-read', 'clipboard-write'] });
    const { page } = tab;
    const port = mesh.httpPort('gateway');
    const copied = async (label: string): Promise<string> => {
      await page.getByRole('button', { name: label, exact: true }).click();
      return (await page.locator('.copied').textContent()) ?? '';
    };
    assert.equal(await copied('URL'), `http://127.0.0.1:${port}/@a|grpc:b/hello`);
    assert.equal(await copied('curl'), `curl -g '127.0.0.1:${port}/@a|grpc:b/hello'`);
    assert.equal(
      await copied('grpcurl'),
      `grpcurl -plaintext -d '{"path":"/@a|grpc:b/hello"}' 127.0.0.1:${mesh.grpcPort('gateway')} meshmock.v1.MeshMock/Call`,
    );
    assert.match(await copied('plan as JSON'), /^\{\n {2}"stages"/);
    assert.match(await copied('answer as JSON'), /^\{\n {2}"service": "gateway"/);
    assert.match(await copied('Mermaid'), /^sequenceDiagram\n/);
    assert.match(await copied('test case'), /^cases:\n/);
    assert.match(await copied('manifests'), /^# meshmock manifests '[^\n]+\napiVersion: v1|^# meshmock manifests/);
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), await page.locator('.copied').textContent());
  });

  test('works with the keyboard alone: build, run, open a row, move on', async () => {
    await using tab = await open('/');
    const { page } = tab;
    const focus = async (name: string): Promise<void> => {
      for (let presses = 0; presses < 60; presses++) {
        await page.keyboard.press('Tab');
        if ((await page.evaluate('document.activeElement.textContent')) === name) return;
      }
      assert.fail(`Tab does not reach ${name}`);
    };
    await focus('+ gateway calls a service');
    await press(page, 'Enter');
    await press(page, 'Control+A');
    await page.keyboard.type('a');
    await page.locator('#url').focus();
    await press(page, 'Enter');
    await page.waitForSelector('.waterfall');
    assert.deepEqual(await edgesOf(page), ['gateway a']);
    await page.locator('[data-edge="gateway a"]').focus();
    await press(page, 'Enter');
    const active = 'document.activeElement.textContent';
    assert.match(String(await page.evaluate(active)), /a v1/);
    assert.equal(await page.evaluate("document.activeElement.getAttribute('aria-expanded')"), 'true');
    await press(page, 'ArrowUp');
    assert.match(String(await page.evaluate(active)), /gateway v1/);
    await press(page, 'Space');
    assert.equal(await page.evaluate("document.activeElement.getAttribute('aria-expanded')"), 'true');
  });

  test('shows an answer that is not a reply as text', async () => {
    await using tab = await open('/@a/hello');
    const { page } = tab;
    await page.route('**/*', (route) =>
      route.fulfill({
        status: 503,
        contentType: 'text/html',
        body: '<img src=x onerror=alert(1)> no healthy upstream',
      }),
    );
    await page.click('#run');
    await page.getByText('<img src=x onerror=alert(1)> no healthy upstream').waitFor();
    assert.deepEqual(tab.problems, []);
  });

  test('says that an answer is a redirect', async () => {
    await using tab = await open('/@a/hello');
    const { page } = tab;
    await page.fill('#url', '/~status=302/~header[location=/@b/hello]/x');
    await page.click('#run');
    await page.getByText('The answer is a redirect, which a page cannot read.').waitFor();
    assert.match((await page.locator('.runs li').first().textContent()) ?? '', /^2\. redirect /);
  });

  test('running the same plan again adds nothing to the history of the browser', async () => {
    await using tab = await open('/@a|c/hello');
    const { page } = tab;
    const before = await page.evaluate('history.length');
    await page.click('#run');
    await page.locator('.runs li').nth(1).waitFor();
    assert.equal(await page.evaluate('history.length'), before);
  });

  test('the button Back shows the run of its URL again, and executes nothing', async () => {
    await using tab = await open('/@a|c/hello');
    const { page } = tab;
    await page.fill('#url', '/@b/hello');
    await page.click('#run');
    await page.locator('.runs li').nth(1).waitFor();
    const before = mesh.arrivals.length;
    await page.goBack();
    await page.getByRole('region', { name: 'run 1' }).waitFor();
    assert.deepEqual(await edgesOf(page), ['gateway a', 'gateway c']);
    assert.match(await page.title(), /^\/@a\|c\/hello /);
    assert.equal(mesh.arrivals.length, before);
  });

  test('Back to a page that was left shows the kept answer of a run, and so does Back after a reload', async () => {
    for (const path of ['/@a|c/hello', '/@a,127.0.0.1:1/hello']) {
      await using tab = await open(path);
      const { page } = tab;
      await page.fill('#url', '/@b/hello');
      await page.click('#run');
      await page.locator('.runs li').nth(1).waitFor();
      const pod = await page.locator('button.row').last().innerText();
      const before = mesh.arrivals.length;
      await page.goto('about:blank');
      await page.goBack();
      await page.waitForSelector('.waterfall');
      assert.equal(await page.locator('#url').inputValue(), '/@b/hello');
      assert.equal(await page.locator('button.row').last().innerText(), pod);
      await page.goBack();
      await page.locator('[data-edge="gateway a"]').waitFor();
      assert.equal(await page.locator('#url').inputValue(), path);
      assert.equal(mesh.arrivals.length, before);
      await page.goForward();
      await page.locator('[data-edge="gateway b"]').waitFor();
      assert.equal(mesh.arrivals.length, before);
      // A reload is a new run.
      await page.reload();
      await page.waitForSelector('.waterfall');
      const reloaded = mesh.arrivals.length;
      assert.ok(reloaded > before);
      await page.goBack();
      await page.locator('[data-edge="gateway a"]').waitFor();
      assert.equal(mesh.arrivals.length, reloaded);
      // The runs before the reload were earlier, and no two have one number.
      await page.getByText('Runs', { exact: true }).click();
      const labels = await page.locator('.runs .run').allInnerTexts();
      const numbers = labels.map((label) => Number.parseInt(label, 10));
      assert.equal(labels.length, 2);
      assert.ok((numbers[0] ?? 0) > (numbers[1] ?? 0), labels.join(', '));
      assert.match(labels[0] ?? '', /@b/);
      await page.locator('.runs').getByText('compare').click();
      await page.getByText(`The plans differ: ${path} and /@b/hello`).waitFor();
      assert.deepEqual(tab.problems, []);
    }
  });

  test('Back to a run that was not kept, and to the start, executes nothing', async () => {
    await using tab = await open('/');
    const { page } = tab;
    await page.fill('#url', '/@a/~size=2MB/hello');
    await page.click('#run');
    await page.locator('[data-edge="gateway a"]').waitFor();
    await page.fill('#url', '/@b/hello');
    await page.click('#run');
    await page.locator('[data-edge="gateway b"]').waitFor();
    const before = mesh.arrivals.length;
    await page.goBack();
    await page.getByText('The answer of this run was not kept. Press Run to send the plan again.').waitFor();
    assert.equal(await page.locator('[data-edge]').count(), 0);
    await page.goBack();
    await page.getByText('This is gateway v1, a mock service.').waitFor();
    assert.equal(mesh.arrivals.length, before);
  });

  test('has no fault that axe-core finds: start, result, comparison; light, dark, narrow', async () => {
    for (const options of [
      {},
      { colorScheme: 'dark' as const },
      { viewport: { width: 390, height: 800 }, colorScheme: 'light' as const },
    ]) {
      const check = (page: Page, title: string): Promise<void> =>
        checkAccessibility(page, `${title} ${JSON.stringify(options)}`);
      await using start = await open('/', options);
      await check(start.page, 'start');
      await using result = await open('/@a(/@b*5/x)|127.0.0.1:1,c/~status=404/hello', options);
      const { page } = result;
      await page.locator('button.row', { hasText: 'a v1' }).click();
      await page.locator('#builder summary').first().click();
      await page.getByRole('button', { name: 'curl', exact: true }).click();
      await check(page, 'result');
      await page.click('#run');
      await page.getByRole('button', { name: /^compare run 1/ }).click();
      await page.click('#live');
      await page.locator('.live li').first().waitFor();
      await check(page, 'comparison');
    }
  });

  test('is small, and has no code of Node or another host', async () => {
    const files = readdirSync('dist/page').map((name) => readFileSync(`dist/page/${name}`));
    assert.equal(files.length, 6);
    const bytes = files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0);
    assert.ok(bytes < 90_000, `${bytes} bytes`);
    for (const file of files)
      assert.doesNotMatch(file.toString(), /\bBuffer\.|randomUUID|innerHTML|insertAdjacentHTML|document\.write/);
    const { body } = await sendHttp(mesh.httpPort('gateway'), '/', { headers: { accept: 'text/html' } });
    assert.doesNotMatch(body, /(?:src|href)="(?!\/-\/page\/)/);
  });
});
