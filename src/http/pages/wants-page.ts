import type { IncomingMessage } from 'node:http';
import Negotiator from 'negotiator';
import { isEntry } from '../../execute/allowance.ts';

/**
 * Programs that get no page, whatever they accept: their users read JSON and text. Java's own client names HTML in each
 * request, since `java.net.HttpURLConnection` began as a part of a browser.
 */
const commandLine = /^(?:curl|Wget|meshmock|Java)\//;

/**
 * Reports whether a client asks for a page, as browsers do: it names HTML, and prefers it to JSON. Clients that accept
 * everything get JSON.
 *
 * @example
 * wantsPage(request); // true for `Accept: text/html,application/xhtml+xml,*\/*;q=0.8`
 */
export function wantsPage(request: IncomingMessage): boolean {
  const { headers, method } = request;
  const { accept } = headers;
  // Hops of a cascade end here.
  if (accept === undefined || !accept.includes('text/html')) return false;
  if ((method !== 'GET' && method !== 'HEAD') || !isEntry(headers)) return false;
  if (commandLine.test(headers['user-agent'] ?? '')) return false;
  return new Negotiator(request).mediaType(['application/json', 'text/plain', 'text/html']) === 'text/html';
}

/**
 * Reports whether a browser loads a URL in advance, before its user has decided to open it. Chromium and Firefox say so
 * in `Sec-Purpose`, older browsers in `Purpose`.
 *
 * @example
 * isLoadedInAdvance(request); // true for `Sec-Purpose: prefetch;prerender`
 */
export function isLoadedInAdvance({ headers }: IncomingMessage): boolean {
  const purpose = headers['sec-purpose'] ?? headers.purpose;
  return purpose !== undefined && /^prefetch\b/i.test(String(purpose)) && isEntry(headers);
}
