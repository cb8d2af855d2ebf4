import { type Content, element, link } from '../dom/elements.ts';
import { callGraph } from '../model/call-graph.ts';
import { allRows, type CallRow, callRows, failedCallsOf } from '../model/call-rows.ts';
import { outcomeWords } from '../model/graph-words.ts';
import { fillLink, type PageData } from '../model/page-data.ts';
import type { Run } from '../model/run.ts';
import { copyMenu } from '../view/copy-menu.ts';
import { graphView } from '../view/graph-view.ts';
import { waterfall } from '../view/waterfall.ts';
import { copyForms } from './copy-forms.ts';

/** Shows the result of a run: what happened in a sentence, the graph, the calls over time, the body and the JSON. */
export function resultView(run: Run, data: PageData): HTMLElement {
  const { result } = run;
  switch (result.kind) {
    case 'failed':
      return section(run, element('p', { class: 'bad' }, result.message));
    case 'redirect':
      return section(run, element('p', { class: 'notice' }, redirectText));
    case 'other':
      return section(
        run,
        element(
          'p',
          { class: 'refused' },
          `The answer has the status ${result.status} and is not the reply of a meshmock. A proxy on the way may have made it.`,
        ),
        element('pre', { class: 'foreign', tabindex: 0 }, result.text),
      );
    case 'reply':
      return section(run, ...replyParts(run, result.reply, data));
  }
}

const redirectText = 'The answer is a redirect, which a page cannot read. Copy the URL, and use curl for it.';

function section(run: Run, ...content: readonly Content[]): HTMLElement {
  return element('section', { class: 'result', 'aria-label': `run ${run.number}` }, ...content);
}

function replyParts(run: Run, reply: PageData['reply'], data: PageData): Content[] {
  const root = callRows(reply);
  const rows = allRows(root);
  const calls = waterfall(root, data.links);
  const graph = callGraph(reply);
  const openRow = (ids: readonly string[]): void => {
    const [first] = ids;
    if (first !== undefined) calls.open(first);
  };
  const drawn = graphView(graph, {
    onNode: ({ id }) => openRow(graph.edges.find(({ to }) => to === id)?.rows ?? ['']),
    onEdge: ({ rows: ids }) => openRow(ids),
  });
  return [
    element('p', { class: 'verdict' }, ...verdict(reply, rows)),
    errorPart(reply),
    graph.edges.length === 0 ? undefined : element('div', {}, element('h2', {}, 'Who called whom'), drawn),
    element('div', {}, element('h2', {}, 'When each call ran'), calls.element),
    reply.body === undefined ? undefined : element('div', {}, element('h2', {}, 'Body'), pre(reply.body)),
    element('div', {}, element('h2', {}, 'Copy'), copyMenu(copyForms(run, reply, root, data))),
    traceLine(reply, data),
    jsonPart(reply),
  ];
}

function pre(text: string): HTMLElement {
  return element('pre', { class: 'foreign', tabindex: 0 }, text);
}

/** Says in a sentence what happened. */
function verdict(reply: PageData['reply'], rows: ReturnType<typeof allRows>): Content[] {
  const calls = rows.slice(1);
  const made = sumOf(calls, ({ call }) => call?.summary?.count ?? 1);
  const refused = sumOf(calls, ({ tone }) => Number(tone === 'refused'));
  const failed = sumOf(calls, (row) => (row.tone === 'refused' || row.isInherited ? 0 : failedCallsOf(row)));
  const root = rows[0];
  return [
    element('strong', { class: `outcome ${root?.tone ?? 'good'}` }, String(reply.error?.code ?? reply.status)),
    ` from ${reply.service} ${reply.version ?? ''} after ${reply.durationMs ?? 0} ms. `,
    made === 0 ? 'It made no calls.' : `${made} ${made === 1 ? 'call' : 'calls'}`,
    ...(made === 0 ? [] : [refused === 0 && failed === 0 ? ', all answered well.' : '']),
    ...(refused === 0 ? [] : [', ', element('span', { class: 'refused' }, `${refused} refused by a proxy`)]),
    ...(failed === 0 ? [] : [', ', element('span', { class: 'bad' }, `${failed} failed`)]),
    ...(refused + failed === 0 ? [] : [': ', element('span', { class: 'foreign' }, causes(calls)), '.']),
  ];
}

/** Number of causes that a verdict names. */
const mostCauses = 3;

/** Names the calls that failed on their own, and not because of a call below them. */
function causes(calls: readonly CallRow[]): string {
  const found = calls.filter((row) => failedCallsOf(row) > 0 && !row.isInherited);
  const named = found
    .slice(0, mostCauses)
    .map(({ name, outcome, call }) => `${name} (${call?.mesh?.refusal?.reason ?? outcomeWords(outcome)})`);
  return [...named, ...(found.length > mostCauses ? [`${found.length - mostCauses} more`] : [])].join(', ');
}

function sumOf(rows: readonly CallRow[], countOf: (row: CallRow) => number): number {
  return rows.reduce((sum, row) => sum + countOf(row), 0);
}

function errorPart({ error }: PageData['reply']): HTMLElement | undefined {
  if (error === undefined) return undefined;
  return element(
    'div',
    {},
    element('p', { class: 'bad' }, error.message),
    error.caret === undefined ? undefined : pre(error.caret.join('\n')),
  );
}

function traceLine(
  { traceId, service, namespace = 'default' }: PageData['reply'],
  { links }: PageData,
): HTMLElement | undefined {
  if (traceId === undefined) return undefined;
  return element(
    'p',
    {},
    'Trace ',
    links.traceUrl === undefined ? element('code', {}, traceId) : link(fillLink(links.traceUrl, { traceId }), traceId),
    links.graphUrl === undefined ? undefined : ' · ',
    links.graphUrl === undefined
      ? undefined
      : link(fillLink(links.graphUrl, { namespace, service }), 'the mesh as a graph'),
  );
}

function jsonPart(reply: PageData['reply']): HTMLElement {
  const shown = pre('');
  const made = element('details', {}, element('summary', {}, 'The answer as JSON'), shown);
  made.addEventListener('toggle', () => {
    if (made.open && shown.textContent === '') shown.textContent = JSON.stringify(reply, undefined, 2);
  });
  return made;
}
