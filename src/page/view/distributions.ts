import type { Counts, Summary } from '../../reply/reply.ts';
import { element, svg } from '../dom/elements.ts';
import { isGoodStatus } from '../model/call-rows.ts';

/** A distribution shows at most this number of values. */
const mostValues = 12;

/** Returns the distributions of a repeated call: a bar for each status, version, pod and so on, and the latencies. */
export function distributions(summary: Summary): HTMLElement {
  const counts: readonly (readonly [title: string, counts: Counts | undefined])[] = [
    ['status', summary.byStatus],
    ['version', summary.byVersion],
    ['pod', summary.byPod],
    ['service', manyOnly(summary.byService)],
    ['attempt', without(summary.byAttempt, '1')],
    ['refusal by a proxy', summary.byRefusal],
    ['caller that the callee saw', without(summary.byPeer, 'none')],
    ['version of TLS', summary.byTlsVersion],
  ];
  const tables = counts.flatMap(([title, values]) =>
    values === undefined ? [] : [countTable(title, values, summary)],
  );
  return element('div', { class: 'distributions' }, ...tables, latencyTable(summary));
}

/** Returns counts only if they have several values. */
function manyOnly(counts: Counts = {}): Counts | undefined {
  return Object.keys(counts).length > 1 ? counts : undefined;
}

/** Returns counts unless a value without news is the only one. */
function without(counts: Counts = {}, value: string): Counts | undefined {
  return Object.keys(counts).some((key) => key !== value) ? counts : undefined;
}

function countTable(title: string, counts: Counts, { count }: Summary): HTMLElement {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const rows = sorted.slice(0, mostValues).map(([value, times], index) => {
    const share = count === 0 ? 0 : times / count;
    return element(
      'tr',
      {},
      element('th', { scope: 'row', class: 'foreign' }, value),
      element(
        'td',
        {},
        shareBar(share, title === 'status' ? (isGoodStatus(value) ? 'good' : 'bad') : `series-${index % 6}`),
      ),
      element('td', { class: 'number' }, `${times}`),
      element('td', { class: 'number' }, `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`),
    );
  });
  const left = sorted.length - rows.length;
  return element(
    'table',
    { class: 'counts' },
    element('caption', {}, left > 0 ? `by ${title} (${left} more values)` : `by ${title}`),
    element('tbody', {}, ...rows),
  );
}

/** Draws a share of all as a bar. The number beside it says the same. */
export function shareBar(share: number, className: string): SVGElement {
  return svg(
    'svg',
    { class: 'share', viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('rect', { class: 'track', width: 100, height: 10 }),
    svg('rect', { class: className, width: Math.max(0.5, 100 * share), height: 10 }),
  );
}

function latencyTable({ latencyMs }: Summary): HTMLElement | undefined {
  if (latencyMs === undefined) return undefined;
  const { min, p50, p90, p95, p99, max } = latencyMs;
  const points = Object.entries({ min, p50, p90, p95, p99, max });
  const rows = points.map(([name, ms]) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, name),
      element('td', {}, shareBar(max === 0 ? 0 : ms / max, 'series-0')),
      element('td', { class: 'number' }, `${ms} ms`),
    ),
  );
  return element('table', { class: 'counts' }, element('caption', {}, 'latency'), element('tbody', {}, ...rows));
}
