import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

/** Places of Chromium, by system. */
const places = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Longest time of a start, a navigation, or a wait for an element, in milliseconds: on a busy machine, too. */
const longestWaitMs = 120_000;

/**
 * Starts a headless Chromium.
 *
 * @param hosts names with the address that they lead to, such as `gateway 127.0.0.1:40001`
 */
export function startBrowser(hosts: readonly string[] = []): Promise<Browser> {
  const executablePath = places.find((place) => place !== '' && existsSync(place));
  if (executablePath === undefined)
    throw new Error('no Chromium: install the package chromium, or set CHROMIUM to its program');
  return chromium.launch({
    executablePath,
    timeout: longestWaitMs,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      `--host-resolver-rules=${hosts.map((host) => `MAP ${host}`).join(', ')}`,
    ],
  });
}

/** Tab of a browser, and what went wrong in it. */
export interface Tab extends AsyncDisposable {
  readonly page: Page;
  /** Errors of programs, and what the policy of the page has blocked. */
  readonly problems: readonly string[];
  /** Requests in their order, such as `GET /hello`. */
  readonly requests: readonly string[];
}

/** Opens a tab. */
export async function openTab(
  browser: Browser,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Tab & { readonly context: BrowserContext }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(longestWaitMs);
  const page = await context.newPage();
  const problems: string[] = [];
  const requests: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    if (/content security policy|trusted ?type/i.test(message.text())) problems.push(message.text());
  });
  page.on('request', (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  return { page, context, problems, requests, [Symbol.asyncDispose]: () => context.close() };
}
