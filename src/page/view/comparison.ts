import { element } from '../dom/elements.ts';
import { type ComparedSide, compareRuns } from '../model/compare-runs.ts';
import type { Run } from '../model/run.ts';

/** Shows two runs call by call. What differs is marked, and said in words. */
export function comparison(before: Run, after: Run): HTMLElement {
  const calls = compareRuns(before, after);
  const changed = calls.filter(({ differences }) => differences.length > 0).length;
  const rows = calls.map(({ name, depth, before: a, after: b, differences, timing }) => {
    const label = element('th', { scope: 'row', class: 'foreign' }, name);
    label.style.setProperty('--depth', String(Math.min(depth, 12)));
    const words = element(
      'td',
      { class: 'foreign' },
      differences.join('; ') || 'same',
      timing && element('small', {}, ` ${timing}`),
    );
    return element('tr', { class: differences.length === 0 ? 'same' : 'changed' }, label, side(a), side(b), words);
  });
  const head = ['call', `run ${before.number}`, `run ${after.number}`, 'difference'];
  return element(
    'section',
    { class: 'panel comparison', 'aria-label': 'comparison' },
    element('h2', {}, `Run ${before.number} and run ${after.number}`),
    before.path === after.path
      ? undefined
      : element('p', { class: 'notice foreign' }, `The plans differ: ${before.path} and ${after.path}`),
    element('p', { role: 'status' }, changed === 0 ? 'No call differs.' : `${changed} of ${calls.length} rows differ.`),
    element(
      'div',
      { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'table of both runs' },
      element(
        'table',
        { class: 'compared' },
        element('thead', {}, element('tr', {}, ...head.map((text) => element('th', { scope: 'col' }, text)))),
        element('tbody', {}, ...rows),
      ),
    ),
  );
}

function side(compared: ComparedSide | undefined): HTMLElement {
  if (compared === undefined) return element('td', { class: 'faint' }, 'not called');
  const { outcome, version, refusal, durationMs } = compared;
  const words = [outcome, version, refusal].filter((text) => text !== '').join(' · ');
  return element('td', { class: 'foreign' }, `${words} `, element('small', {}, `${durationMs.toFixed(1)} ms`));
}
