import { element, svg } from '../../dom/elements.ts';
import type { DrawnGraph } from '../../model/drawn-graph.ts';

const tones = [
  ['good', 'answered'],
  ['refused', 'refused by a proxy: it has answered, and not the service'],
  ['bad', 'failed'],
  ['inherited', 'failed only because a call further on failed'],
  ['notice', 'answered with 4xx'],
  ['quiet', 'no calls in this time'],
] as const;

/** Explains the lines and the locks that are in the graph of a mesh. */
export function graphLegend({ edges }: DrawnGraph): HTMLElement {
  const used = new Set(edges.map(({ tone }) => tone));
  const keys = tones
    .filter(([tone]) => used.has(tone))
    .map(([tone, words]) => element('span', { class: 'key' }, line(tone), words));
  const locks = new Set(edges.map(({ lock }) => lock));
  return element(
    'p',
    { class: 'legend' },
    ...keys,
    locks.has('closed')
      ? element('span', { class: 'key' }, 'closed lock (mTLS): encrypted, and both ends have shown who they are')
      : undefined,
    locks.has('open')
      ? element('span', { class: 'key' }, 'open lock: some of these calls, or all, came without mTLS')
      : undefined,
    element('span', { class: 'key' }, 'Numbers count calls. Press a line or a box for its details.'),
  );
}

function line(tone: string): SVGElement {
  return svg(
    'svg',
    { class: `edge ${tone}`, viewBox: '0 0 28 10', 'aria-hidden': 'true' },
    svg('path', { class: 'line', d: 'M0 5H28' }),
  );
}
