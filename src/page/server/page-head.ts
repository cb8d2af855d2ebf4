import { type Html, html } from './html-text.ts';
import type { PageFiles } from './page-files.ts';

/**
 * Returns the elements that load the program and the styles of a page.
 *
 * @param files files of the pages; without them, the page has no program
 */
export function headHtml(files: PageFiles | undefined, program: 'page' | 'mesh', nonce: string): Html | undefined {
  if (files === undefined) return undefined;
  const styles = program === 'mesh' ? (['page.css', 'mesh.css'] as const) : (['page.css'] as const);
  return html`<link rel="icon" href="${files['icon.svg'].path}" type="image/svg+xml">
${styles.map(
  (name) => html`<link rel="stylesheet" href="${files[name].path}" nonce="${nonce}">
`,
)}<link rel="modulepreload" href="${files['shared.js'].path}" nonce="${nonce}">
<script type="module" src="${files[`${program}.js`].path}" nonce="${nonce}"></script>
`;
}

/**
 * Returns the headers of a page. Its program and style must be files of this service that carry the nonce; nothing is
 * loaded from another host, and no text becomes HTML in a browser that knows Trusted Types.
 */
export function pageHeaders(nonce: string): string[] {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return [
    ...['content-security-policy', policy.join('; ')],
    ...['x-frame-options', 'DENY'],
    ...['referrer-policy', 'no-referrer'],
    ...['vary', 'accept'],
    // A page is shown again from memory after "back", and never without a question after "reload".
    ...['cache-control', 'private, no-cache'],
  ];
}
