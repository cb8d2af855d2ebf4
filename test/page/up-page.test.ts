import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import type { MeshState } from '../../src/page/model/mesh-page-data.ts';
import { type Program, runProgram, startProgram } from '../program.ts';
import { checkAccessibility } from './axe.ts';
import { openTab, startBrowser } from './browser.ts';

const meshText = `services:
  - name: front
  - name: reviews
    versions:
      - version: v1
      - version: v2
        behaviour: /~delay=20ms/~status=503:1in2
  - name: ratings
  - name: web
    content: <img src=x onerror=alert(1)>
`;

const ports = ['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];
const withoutTraces = { OTEL_SDK_DISABLED: 'true' };

/** Waits until a condition holds, at most a minute. */
async function waitUntil(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()) && tries < 300; tries++) await sleep(200);
  assert.ok(await holds());
}

suite('page of a mesh of processes', () => {
  let folder: string;
  let up: Program;
  let browser: Browser;
  let entry = '';
  let url = '';

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'meshmock-up-page-'));
    await writeFile(path.join(folder, 'shop.yaml'), meshText);
    up = startProgram(['up', 'shop.yaml', ...ports, '--page', 'localhost:0'], withoutTraces, folder);
    await up.printed(/Ctrl-C/);
    entry = `http://localhost:${/^front +http localhost:(\d+)/.exec(up.stdout)?.[1]}`;
    url = /The mesh in a browser: (http:\/\/localhost:\d+\/)/.exec(up.stdout)?.[1] ?? '';
    browser = await startBrowser();
  });

  after(async () => {
    await browser?.close();
    await up?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const send = async (plan: string, times = 1): Promise<void> => {
    for (let index = 0; index < times; index++) await (await fetch(`${entry}${plan}`)).text();
  };
  /** Opens the page, and waits until the services count: they hear of it by their channels. */
  const open = async (page: Page): Promise<void> => {
    await page.goto(url);
    await page.locator('.feed.live').waitFor();
    await waitUntil(async () => (await state()).windowMs > 1000);
  };
  const state = async (): Promise<MeshState> => (await (await fetch(`${url}-/mesh/state`)).json()) as MeshState;
  const totals = async (): Promise<Record<string, number>> =>
    Object.fromEntries((await state()).edges.map(({ id, total }) => [id, total]));

  test('without a page, nothing is counted', async () => {
    await send('/@reviews/hello', 4);
    await sleep(2500);
    assert.deepEqual(await totals(), {});
  });

  test('a page shows edges with rates, errors and versions, and what the mesh file gives to the callee', async () => {
    await using tab = await openTab(browser);
    const { page } = tab;
    await open(page);
    await page.getByRole('heading', { name: 'Local mesh shop.yaml' }).waitFor();
    // Of version v2, which gets each second call, each second one fails.
    await send('/@reviews/@grpc:ratings/hello', 40);
    await waitUntil(async () => (await totals())['front. reviews.'] === 40);
    const edges = new Map((await state()).edges.map((edge) => [edge.id, edge]));
    const reviews = edges.get('front. reviews.');
    assert.deepEqual(reviews?.traffic.byStatus, { '200': 30, '503': 10 });
    assert.equal(reviews?.traffic.errors, 10);
    assert.ok((reviews?.traffic.perSecond ?? 0) > 0);
    assert.deepEqual(Object.fromEntries(reviews?.versions.map(({ to, traffic }) => [to, traffic.byStatus]) ?? []), {
      v1: { '200': 20 },
      v2: { '200': 10, '503': 10 },
    });
    assert.ok((reviews?.versions.find(({ to }) => to === 'v2')?.traffic.meanMs ?? 0) >= 20);
    assert.deepEqual(edges.get('reviews. ratings.')?.traffic.byStatus, { 'grpc OK': 30 });
    assert.deepEqual(edges.get('outside front.')?.traffic.byStatus, { '200': 30, '502': 10 });
    const edge = page.locator('[data-edge="front. reviews."]');
    await page.getByText('200 ×30, 503 ×10').first().waitFor();
    await edge.focus();
    await page.keyboard.press('Enter');
    const panel = page.locator('.selection');
    await panel.getByText('What the mesh file says about reviews').waitFor();
    await panel.getByText('answers with 503, for 1 of 2 calls').waitFor();
    await panel.getByText('shop.yaml:7').first().waitFor();
    const text = (await page.locator('main').textContent()) ?? '';
    assert.doesNotMatch(text, /mTLS|sidecar|proxy|proxies|Istio|policy/i);
    await page.getByText('Tracing is off, as an OTEL_* variable says.').waitFor();
    await checkAccessibility(page, 'page of a mesh of processes');
    assert.deepEqual(tab.problems, []);
  });

  test('unknown hosts and texts with markup are shown as texts', async () => {
    await using tab = await openTab(browser);
    const { page } = tab;
    await open(page);
    assert.equal((await fetch(`${entry}/@%3Cimg%20src=x%20onerror=alert(1)%3E/x`)).status, 400);
    await send('/@nowhere.invalid|web/x', 2);
    const edge = page.locator('[data-edge="front. web."]');
    await edge.waitFor({ state: 'attached' });
    await page.getByText('no answer: unknown name ×2').first().waitFor();
    await edge.focus();
    await page.keyboard.press('Enter');
    await page.locator('.selection').getByText('<img src=x onerror=alert(1)>').first().waitFor();
    assert.equal(await page.locator('img').count(), 0);
    // Names that objects of JavaScript have, and the ids of other nodes.
    await send('/@constructor|__proto__|outside|reviews./x');
    for (const host of ['constructor', '__proto__', 'host outside', 'host reviews.'])
      await page.locator(`[data-edge="front. ${host}"]`).waitFor({ state: 'attached' });
    const { nodes } = await state();
    assert.deepEqual(
      nodes.filter(({ kind }) => kind === 'host').map(({ name }) => name),
      ['nowhere.invalid', 'constructor', '__proto__', 'outside', 'reviews.'],
    );
    assert.equal(nodes.find(({ id }) => id === 'outside')?.kind, 'outside');
    assert.deepEqual(tab.problems, []);
  });

  test('the services count while a tab is hidden or open, and not after the last page has closed', async () => {
    const first = await openTab(browser);
    await using second = await openTab(browser);
    for (const { page } of [first, second]) await open(page);
    const counted = async (): Promise<number> => (await totals())['front. ratings.'] ?? 0;
    await send('/@ratings/x', 3);
    await waitUntil(async () => (await counted()) === 3);
    await first[Symbol.asyncDispose]();
    // A tab behind another one, in which the user sends calls.
    await second.page.evaluate(
      "Object.defineProperty(document, 'hidden', { value: true }); document.dispatchEvent(new Event('visibilitychange'))",
    );
    await send('/@ratings/x', 2);
    await waitUntil(async () => (await counted()) === 5);
    await second[Symbol.asyncDispose]();
    await waitUntil(async () => (await state()).windowMs === 0);
    await send('/@ratings/x', 7);
    await sleep(2500);
    assert.equal(await counted(), 5);
    await using third = await openTab(browser);
    await open(third.page);
    await send('/@ratings/x', 1);
    await waitUntil(async () => (await counted()) === 6);
    const edge = (await state()).edges.find(({ id }) => id === 'front. ratings.');
    assert.equal(edge?.traffic.requests, 1);
  });

  test('a service that has ended is shown as such, with what differs since then', async () => {
    await using tab = await openTab(browser);
    const { page } = tab;
    await open(page);
    await send('/@ratings/x', 20);
    await waitUntil(async () => (await totals())['front. ratings.'] === 26);
    process.kill(Number(/^ratings .* pid (\d+)$/m.exec(up.stdout)?.[1]), 'SIGKILL');
    await page.getByText('ratings has ended.').first().waitFor();
    await page.getByText('The signal SIGKILL has ended it.').first().waitFor();
    await send('/@ratings/x', 20);
    await page.getByText('no answer: connection refused').first().waitFor();
    await page
      .getByText(/answer 200 → .*refused/)
      .first()
      .waitFor();
    await page.locator('.graph svg').getByText('has ended').waitFor();
    assert.deepEqual(tab.problems, []);
  });

  test('at the end of the mesh, the page says so, and its services are not said to have ended before', async () => {
    await using tab = await openTab(browser);
    const { page } = tab;
    await open(page);
    up.child.kill('SIGTERM');
    await page.getByText('The mesh has ended.').waitFor();
    assert.equal(await page.getByText('front has ended').count(), 0);
    assert.equal(await up.exited(), 0);
  });
});

test('a page on a taken port is an error, and the services are stopped', async () => {
  const taken = net.createServer().listen(0, 'localhost');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as net.AddressInfo;
  const { code, stderr } = await runProgram(['up', ...ports, '--page', `localhost:${port}`]);
  taken.close();
  assert.match(stderr, new RegExp(`port ${port} for the page is taken: choose another address with --page`));
  assert.equal(code, 2);
});

test('without --page, the page takes any port if the usual one is taken', async () => {
  const taken = net.createServer();
  const isHeld = new Promise((resolve) => taken.once('listening', resolve).once('error', resolve));
  taken.listen(20_080, 'localhost');
  await isHeld;
  await using up = startProgram(['up', ...ports], withoutTraces);
  const [, url = ''] = await up.printed(/The mesh in a browser: (\S+)[\s\S]*Ctrl-C/);
  taken.close();
  assert.doesNotMatch(url, /:20080/);
  assert.equal((await fetch(url)).status, 200);
});

test('--no-page serves no page', async () => {
  await using up = startProgram(['up', ...ports, '--no-page'], withoutTraces);
  await up.printed(/Ctrl-C/);
  assert.doesNotMatch(up.stdout, /in a browser/);
});
