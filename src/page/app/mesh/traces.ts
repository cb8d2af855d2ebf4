import { element, fill, link } from '../../dom/elements.ts';
import { refill } from '../../dom/refill.ts';
import { type MeshState, meshPaths, type TraceList, type TraceView } from '../../model/mesh-page-data.ts';
import { timeOfDay } from '../../model/mesh-words.ts';
import { fillLink, type PageLinks } from '../../model/page-data.ts';
import { TraceReading } from '../../model/trace-reading.ts';
import { panelHead } from '../../view/mesh/edge-panel.ts';
import { traceList } from '../../view/mesh/trace-list.ts';
import { traceView } from '../../view/mesh/trace-view.ts';
import { readData } from './read-data.ts';

/** Recent traces, and the one that was chosen. The list is read only while it is on the screen. */
export class Traces {
  readonly element = element('section', { class: 'panel' });
  private readonly list = element('div');
  private readonly shown = element('div', { class: 'trace', hidden: '' });
  private readonly links: PageLinks;
  private traceId: string | undefined;
  private readonly reading = new TraceReading();
  private isReading = false;
  private isOnScreen = false;
  private state: MeshState | undefined;

  constructor(links: PageLinks) {
    this.links = links;
    this.shown.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') this.close();
    });
    fill(this.element, element('h2', {}, 'Recent traces'), this.list, this.shown);
    new IntersectionObserver((entries) => {
      this.isOnScreen = entries.at(-1)?.isIntersecting ?? false;
      if (this.state !== undefined) this.update(this.state);
    }).observe(this.element);
  }

  /** Reads newer traces if it is time. */
  update(state: MeshState): void {
    this.state = state;
    if (!this.isOnScreen || this.isReading) return;
    const total = state.edges.reduce((sum, edge) => sum + edge.total, 0);
    const isQuiet = state.edges.every(({ traffic }) => traffic.requests === 0);
    if (this.reading.isDue(total, isQuiet, performance.now())) void this.read(total);
  }

  private async read(total: number): Promise<void> {
    this.isReading = true;
    const sinceMs = this.reading.begin(performance.now());
    const found = await readData<TraceList>(meshPaths.traces, sinceMs === 0 ? {} : { since: String(sinceMs) });
    this.isReading = false;
    const isNew = this.reading.add('error' in found ? [] : found.traces, total, performance.now());
    if ('error' in found) fill(this.list, element('p', { class: 'notice foreign' }, found.error));
    else if (isNew || this.list.querySelector('ul') === null) this.showList();
  }

  private showList(): void {
    refill(
      this.list,
      traceList(this.reading.traces, this.traceId, (id) => void this.open(id)),
    );
  }

  private async open(id: string): Promise<void> {
    this.traceId = id;
    this.showList();
    const trace = await readData<TraceView>(meshPaths.trace, { id });
    if (this.traceId !== id) return;
    const head = panelHead('error' in trace ? 'Trace' : `Trace of ${timeOfDay(trace.startMs)}`, () => this.close());
    const { traceUrl } = this.links;
    fill(
      this.shown,
      head,
      element(
        'p',
        { class: 'faint foreign' },
        'Trace ',
        traceUrl === undefined ? element('code', {}, id) : link(fillLink(traceUrl, { traceId: id }), id),
      ),
      ...('error' in trace ? [element('p', { class: 'bad' }, trace.error)] : traceView(trace)),
    );
    this.shown.hidden = false;
    head.querySelector('h2')?.focus({ preventScroll: true });
    this.shown.scrollIntoView({ block: 'nearest' });
  }

  private close(): void {
    const id = this.traceId;
    this.traceId = undefined;
    this.shown.hidden = true;
    this.showList();
    const row = [...this.list.querySelectorAll<HTMLElement>('.trace-row')].find(
      (each) => each.getAttribute('data-key') === `trace ${id}`,
    );
    row?.focus();
  }
}
