import type { MeshEdge, MeshPageData, MeshState } from '../model/mesh-page-data.ts';
import { edgeLabel, edgeTitle, reasonWords, refusedOf } from '../model/mesh-words.ts';
import { type Html, html } from './html-text.ts';
import type { PageFiles } from './page-files.ts';
import { type SentPage, sentPage } from './sent-page.ts';

/**
 * Makes the page of a local mesh: its calls as a table for browsers without JavaScript, and the data for the page's program.
 *
 * @param files files of the page; without them, the page has no program
 */
export function meshPage(data: MeshPageData, files: PageFiles | undefined): SentPage {
  const { state } = data;
  const plain = html`<h1>Local mesh ${state.mesh}</h1>
<p>Without JavaScript, this page shows the calls up to now, and does not follow the mesh. Load it again.</p>
<table class="tree">
<thead><tr><th scope="col">calls</th><th scope="col">answers</th><th scope="col">refused by a proxy</th></tr></thead>
<tbody>
${state.edges.map((edge) => edgeHtml(state, edge))}</tbody>
</table>
`;
  return sentPage({ title: `Local mesh ${state.mesh} · meshmock`, program: 'mesh', plain, data }, files);
}

function edgeHtml(state: MeshState, edge: MeshEdge): Html {
  const reasons = [...new Set(edge.refusals.map(({ reason }) => reasonWords(reason)))].join(', ');
  const refused = refusedOf(edge) === 0 ? '' : `${refusedOf(edge)}: ${reasons}`;
  return html`<tr><th scope="row">${edgeTitle(state, edge.id)}</th><td>${edgeLabel(edge)}</td><td>${refused}</td></tr>
`;
}
