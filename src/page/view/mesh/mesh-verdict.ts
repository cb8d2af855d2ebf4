import { button, type Content, element, link } from '../../dom/elements.ts';
import type { ChangeEffect } from '../../model/change-effects.ts';
import { hasProblem, inheritedEdges } from '../../model/mesh-graph.ts';
import type { MeshState } from '../../model/mesh-page-data.ts';
import {
  changeTitle,
  edgeTitle,
  type MeshSums,
  meshSums,
  reasonWords,
  refusalSentences,
  refusedConnectionsText,
  refusedOf,
  statusText,
  timeOfDay,
  windowText,
} from '../../model/mesh-words.ts';

/** Number of edges with a problem that a verdict names. */
const mostProblems = 6;

/** Says in sentences what happens in the mesh, and on which edges calls fail. */
export function meshVerdict(state: MeshState, onEdge: (id: string) => void): Content[] {
  const inherited = inheritedEdges(state);
  const sums = meshSums(state);
  if (sums.requests + sums.connections === 0)
    return [element('p', { class: 'verdict' }, quietText(state), ...invitation(state))];
  const problems = state.edges
    .filter((edge) => hasProblem(edge) && !inherited.has(edge.id))
    .sort((a, b) => refusedOf(b) - refusedOf(a));
  const items = problems.slice(0, mostProblems).map((edge) => {
    const reasons = [...new Set(edge.refusals.map(({ reason }) => reasonWords(reason)))].join(', ');
    const count = refusedOf(edge);
    const words = count === 0 ? statusText(edge.traffic, edge.protocols) : `${count} refused by a proxy (${reasons}).`;
    return element(
      'li',
      {},
      button(edgeTitle(state, edge.id), () => onEdge(edge.id), { class: 'foreign', 'data-key': `problem ${edge.id}` }),
      element('span', { class: `foreign ${count === 0 ? 'bad' : 'refused'}` }, ` ${words} `),
      element('span', { class: 'foreign' }, refusalSentences(edge, state)),
    );
  });
  return [
    element('p', { class: 'verdict' }, ...sumSentence(sums, windowText(state))),
    items.length === 0 ? undefined : element('ul', { class: 'runs problems' }, ...items),
    problems.length <= mostProblems
      ? undefined
      : element('p', { class: 'faint' }, `and ${problems.length - mostProblems} more, in the graph`),
  ];
}

/** Time after which a page has seen that there are no calls, in milliseconds. */
const firstMs = 2000;

function quietText(state: MeshState): string {
  return state.windowMs < firstMs ? 'Calls are counted from now on. ' : `No calls ${windowText(state)}. `;
}

function sumSentence(
  { requests, edges, refused, failed, connections, rejected, inherited }: MeshSums,
  window: string,
): Content[] {
  const calls = requests === 1 ? 'call' : 'calls';
  const bad: Content[] = [
    refused === 0 ? undefined : element('span', { class: 'refused' }, `${refused} refused by a proxy`),
    failed === 0 ? undefined : element('span', { class: 'bad' }, `${failed} failed`),
    rejected === 0 ? undefined : `${rejected} answered with 4xx`,
    connections === 0 ? undefined : element('span', { class: 'refused' }, refusedConnectionsText(connections)),
  ].filter((part) => part !== undefined);
  return [
    `${requests} ${calls} between ${edges} ${edges === 1 ? 'pair' : 'pairs'} of services ${window}`,
    bad.length === 0 && inherited === 0 ? '. All were answered well.' : undefined,
    ...bad.flatMap((part) => [', ', part]),
    bad.length === 0 && inherited === 0 ? undefined : '. ',
    inherited === 0
      ? undefined
      : `${inherited} further ${inherited === 1 ? 'call' : 'calls'} failed only because of these (502 or 504).`,
  ];
}

/** Number of pages of services that are offered. */
const mostPages = 5;

function invitation({ nodes }: MeshState): Content[] {
  const pages = nodes.filter(({ url }) => url !== undefined).slice(0, mostPages);
  if (pages.length === 0) return [];
  const links = pages.flatMap(({ name, url = '' }, index) => [index === 0 ? '' : ', ', link(url, name)]);
  return ['Send some from the page of a service: ', ...links, '.'];
}

/** Says what the newest change was, and what is different since then. Empty if nothing was applied since the start. */
export function newestChange(state: MeshState, effects: readonly ChangeEffect[]): Content[] {
  const [change] = state.changes;
  if (change === undefined || change.by === 'start') return [];
  const changed = effects.filter(({ differences }) => differences.length > 0);
  const [first] = changed;
  const own = changed.filter(({ isInherited }) => !isInherited).length;
  const more = own > 1 ? `, and ${own - 1} more` : '';
  const results = changed.length - Math.max(own, 1);
  const further = results === 0 ? '' : `; ${results} more only because of that`;
  const difference =
    first === undefined
      ? ''
      : ` Since then: ${edgeTitle(state, first.edge)}: ${first.differences.join('; ')}${more}${further}.`;
  const reason = change.reason === undefined ? '' : ` ${change.reason}`;
  return [element('strong', {}, `${timeOfDay(change.atMs)} ${changeTitle(change)}.`), reason, difference];
}
