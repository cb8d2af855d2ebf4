import { element, svg } from '../../dom/elements.ts';

const tones = [
  ['good', 'answered'],
  ['refused', 'refused by a proxy: the service did not see the call'],
  ['bad', 'failed'],
  ['inherited', 'failed only because a call further on failed'],
  ['notice', 'the service answered 4xx'],
  ['quiet', 'no calls in the last minute'],
] as const;

/** Explains the lines and the locks of a mesh's graph. */
export function graphLegend(): HTMLElement {
  const keys = tones.map(([tone, words]) => element('span', { class: 'key' }, line(tone), words));
  return element(
    'p',
    { class: 'legend' },
    ...keys,
    element('span', { class: 'key' }, 'mTLS (closed lock): encrypted, and both ends have shown who they are'),
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
