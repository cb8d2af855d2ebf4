import { randomBytes } from 'node:crypto';
import { dataElementId } from '../model/page-data.ts';
import { type Html, html, scriptJson } from './html-text.ts';
import type { PageFiles } from './page-files.ts';

/** Page as it is sent. */
export interface SentPage {
  readonly html: string;
  /** Headers of the page besides its content type: names and values in turn. */
  readonly headers: readonly string[];
}

/** Parts of a page in which the pages of plans and of meshes differ. */
interface PageParts {
  readonly title: string;
  readonly program: 'page' | 'mesh';
  /** Contents for browsers without JavaScript. The page's program replaces them. */
  readonly plain: Html;
  /** Data for the page's program. */
  readonly data: object;
}

/**
 * Returns a page: its program, its contents for browsers without JavaScript, and the data for its program.
 *
 * @param files files of the pages; without them, the page has no program
 */
export function sentPage({ title, program, plain, data }: PageParts, files: PageFiles | undefined): SentPage {
  const nonce = randomBytes(16).toString('base64');
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
${headHtml(files, program, nonce)}</head>
<body>
<div id="app"><main class="plain">
${plain}</main></div>
<script type="application/json" id="${dataElementId}">${scriptJson(data)}</script>
</body>
</html>
`;
  return { html: page.text, headers: pageHeaders(nonce) };
}

/** Returns the elements that load the program and the styles of a page. */
function headHtml(files: PageFiles | undefined, program: 'page' | 'mesh', nonce: string): Html | undefined {
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
function pageHeaders(nonce: string): string[] {
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
