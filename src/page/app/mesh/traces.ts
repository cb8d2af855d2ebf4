import { element, fill, link } from '../../dom/elements.ts';
import { refill } from '../../dom/refill.ts';
import { type MeshState, meshPaths, type TraceList, type TraceView } from '../../model/mesh-page-data.ts';
import { timeOfDay } from '../../model/mesh-words.ts';
import { fillLink, type PageLinks } from '../../model/page-data.ts';
import { panelHead } from '../../view/mesh/edge-panel.ts';
import { traceList } from '../../view/mesh/trace-list.ts';
import { traceView } from '../../view/mesh/trace-view.ts';
import { readData } from './read-data.ts';

/** Least time between two requests for the list of traces, in milliseconds. */
const leastMs = 2000;

/** Recent traces, and the one that was chosen. */
export class Traces {
  readonly element = element('section', { class: 'panel' });
  private readonly list = element('div');
  private readonly shown = element('div', { class: 'trace', hidden: '' });
  private readonly links: PageLinks;
  private traceId: string | undefined;
  private last: TraceList = { traces: [] };
  private total = -1;
  private lastMs = Number.NEGATIVE_INFINITY;
  private isReading = false;

  constructor(links: PageLinks) {
    this.links = links;
    this.shown.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') this.close();
    });
    fill(this.element, element('h2', {}, 'Recent traces'), this.list, this.shown);
  }

  /** Reads the list again if there was traffic. A trace arrives later than the counts of its calls, so one read follows. */
  update(state: MeshState): void {
    const total = state.edges.reduce((sum, edge) => sum + edge.total, 0);
    const isQuiet = total === this.total;
    if (this.isReading || performance.now() - this.lastMs < leastMs) return;
    if (isQuiet && state.edges.every(({ traffic }) => traffic.requests === 0) && this.total >= 0) return;
    this.total = total;
    void this.read();
  }

  private async read(): Promise<void> {
    this.isReading = true;
    const found = await readData<TraceList>(meshPaths.traces);
    this.isReading = false;
    this.lastMs = performance.now();
    if ('error' in found) {
      fill(this.list, element('p', { class: 'notice foreign' }, found.error));
      return;
    }
    if (this.list.hasChildNodes() && JSON.stringify(found) === JSON.stringify(this.last)) return;
    this.last = found;
    this.showList();
  }

  private showList(): void {
    refill(
      this.list,
      traceList(this.last.traces, this.traceId, (id) => void this.open(id)),
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
