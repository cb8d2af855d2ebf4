import { element } from '../../dom/elements.ts';
import type { TraceSummary } from '../../model/mesh-page-data.ts';
import { timeOfDay } from '../../model/mesh-words.ts';
import { shortServices } from '../../model/trace-rows.ts';

/** Number of services that a row names. */
const mostServices = 6;

/** Returns recent traces as buttons, the newest first. */
export function traceList(
  traces: readonly TraceSummary[],
  shown: string | undefined,
  onOpen: (id: string) => void,
): HTMLElement {
  if (traces.length === 0)
    return element('p', { class: 'faint' }, 'No traces yet. Each call makes one, which arrives after some seconds.');
  const items = traces.map((trace) => element('li', {}, traceButton(trace, trace.traceId === shown, onOpen)));
  return element('ul', { class: 'runs traces' }, ...items);
}

function traceButton(trace: TraceSummary, isShown: boolean, onOpen: (id: string) => void): HTMLButtonElement {
  const { traceId, startMs, durationMs, name, errors } = trace;
  const names = shortServices(trace.services);
  const service = names.get(trace.service) ?? trace.service;
  const failed = errors === 0 ? 'no errors' : `✕ ${errors} ${errors === 1 ? 'error' : 'errors'}`;
  const made = element(
    'button',
    { type: 'button', class: 'trace-row', 'data-key': `trace ${traceId}`, 'aria-pressed': String(isShown) },
    element('time', {}, timeOfDay(startMs)),
    element('span', { class: 'name foreign' }, element('strong', {}, service), ` ${name}`),
    element('span', { class: `outcome ${errors === 0 ? 'good' : 'bad'}` }, failed),
    element('span', { class: 'number' }, `${durationMs.toFixed(1)} ms`),
    element('small', { class: 'foreign' }, spansText(trace, names)),
  );
  made.addEventListener('click', () => onOpen(traceId));
  return made;
}

function spansText({ service, services, spans }: TraceSummary, names: ReadonlyMap<string, string>): string {
  const others = services.filter((one) => one !== service).map((one) => names.get(one) ?? one);
  const left = others.length - mostServices;
  const named = [...others.slice(0, mostServices), ...(left > 0 ? [`${left} more`] : [])];
  return `${spans} ${spans === 1 ? 'span' : 'spans'}${named.length === 0 ? '' : `, also of ${named.join(', ')}`}`;
}
