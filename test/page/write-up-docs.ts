/** Makes the picture of the page of `meshmock up`, from a real mesh of processes: a part of `npm run docs:page`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram } from '../program.ts';
import { openTab, startBrowser } from './browser.ts';

const shop = `services:
  - name: frontend
  - name: reviews
    versions:
      - version: v1
      - version: v2
        behaviour: /~delay=20ms/~status=503:0.2
  - name: ratings
  - name: cart
`;

const file = path.join(import.meta.dirname, '../../docs/page/mesh-processes.png');
const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-docs-'));
await writeFile(path.join(folder, 'shop.yaml'), shop);
const ports = ['http', 'grpc', 'page'].flatMap((flag) => [`--${flag}`, 'localhost:0']);
await using up = startProgram(['up', 'shop.yaml', ...ports], { OTEL_SDK_DISABLED: 'true' }, folder);
await up.printed(/Ctrl-C/);
const url = /in a browser: (\S+)/.exec(up.stdout)?.[1] ?? '';
const entry = /frontend +http localhost:(\d+)/.exec(up.stdout)?.[1];
const browser = await startBrowser();
try {
  await using tab = await openTab(browser, { viewport: { width: 1280, height: 900 }, colorScheme: 'light' });
  const { page } = tab;
  await page.goto(url);
  await page.locator('.feed.live').waitFor();
  for (let call = 0; call < 60; call++)
    await (await fetch(`http://localhost:${entry}/@reviews|cart/@grpc:ratings/hello`)).text();
  await sleep(3000);
  await page.locator('[data-edge="frontend. reviews."]').focus();
  await page.keyboard.press('Enter');
  await page.locator('.acting').waitFor();
  await page.evaluate('scrollTo(0, 0)');
  await page.screenshot({ path: file });
  process.stdout.write('docs/page/mesh-processes.png\n');
} finally {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
}
