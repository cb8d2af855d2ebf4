/**
 * Returns the texts of a `Warning` header (RFC 7234, section 5.5), as the API server sends them.
 *
 * @example
 * warningsOf('299 - "v1 Endpoints is deprecated"'); // ['v1 Endpoints is deprecated']
 */
export function warningsOf(header: string | readonly string[] | undefined): string[] {
  const values = header === undefined ? [] : typeof header === 'string' ? [header] : header;
  const texts = values.flatMap((value) => [...value.matchAll(/\b299 \S+ "((?:[^"\\]|\\.)*)"/g)]);
  return [...new Set(texts.map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1')))];
}
