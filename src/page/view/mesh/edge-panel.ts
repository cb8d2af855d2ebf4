import { button, type Content, element } from '../../dom/elements.ts';
import { percent } from '../../model/mesh-graph.ts';
import type {
  ActingObject,
  ActingPart,
  EdgeDetails,
  EdgeRefusal,
  MeshEdge,
  MeshState,
} from '../../model/mesh-page-data.ts';
import {
  ago,
  copiesText,
  deletedText,
  edgeTitle,
  failedOf,
  failingCalls,
  failureCause,
  isQuiet,
  passedOnOf,
  reasonWords,
  refusedConnectionsOf,
  refusedConnectionsText,
  refusedOf,
  retriesText,
  statusText,
  windowText,
} from '../../model/mesh-words.ts';
import { scrolledTable } from './scrolled-table.ts';

/** Names of both ends of an edge. */
export interface EdgeEnds {
  readonly from: string;
  readonly to: string;
}

/** Returns what the proxies counted on an edge, and why they refused requests. */
export function edgeTraffic(edge: MeshEdge, ends: EdgeEnds, state: MeshState, onEdge: (id: string) => void): Content[] {
  return [
    element('p', {}, ...trafficSentence(edge, ends, state)),
    passedOnOf(edge, state.edges) > 0 ? element('p', {}, ...furtherOn(edge, state, onEdge)) : undefined,
    ...edge.refusals.map((refusal) => refusalText(refusal, ends, state)),
    edge.versions.length === 0 || isQuiet(edge) ? undefined : versionTable(edge),
  ];
}

/** Says because of which further calls an edge fails. */
function furtherOn(edge: MeshEdge, state: MeshState, onEdge: (id: string) => void): Content[] {
  const causes = failingCalls(edge.to, state.edges).flatMap((cause, index): Content[] => [
    index === 0 ? '' : ', and ',
    button(edgeTitle(state, cause.id), () => onEdge(cause.id), { class: 'foreign', 'data-key': `cause ${cause.id}` }),
    element('span', { class: 'foreign' }, ` ${failureCause(cause)}`),
  ]);
  const passed = passedOnOf(edge, state.edges);
  const head = passed < edge.traffic.errors ? `${passed} of these were answered 502 or 504` : 'These calls fail only';
  return [`${head} because `, ...causes, '.'];
}

function trafficSentence(edge: MeshEdge, { from }: EdgeEnds, state: MeshState): Content[] {
  const window = windowText(state);
  const since = state.kind === 'istio' ? 'since the proxies have started' : 'in all while a page was open';
  const { traffic, total } = edge;
  const connections = refusedConnectionsOf(edge);
  const unread =
    connections === 0
      ? undefined
      : element('span', { class: 'refused' }, ` ${refusedConnectionsText(connections)}, which do not count as calls.`);
  const copies =
    traffic.copies === undefined ? '' : ` Its proxy also sent ${copiesText(traffic.copies)}, which are not calls.`;
  if (isQuiet(edge)) return [`No calls ${window}, and ${total} ${since}.${copies}`, unread];
  const refused = refusedOf(edge) - connections;
  const failed = failedOf(edge);
  return [
    `${traffic.requests} ${traffic.requests === 1 ? 'call' : 'calls'} ${window}, ${rateText(traffic.perSecond)}`,
    refused === 0 ? undefined : element('span', { class: 'refused' }, `, ${refused} refused by a proxy`),
    failed === 0 ? undefined : element('span', { class: 'bad' }, `, ${failed} failed`),
    `. ${retriesSentence(edge, from)}${encryption(edge)} ${total} ${since}.${copies}`,
    unread,
  ];
}

function retriesSentence({ traffic }: MeshEdge, caller: string): string {
  const retries = retriesText(traffic);
  if (retries === undefined) return '';
  return `${retries} of ${caller}, after attempts that failed; a call counts once, with its last answer. `;
}

/** Returns a rate in words. */
function rateText(perSecond: number): string {
  return perSecond >= 0.1 ? `${perSecond.toFixed(1)} a second` : 'less than one in 10 seconds';
}

function encryption({ traffic: { requests, errors, rejected, mtls, plainText = 0 } }: MeshEdge): string {
  if (mtls + plainText === 0)
    return errors + rejected < requests
      ? 'A gateway does not count how its clients connect.'
      : 'None reached the callee.';
  if (mtls === 0) return 'They came without mTLS: the caller has shown no identity.';
  if (plainText > 0) return `${percent(mtls, mtls + plainText)} were encrypted by mTLS, the others came without it.`;
  return 'They were encrypted by mTLS, which shows each end the identity of the other.';
}

/** Returns a refusal in words: how many, whose proxy, why, and because of which object. */
function refusalText(refusal: EdgeRefusal, ends: EdgeEnds, state: MeshState): HTMLElement {
  const { count, by, reason, explanation, object, example, lastMs } = refusal;
  const proxy = `the proxy of ${by === 'caller' ? ends.from : ends.to}`;
  const rule = object?.rule === undefined ? '' : `, rule ${object.rule + 1}`;
  return element(
    'div',
    { class: 'refusal' },
    element(
      'p',
      {},
      element('strong', { class: 'refused foreign' }, `⊘ ${count} refused by ${proxy} (${reasonWords(reason)}). `),
      element('span', { class: 'foreign' }, explanation),
      ...(object === undefined || explanation.includes(object.title)
        ? []
        : [' Decided by ', element('strong', { class: 'foreign' }, `${object.title}${rule}`), '.']),
      element('span', { class: 'foreign' }, deletedText(refusal, state)),
    ),
    example && element('p', { class: 'faint foreign' }, `For example ${example.request}, ${ago(state.atMs - lastMs)}.`),
  );
}

function versionTable({ versions, protocols }: MeshEdge): HTMLElement {
  const rows = versions.map(({ from, to, traffic }) => [
    `${from || 'gateway'} → ${to || 'gateway'}`,
    String(traffic.requests),
    statusText(traffic, protocols),
    ms(traffic.meanMs),
    ms(traffic.p95Ms),
  ]);
  return scrolledTable('traffic by version', ['versions', 'calls', 'answers', 'mean', '95 % take up to'], rows);
}

function ms(value: number | undefined): string {
  if (value === undefined) return '';
  return value < 0.1 ? 'under 0.1 ms' : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** Returns the configuration that acts on an edge, in the order in which a request meets it. */
export function actingObjects(
  { objects, notes }: EdgeDetails,
  ends: EdgeEnds,
  refusals: readonly EdgeRefusal[],
  mesh: MeshState['kind'],
): Content[] {
  const deciding = new Set(refusals.map(({ object }) => object?.id));
  const items = objects.map((object) => actingItem(object, ends, deciding.has(object.id), mesh));
  return [
    objects.length === 0
      ? mesh === 'istio'
        ? element('p', {}, 'No object of Istio acts on these calls.')
        : undefined
      : element('ol', { class: 'acting' }, ...items),
    notes.length === 0
      ? undefined
      : element('ul', { class: 'notes' }, ...notes.map((note) => element('li', { class: 'foreign' }, note))),
  ];
}

function actingItem(object: ActingObject, ends: EdgeEnds, isDeciding: boolean, mesh: MeshState['kind']): HTMLElement {
  const { kind, namespace, name, about, where, side, parts, yaml, id } = object;
  const isIstio = mesh === 'istio';
  const proxy = `In the proxy of ${side === 'caller' ? ends.from : ends.to}: `;
  return element(
    'li',
    {},
    element(
      'h4',
      { class: 'foreign' },
      `${kind} ${name}`,
      isIstio ? element('small', {}, ` in ${namespace}`) : undefined,
      place(where),
      isDeciding ? element('span', { class: 'chip refused' }, '⊘ refuses calls now') : undefined,
    ),
    element('p', { class: 'foreign' }, isIstio ? element('small', {}, proxy) : undefined, about),
    parts.length === 0
      ? undefined
      : element(
          'ul',
          { class: 'parts' },
          ...parts.map((part) => partItem(part, id, isIstio ? '⊘ can refuse' : '✕ makes calls fail')),
        ),
    yamlDetails(`All of ${kind} ${name}`, yaml, `yaml ${id}`),
  );
}

function partItem({ path, text, canRefuse, where, yaml }: ActingPart, id: string, chip: string): HTMLElement {
  return element(
    'li',
    { class: canRefuse ? 'refusing' : undefined },
    element('strong', { class: 'foreign' }, text),
    canRefuse ? element('span', { class: 'chip refused' }, chip) : undefined,
    yamlDetails(path, yaml, `part ${id} ${path}`, where),
  );
}

/** Returns a text of YAML that can be opened. */
export function yamlDetails(title: string, yaml: string, key: string, where?: string): HTMLElement {
  return element(
    'details',
    { 'data-key': key },
    element('summary', { class: 'foreign' }, title, place(where)),
    element('pre', { class: 'foreign yaml', tabindex: 0 }, yaml),
  );
}

/** Returns the place of an object in a file. */
export function place(where: string | undefined): HTMLElement | undefined {
  return where === undefined ? undefined : element('code', { class: 'place foreign' }, where);
}

/** Returns the head of a panel: its title, which gets the focus, and a button that closes it. */
export function panelHead(title: string, onClose: () => void): HTMLElement {
  return element(
    'div',
    { class: 'panel-head' },
    element('h2', { tabindex: -1, class: 'foreign' }, title),
    button('Close', onClose),
  );
}
