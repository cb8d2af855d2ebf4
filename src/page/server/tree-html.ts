import type { TreeRow } from '../../render/tree-rows.ts';
import { type Html, html } from './html-text.ts';

/** Maximum number of rows that a page without a program shows. */
const mostRows = 1000;

/** Width of a bar, in the units of its drawing. */
const barWidth = 100;

/** Returns the tree of a reply as a table: for browsers without JavaScript, and until the page's program has run. */
export function treeHtml(rows: readonly TreeRow[]): Html {
  const totalMs = rows[0]?.durationMs ?? 0;
  const left = rows.length - mostRows;
  return html`<table class="tree">
<thead><tr><th scope="col">service</th><th scope="col">status</th><th scope="col">time</th><th scope="col">when</th><th scope="col">notes</th></tr></thead>
<tbody>
${rows.slice(0, mostRows).map((row) => rowHtml(row, totalMs))}</tbody>
</table>
${left > 0 ? html`<p>${left} further rows are only in the JSON.</p>` : undefined}`;
}

function rowHtml(row: TreeRow, totalMs: number): Html {
  const pod = row.pod === undefined ? '' : ` (${row.pod})`;
  return html`<tr><th scope="row"><span class="branch" aria-hidden="true">${row.branch}</span>${row.name}<small>${pod}</small></th><td class="${classOf(row.outcome)}">${row.outcome}</td><td class="number">${row.durationMs.toFixed(1)} ms</td><td>${barHtml(row, totalMs)}</td><td>${row.notes.join(' · ')}</td></tr>
`;
}

function classOf(outcome: string): string {
  return /^[23]/.test(outcome) ? 'good' : 'bad';
}

function barHtml({ startMs, durationMs, outcome }: TreeRow, totalMs: number): Html {
  const scale = totalMs > 0 ? barWidth / totalMs : 0;
  const start = Math.min(barWidth - 1, startMs * scale);
  const width = Math.min(barWidth - start, Math.max(1, durationMs * scale));
  return html`<svg class="bar" viewBox="0 0 100 8" width="120" height="10" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="8"/><rect class="${classOf(outcome)}" x="${start.toFixed(2)}" width="${width.toFixed(2)}" height="8"/></svg>`;
}
