import { randomBytes } from 'node:crypto';
import type { MeshEdge, MeshPageData, MeshState } from '../model/mesh-page-data.ts';
import { edgeLabel, edgeTitle, reasonWords, refusedOf } from '../model/mesh-words.ts';
import { dataElementId } from '../model/page-data.ts';
import { type Html, html, scriptJson } from './html-text.ts';
import type { PageFiles } from './page-files.ts';
import { headHtml, pageHeaders } from './page-head.ts';
import type { PlanPage } from './plan-page.ts';

/**
 * Makes the page of a local mesh: its calls as a table for browsers without JavaScript, and the data for the page's program.
 *
 * @param files files of the page; without them, the page has no program
 */
export function meshPage(data: MeshPageData, files: PageFiles | undefined): PlanPage {
  const nonce = randomBytes(16).toString('base64');
  const { state } = data;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Local mesh ${state.mesh} · meshmock</title>
${headHtml(files, 'mesh', nonce)}</head>
<body>
<div id="app"><main class="plain">
<h1>Local mesh ${state.mesh}</h1>
<p>Without JavaScript, this page shows the calls up to now, and does not follow the mesh. Load it again.</p>
<table class="tree">
<thead><tr><th scope="col">calls</th><th scope="col">answers</th><th scope="col">refused by a proxy</th></tr></thead>
<tbody>
${state.edges.map((edge) => edgeHtml(state, edge))}</tbody>
</table>
</main></div>
<script type="application/json" id="${dataElementId}">${scriptJson(data)}</script>
</body>
</html>
`;
  return { html: page.text, headers: pageHeaders(nonce) };
}

function edgeHtml(state: MeshState, edge: MeshEdge): Html {
  const reasons = [...new Set(edge.refusals.map(({ reason }) => reasonWords(reason)))].join(', ');
  const refused = refusedOf(edge) === 0 ? '' : `${refusedOf(edge)}: ${reasons}`;
  return html`<tr><th scope="row">${edgeTitle(state, edge.id)}</th><td>${edgeLabel(edge)}</td><td>${refused}</td></tr>
`;
}
