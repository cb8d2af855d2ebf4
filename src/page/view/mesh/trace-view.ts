import { type Content, element, fill, svg } from '../../dom/elements.ts';
import type { TraceSpan, TraceView } from '../../model/mesh-page-data.ts';
import {
  attemptText,
  type Interval,
  shortServices,
  spanAction,
  spanTitle,
  type TraceRow,
  toneOfSpan,
  traceRows,
  traceShares,
} from '../../model/trace-rows.ts';
import { moveFocus, timeAxis } from '../waterfall.ts';

/** Draws the spans of a trace over time: services and proxies, each under its parent. A row opens to its tags. */
export function traceView(trace: TraceView): Content[] {
  const rows = traceRows(trace);
  const totalMs = Math.max(trace.durationMs, ...trace.spans.map(({ startMs, durationMs }) => startMs + durationMs));
  const services = shortServices(trace.spans.map(({ service }) => service));
  const gateways = new Set(trace.spans.filter(({ origin }) => origin === 'gateway').map(({ service }) => service));
  const items = rows.map((row) => {
    const { service } = row.span;
    const title = spanTitle(row.span, services.get(service) ?? service, gateways.has(service));
    return rowItem(row, title, totalMs);
  });
  const list = element('ul', { class: 'calls' }, ...items);
  list.addEventListener('keydown', moveFocus);
  return [
    element('p', { class: 'verdict' }, ...shareSentence(rows, trace.durationMs)),
    element('div', { class: 'waterfall' }, timeAxis(totalMs), list),
    trace.leftOut === 0 ? undefined : element('p', { class: 'notice' }, `${trace.leftOut} further spans are left out.`),
    element(
      'p',
      { class: 'legend' },
      bar(sample('app'), 1),
      ' time in a service, ',
      bar(sample('sidecar'), 1),
      ' time in a proxy. A pale part waits for the rows below it that are indented further.',
    ),
  ];
}

function sample(origin: TraceSpan['origin']): TraceRow {
  return { span: { ...emptySpan, origin }, own: [{ startMs: 0, endMs: 1 }], ownMs: 1 };
}

const emptySpan: TraceSpan = {
  spanId: '',
  depth: 0,
  service: '',
  origin: 'app',
  kind: 'server',
  name: '',
  startMs: 0,
  durationMs: 1,
  isError: false,
  tags: [],
};

/** Says how much of the time proxies took. */
function shareSentence(rows: readonly TraceRow[], durationMs: number): Content[] {
  const { proxyMs, appMs, proxies } = traceShares(rows);
  const failed = rows.filter(({ span }) => span.isError).length;
  const all = proxyMs + appMs;
  const share = all === 0 ? 0 : Math.round((100 * proxyMs) / all);
  const work = `Of the work, proxies did ${proxyMs.toFixed(1)} ms (${share} %) and services ${appMs.toFixed(1)} ms. `;
  return [
    `${durationMs.toFixed(1)} ms from start to end, ${rows.length} spans. `,
    proxies === 0 ? 'No proxy has a span. ' : work,
    failed === 0
      ? undefined
      : element('span', { class: 'bad' }, `${failed} ${failed === 1 ? 'span has' : 'spans have'} an error.`),
  ];
}

/** Deepest indent. */
const deepest = 14;

function rowItem(row: TraceRow, title: string, totalMs: number): HTMLLIElement {
  const { span, ownMs } = row;
  const detailsId = `span-${span.spanId.replaceAll(/\W/g, '-')}`;
  const status = span.status ?? (span.isError ? 'error' : '');
  const tone = toneOfSpan(span);
  const attempt = attemptText(span);
  const made = element(
    'button',
    { type: 'button', class: `row ${span.origin}`, 'aria-expanded': 'false', 'aria-controls': detailsId },
    element(
      'span',
      { class: 'name foreign' },
      element('strong', {}, title),
      attempt && element('span', { class: 'chip attempt' }, attempt),
      element('small', {}, ` ${spanAction(span)}`),
    ),
    element('span', { class: `outcome ${tone}` }, `${tone === 'bad' ? '✕ ' : tone === 'notice' ? '! ' : ''}${status}`),
    element('span', { class: 'time' }, `${span.durationMs.toFixed(1)} ms`),
    bar(row, totalMs),
  );
  made.style.setProperty('--depth', String(Math.min(span.depth, deepest)));
  const details = element('div', { id: detailsId, class: 'details', hidden: '' });
  made.addEventListener('click', () => {
    const isOpen = made.getAttribute('aria-expanded') !== 'true';
    made.setAttribute('aria-expanded', String(isOpen));
    details.hidden = !isOpen;
    if (isOpen && !details.hasChildNodes()) fill(details, spanDetails(span, ownMs));
  });
  return element('li', {}, made, details);
}

function spanDetails(span: TraceSpan, ownMs: number): HTMLElement {
  const facts: readonly (readonly [string, string])[] = [
    ['span', `${span.spanId}, ${span.kind}`],
    ['parent', span.parentSpanId ?? 'none: the trace begins here'],
    ['began after', `${span.startMs.toFixed(2)} ms`],
    ['took', `${span.durationMs.toFixed(2)} ms, ${ownMs.toFixed(2)} ms of them for itself`],
  ];
  const list = facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', { class: 'foreign' }, value)]);
  const rows = span.tags.map(([name, value]) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row', class: 'foreign' }, name),
      element('td', { class: 'foreign' }, value),
    ),
  );
  return element(
    'div',
    { class: 'facts' },
    element('dl', {}, ...list),
    element('table', {}, element('tbody', {}, ...rows)),
  );
}

/** Draws a span: its own time solid in a service and hatched in a proxy, and pale while it waits for spans below it. */
function bar({ span, own }: TraceRow, totalMs: number): SVGElement {
  const scale = totalMs > 0 ? 100 / totalMs : 0;
  const ownClass = span.origin === 'app' ? 'solid' : 'hatched';
  const part = (className: string, { startMs, endMs }: Interval): SVGElement =>
    svg('rect', {
      class: className,
      x: `${Math.min(99.5, startMs * scale)}%`,
      width: `${Math.max(0.3, (endMs - startMs) * scale)}%`,
      height: 14,
      fill: className === 'hatched' ? 'url(#hatch)' : undefined,
    });
  return svg(
    'svg',
    {
      class: `bar ${toneOfSpan(span)}`,
      width: '100%',
      height: 14,
      'aria-hidden': 'true',
      focusable: 'false',
    },
    svg('rect', { class: 'track', width: '100%', height: 14 }),
    part('waits', { startMs: span.startMs, endMs: span.startMs + span.durationMs }),
    ...own.map((interval) => part(ownClass, interval)),
  );
}
