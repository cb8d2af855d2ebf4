import { randomBytes } from 'node:crypto';
import type { TreeRow } from '../../render/tree-rows.ts';
import { quoteWord } from '../../send/forms/shell-words.ts';
import { dataElementId, fillLink, type PageData } from '../model/page-data.ts';
import { type Html, html, scriptJson } from './html-text.ts';
import type { PageFiles } from './page-files.ts';
import { headHtml, pageHeaders } from './page-head.ts';
import { treeHtml } from './tree-html.ts';

/** Page as it is sent. */
export interface PlanPage {
  readonly html: string;
  /** Headers of the page besides its content type: names and values in turn. */
  readonly headers: readonly string[];
}

/**
 * Makes the page of a request: the tree of its reply as HTML, and the same reply as data for the page's program. So the
 * program shows what this request did, and does not send it again.
 *
 * @param rows rows of the tree
 * @param files files of the page; without them, the page has no program
 */
export function planPage(data: PageData, rows: readonly TreeRow[], files: PageFiles | undefined): PlanPage {
  const nonce = randomBytes(16).toString('base64');
  const { reply } = data;
  const { method = '', uri = '/' } = reply.request ?? {};
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${uri} · ${reply.service} · meshmock</title>
${headHtml(files, 'page', nonce)}</head>
<body>
<div id="app"><main class="plain">
<h1>${method} ${uri}</h1>
<p>This is the answer of ${reply.service} ${reply.version}: ${reply.error?.code ?? String(reply.status)}.</p>
${errorHtml(data)}${treeHtml(rows)}
${reply.body === undefined ? undefined : html`<h2>Body</h2><pre>${reply.body}</pre>`}
${reply.try === undefined ? undefined : html`<h2>Try</h2><pre>${reply.try.join('\n')}</pre>`}
${traceHtml(data)}<h2>As JSON</h2>
<pre>${curlOf(data)}</pre>
</main></div>
<script type="application/json" id="${dataElementId}">${scriptJson(data)}</script>
</body>
</html>
`;
  return { html: page.text, headers: pageHeaders(nonce) };
}

function errorHtml({ reply: { error } }: PageData): Html | undefined {
  if (error === undefined) return undefined;
  return html`<p class="bad">${error.message}</p><pre>${(error.caret ?? []).join('\n')}</pre>
`;
}

function traceHtml({ reply: { traceId }, links: { traceUrl } }: PageData): Html | undefined {
  if (traceId === undefined) return undefined;
  if (traceUrl === undefined) return html`<p>Trace ${traceId}</p>`;
  return html`<p>Trace <a href="${fillLink(traceUrl, { traceId })}">${traceId}</a></p>
`;
}

/** Returns a command that sends the request again and prints JSON. */
function curlOf({ reply }: PageData): string {
  const host = reply.request?.headers?.host ?? 'localhost:8080';
  return `curl -g ${quoteWord(host + (reply.request?.uri ?? '/'))}`;
}
