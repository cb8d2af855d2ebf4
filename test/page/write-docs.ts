/**
 * Makes the pictures of docs/page.md from the real page: `npm run docs:page [-- NAME…]`. The picture `mesh` is that of a local
 * mesh with istio/examples/service3-for-service2-only.yaml, and needs its address: `npm run docs:page -- mesh localhost:8080`.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { startMesh } from '../running-mesh.ts';
import { openTab, startBrowser } from './browser.ts';

/** Picture of the page. */
interface Picture {
  readonly name: string;
  readonly path: string;
  readonly size: readonly [width: number, height: number];
  readonly colorScheme: 'light' | 'dark';
  /** True if a local mesh is needed. */
  readonly isOfMesh?: boolean;
  /** Does what the picture shows. */
  readonly prepare?: (page: Page) => Promise<void>;
}

const cascade = '/@service1|service2[end-user=jason],stock.invalid/@grpc:service3,service4/hello';

const openFirst = async (page: Page): Promise<void> => {
  await page.locator('button.row', { hasText: 'service2' }).first().click();
};

const compare = async (page: Page): Promise<void> => {
  await page.fill('#url', '/@service1|service2(/~status=503/x)/hello');
  await page.click('#run');
  await page.getByRole('button', { name: /^compare run 1/ }).click();
  await page.waitForSelector('.compared');
};

const live = async (page: Page): Promise<void> => {
  await page.click('#live');
  await page.waitForTimeout(15_000);
};

const build = async (page: Page): Promise<void> => {
  await page.getByRole('button', { name: 'Broken branch' }).click();
  await page.waitForSelector('.waterfall');
  await page.evaluate('scrollTo(0, 0)');
};

const pictures: readonly Picture[] = [
  { name: 'cascade', path: cascade, size: [1280, 860], colorScheme: 'light' },
  { name: 'cascade-dark', path: cascade, size: [1280, 860], colorScheme: 'dark' },
  { name: 'details', path: cascade, size: [1280, 1150], colorScheme: 'light', prepare: openFirst },
  { name: 'phone', path: cascade, size: [390, 1000], colorScheme: 'light' },
  {
    name: 'projector',
    path: '/@service2*60;concurrency=4/~status=503:0.1:version=v2/hello',
    size: [1024, 768],
    colorScheme: 'light',
  },
  { name: 'builder', path: '/', size: [1280, 860], colorScheme: 'light', prepare: build },
  { name: 'comparison', path: '/@service1|service2/hello', size: [1280, 700], colorScheme: 'light', prepare: compare },
  {
    name: 'live',
    path: '/@service2|service3/~status=503:0.2:version=v2/hello',
    size: [1024, 768],
    colorScheme: 'dark',
    prepare: live,
  },
];

const ofMesh: Picture = {
  name: 'mesh',
  isOfMesh: true,
  path: '/@service1|service2/@service3/hello',
  size: [1280, 1000],
  colorScheme: 'light',
};

const folder = path.join(import.meta.dirname, '../../docs/page');
const args = process.argv.slice(2);
const local = args.find((arg) => arg.includes(':'));
const only = args.filter((arg) => arg !== local);
mkdirSync(folder, { recursive: true });
const versions = ['v1', 'v2'].map((version) => ({ name: 'service2', version, pod: `service2-${version}-1` }));
await using mesh = await startMesh([{ name: 'gateway', page: {} }, 'service1', ...versions, 'service3', 'service4']);
const host = 'gateway';
const browser = await startBrowser([`${host} 127.0.0.1:${mesh.httpPort('gateway')}`]);
for (const { name, isOfMesh = false, path: target, size, colorScheme, prepare } of [...pictures, ofMesh]) {
  if (only.length > 0 ? !only.includes(name) : isOfMesh) continue;
  const [width, height] = size;
  await using tab = await openTab(browser, { viewport: { width, height }, colorScheme });
  const url = `http://${isOfMesh ? (local ?? 'localhost:8080') : host}${target}`;
  // The first answer of a mesh is that of programs that have just started.
  await tab.page.goto(url);
  await tab.page.goto(url);
  await tab.page.waitForSelector('main');
  await prepare?.(tab.page);
  await tab.page.screenshot({ path: path.join(folder, `${name}.png`) });
  process.stdout.write(`docs/page/${name}.png\n`);
}
await browser.close();
