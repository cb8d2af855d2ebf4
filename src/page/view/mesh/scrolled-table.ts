import { type Content, element } from '../../dom/elements.ts';

/** Makes a table that scrolls on narrow pages. The first cell of a row names it. */
export function scrolledTable(
  label: string,
  head: readonly string[],
  rows: readonly (readonly Content[])[],
  rowClass?: string,
): HTMLElement {
  const cells = (row: readonly Content[]): HTMLElement[] =>
    row.map((cell, index) =>
      index === 0 ? element('th', { scope: 'row', class: 'foreign' }, cell) : element('td', { class: 'foreign' }, cell),
    );
  return element(
    'div',
    { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': label, 'data-key': label },
    element(
      'table',
      { class: 'compared' },
      element('thead', {}, element('tr', {}, ...head.map((text) => element('th', { scope: 'col' }, text)))),
      element('tbody', {}, ...rows.map((row) => element('tr', { class: rowClass }, ...cells(row)))),
    ),
  );
}
