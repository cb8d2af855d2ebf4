import type { IncomingMessage } from 'node:http';
import Negotiator from 'negotiator';
import { isEntry } from '../../execute/allowance.ts';

/** Programs that get no page, whatever they accept: their users read JSON and text. */
const commandLine = /^(?:curl|Wget|meshmock)\//;

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
