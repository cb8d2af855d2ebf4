import { MeshmockError } from '../../error/meshmock-error.ts';

/**
 * Parses the URL of a trace, with `{traceId}` in the place of its id.
 *
 * @example
 * parseTraceUrl('http://localhost:16686/trace/{traceId}');
 *
 * @throws MeshmockError `usage` if the text is not a URL of HTTP, or has no place for the id
 */
export function parseTraceUrl(text: string): string {
  const url = checkedUrl(text, 'http://localhost:16686/trace/{traceId}');
  if (url.includes('{traceId}')) return url;
  throw new MeshmockError('usage', `"${text}" has no {traceId}: expected one where the id of the trace belongs`);
}

/**
 * Parses the URL of a graph of services, in which `{namespace}` and `{service}` may occur.
 *
 * @throws MeshmockError `usage` if the text is not a URL of HTTP
 */
export function parseGraphUrl(text: string): string {
  return checkedUrl(text, 'http://localhost:20001/kiali/console/graph/namespaces?namespaces={namespace}');
}

/** Checks that a URL is of HTTP: a link with another scheme could run a program in the page. */
function checkedUrl(text: string, example: string): string {
  const plain = text.replaceAll(/\{(?:traceId|namespace|service)\}/g, 'x');
  if (/^https?:\/\/[^/]/.test(text) && URL.canParse(plain)) return text;
  throw new MeshmockError('usage', `"${text}" is not a URL such as ${example}`);
}
