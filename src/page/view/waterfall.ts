import { element, fill, svg } from '../dom/elements.ts';
import { allRows, type CallRow } from '../model/call-rows.ts';
import { shortOutcome } from '../model/graph-words.ts';
import type { PageLinks } from '../model/page-data.ts';
import { distributions } from './distributions.ts';
import { rowDetails } from './row-details.ts';

/** Number of ticks of the time axis, besides 0. */
const ticks = 4;

/** Rows of a waterfall that can be opened. */
export interface Waterfall {
  readonly element: HTMLElement;
  /** Opens the row of an id, and moves the focus to it. */
  open(id: string): void;
}

/**
 * Draws the calls of a reply over time. Each row is a button that opens what is known of its call. Up and Down move
 * between the rows.
 */
export function waterfall(root: CallRow, links: PageLinks): Waterfall {
  const totalMs = Math.max(root.durationMs, ...root.children.map(({ startMs, durationMs }) => startMs + durationMs));
  const opened = new Map<string, RowElement>();
  const tree = element('ul', { class: 'calls' }, rowItem(root, { totalMs, depth: 0, links, opened }));
  tree.addEventListener('keydown', moveFocus);
  const made = element('div', { class: 'waterfall' }, timeAxis(totalMs), tree, legend(root));
  return {
    element: made,
    open(id) {
      const row = opened.get(id);
      row?.setOpen(true);
      row?.button.focus();
      row?.button.scrollIntoView({ block: 'center' });
    },
  };
}

interface Layout {
  readonly totalMs: number;
  readonly depth: number;
  readonly links: PageLinks;
  readonly opened: Map<string, RowElement>;
}

interface RowElement {
  readonly button: HTMLButtonElement;
  setOpen(isOpen: boolean): void;
}

function rowItem(row: CallRow, layout: Layout): HTMLLIElement {
  const detailsId = `details-${row.id === '' ? 'root' : row.id.replaceAll('.', '-')}`;
  const button = element(
    'button',
    { type: 'button', class: 'row', 'aria-expanded': 'false', 'aria-controls': detailsId },
    nameOf(row),
    element('span', { class: `outcome ${row.tone}` }, toneMark(row), shortOutcome(row.outcome)),
    element('span', { class: 'time' }, `${row.durationMs.toFixed(1)} ms`),
    bar(row, layout.totalMs),
    longNotes(row),
  );
  button.style.setProperty('--depth', String(Math.min(layout.depth, 12)));
  const details = element('div', { id: detailsId, class: 'details', hidden: '' });
  const rowElement: RowElement = {
    button,
    setOpen(isOpen) {
      button.setAttribute('aria-expanded', String(isOpen));
      details.hidden = !isOpen;
      // Made when it is first needed: most rows stay closed.
      if (isOpen && !details.hasChildNodes()) fill(details, ...detailsOf(row, layout.links));
    },
  };
  button.addEventListener('click', () => rowElement.setOpen(button.getAttribute('aria-expanded') !== 'true'));
  layout.opened.set(row.id, rowElement);
  if (row.call?.summary !== undefined) rowElement.setOpen(true);
  const below = { ...layout, depth: layout.depth + 1 };
  return element('li', {}, button, details, row.children.length === 0 ? undefined : childList(row, below));
}

function detailsOf(row: CallRow, links: PageLinks): HTMLElement[] {
  const { summary } = row.call ?? {};
  if (summary === undefined) return [rowDetails(row, links)];
  const facts = element(
    'details',
    {},
    element('summary', {}, 'the first call that failed, or the first call'),
    rowDetails(row, links),
  );
  return [distributions(summary), facts];
}

function childList(row: CallRow, layout: Layout): HTMLUListElement {
  return element('ul', {}, ...row.children.map((child) => rowItem(child, layout)));
}

/** Longest notes that have room beside the name, in characters. */
const shortNotes = 14;

/** Returns the name of a row, with its stage before it and short notes after it. */
function nameOf({ name, pod, stage, notes }: CallRow): HTMLSpanElement {
  const note = notes.join(' · ');
  return element(
    'span',
    { class: 'name foreign' },
    stage === undefined ? undefined : element('span', { class: 'stage' }, `step ${stage + 1} `),
    name,
    note === '' || note.length > shortNotes ? undefined : element('span', { class: 'chip' }, note),
    pod === undefined ? undefined : element('small', {}, ` ${pod}`),
  );
}

/** Returns the notes of a row if they need a line. Those of a repeated call are in its distributions. */
function longNotes({ notes, call }: CallRow): HTMLSpanElement | undefined {
  if (call?.summary !== undefined) return undefined;
  const note = notes.join(' · ');
  return note.length <= shortNotes ? undefined : element('span', { class: 'notes foreign' }, note);
}

const toneMarks = { good: '', notice: '! ', refused: '⊘ ', bad: '✕ ' } as const;

/** Returns the sign of a tone, so that colour is not needed to see it. */
function toneMark({ tone }: CallRow): HTMLSpanElement {
  return element('span', { 'aria-hidden': 'true' }, toneMarks[tone]);
}

/** Draws when a call ran: solid in the service, hatched in the proxy. Where in the call the proxy took its time is not known. */
function bar({ startMs, durationMs, proxyMs = 0, tone, isInherited }: CallRow, totalMs: number): SVGElement {
  const scale = totalMs > 0 ? 100 / totalMs : 0;
  const start = Math.min(99.5, startMs * scale);
  const width = Math.min(100 - start, Math.max(0.5, durationMs * scale));
  const own = durationMs > 0 ? width * (1 - proxyMs / durationMs) : width;
  const rest = (width - own) / 2;
  return svg(
    'svg',
    {
      class: `bar ${tone}${isInherited ? ' inherited' : ''}`,
      width: '100%',
      height: 14,
      'aria-hidden': 'true',
      focusable: 'false',
    },
    svg('rect', { class: 'track', width: '100%', height: 14 }),
    ...(proxyMs > 0 ? [hatched(start, rest), hatched(start + rest + own, rest)] : []),
    svg('rect', { class: 'solid', x: `${start + rest}%`, width: `${own}%`, height: 14 }),
  );
}

function hatched(start: number, width: number): SVGElement {
  return svg('rect', { class: 'hatched', x: `${start}%`, width: `${width}%`, height: 14, fill: 'url(#hatch)' });
}

/** Returns the head of a waterfall: the names of the columns, and the time axis. */
export function timeAxis(totalMs: number): HTMLElement {
  const digits = totalMs < 10 ? 1 : 0;
  const labels = Array.from({ length: ticks + 1 }, (_, index) =>
    element('span', {}, `${((totalMs * index) / ticks).toFixed(digits)}${index === ticks ? ' ms' : ''}`),
  );
  return element(
    'div',
    { class: 'axis', 'aria-hidden': 'true' },
    element('span', {}, 'service'),
    element('span', { class: 'outcome' }, 'answer'),
    element('span', { class: 'time' }, 'time'),
    element('span', { class: 'ticks' }, ...labels),
    hatchPattern(),
  );
}

/** Returns the pattern of the proxies' time, which all bars of the page use. */
function hatchPattern(): SVGElement {
  return svg(
    'svg',
    { class: 'hidden', width: 0, height: 0 },
    svg(
      'defs',
      {},
      svg(
        'pattern',
        { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
        svg('rect', { class: 'hatch-ground', width: 6, height: 6 }),
        svg('rect', { class: 'hatch-line', width: 2.5, height: 6 }),
      ),
    ),
  );
}

function legend(root: CallRow): HTMLElement {
  const hasProxy = allRows(root).some(({ proxyMs = 0 }) => proxyMs > 0);
  const hatch = element(
    'span',
    {},
    bar({ ...root, startMs: 0, durationMs: 1, proxyMs: 1, tone: 'good' }, 1),
    ' time in the proxy of the caller (half of it at each end, since nothing says where)',
  );
  const inherited = allRows(root).some(({ isInherited }) => isInherited)
    ? 'A pale bar failed only because a call below it failed. '
    : undefined;
  return element(
    'p',
    { class: 'legend' },
    'A bar is the time of a call, as its caller sees it. Calls of one step run at once. ',
    inherited,
    hasProxy ? hatch : undefined,
  );
}

/** Moves the focus between the rows of a waterfall by Up and Down. */
export function moveFocus(event: KeyboardEvent): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  const target = event.target as HTMLElement;
  if (step === 0 || !target.matches('button.row')) return;
  const rows = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('button.row')];
  const next = rows[rows.indexOf(target) + step];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}
