/**
 * Makes the pictures of the page of a local mesh from a real one, before and after a policy: `npm run docs:page:mesh`. The mesh
 * is the demo, with its ingress.
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { main, programNode, startProgram } from '../program.ts';
import { openTab, startBrowser } from './browser.ts';

/** Picture of the page. */
interface Picture {
  readonly name: string;
  readonly size: readonly [width: number, height: number];
  readonly colorScheme: 'light' | 'dark';
  /** Does what the picture shows. */
  readonly prepare?: (page: Page) => Promise<void>;
}

const refused = '[data-edge="service1.default service3.default"]';

const openEdge = async (page: Page): Promise<void> => {
  await page.locator(refused).focus();
  await page.keyboard.press('Enter');
  await page.locator('.acting').waitFor();
  await page.locator('.parts summary').first().click();
  await page.locator('.selection').evaluate((panel) => panel.scrollIntoView());
};

const openTrace = async (page: Page): Promise<void> => {
  // The list is read when it is on the screen.
  await page.getByRole('heading', { name: 'Recent traces' }).scrollIntoViewIfNeeded();
  await page.locator('.trace-row', { hasText: 'service3' }).first().click();
  await page.locator('.trace .row').first().waitFor();
  await page.locator('.trace').evaluate((trace) => trace.scrollIntoView());
};

const pictures: readonly Picture[] = [
  { name: 'mesh-live', size: [1280, 960], colorScheme: 'light' },
  { name: 'mesh-live-edge', size: [1280, 800], colorScheme: 'light', prepare: openEdge },
  { name: 'mesh-live-trace', size: [1280, 900], colorScheme: 'dark', prepare: openTrace },
  { name: 'mesh-live-dark', size: [1280, 960], colorScheme: 'dark' },
  { name: 'mesh-live-phone', size: [390, 1000], colorScheme: 'light' },
  { name: 'mesh-live-projector', size: [1024, 768], colorScheme: 'light' },
];

const folder = path.join(import.meta.dirname, '../../docs/page');
const name = 'demo';
const ports = ['http', 'jaeger', 'metrics', 'page'].flatMap((flag) => [`--${flag}`, 'localhost:0']);
await using mesh = startProgram(['istio', 'up', '--mesh', name, ...ports]);
const printed = await mesh.printed(
  /port 80 (localhost:\d+)[\s\S]*in a browser: (http:\/\/localhost:\d+\/)[\s\S]*Ctrl-C/,
);
const [, ingress = '', url = ''] = printed;
const apply = async (file: string): Promise<void> => {
  await promisify(execFile)(programNode, [main, 'istio', 'apply', '--mesh', name, '-f', file]);
};
await apply('istio/demo/ingress.yaml');

const traffic = new AbortController();
const sending = (async () => {
  while (!traffic.signal.aborted) {
    await (await fetch(`http://${ingress}/@service1|service2/@service3/hello`)).text();
    await sleep(400);
  }
})();
const browser = await startBrowser();
try {
  await using watching = await openTab(browser);
  await watching.page.goto(url);
  await sleep(60_000);
  await apply('istio/examples/service3-for-service2-only.yaml');
  await sleep(20_000);
  for (const { name: picture, size, colorScheme, prepare } of pictures) {
    const [width, height] = size;
    await using tab = await openTab(browser, { viewport: { width, height }, colorScheme });
    await tab.page.goto(url);
    await tab.page.locator('.feed.live').waitFor();
    await prepare?.(tab.page);
    await tab.page.screenshot({ path: path.join(folder, `${picture}.png`) });
    process.stdout.write(`docs/page/${picture}.png\n`);
  }
} finally {
  traffic.abort();
  await sending;
  await browser.close();
}
