import type { TreeRow } from '../../render/tree-rows.ts';
import { quoteWord } from '../../send/forms/shell-words.ts';
import { fillLink, type PageData } from '../model/page-data.ts';
import { type Html, html } from './html-text.ts';
import type { PageFiles } from './page-files.ts';
import { type SentPage, sentPage } from './sent-page.ts';
import { treeHtml } from './tree-html.ts';

/**
 * Makes the page of a request: the tree of its reply as HTML, and the same reply as data for the page's program. So the
 * program shows what this request did, and does not send it again.
 *
 * @param rows rows of the tree
 * @param files files of the page; without them, the page has no program
 */
export function planPage(data: PageData, rows: readonly TreeRow[], files: PageFiles | undefined): SentPage {
  const { reply } = data;
  const { method = '', uri = '/' } = reply.request ?? {};
  const plain = html`<h1>${method} ${uri}</h1>
<p>This is the answer of ${reply.service} ${reply.version}: ${reply.error?.code ?? String(reply.status)}.</p>
${errorHtml(data)}${treeHtml(rows)}
${reply.body === undefined ? undefined : html`<h2>Body</h2><pre>${reply.body}</pre>`}
${reply.try === undefined ? undefined : html`<h2>Try</h2><pre>${reply.try.join('\n')}</pre>`}
${traceHtml(data)}<h2>As JSON</h2>
<pre>${curlOf(data)}</pre>
`;
  return sentPage({ title: `${uri} · ${reply.service} · meshmock`, program: 'page', plain, data }, files);
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
