import { button, type Content, element, fill } from '../../dom/elements.ts';
import { refill } from '../../dom/refill.ts';
import { ChangeMemory } from '../../model/change-effects.ts';
import type { MeshPageData, MeshState } from '../../model/mesh-page-data.ts';
import { timeOfDay } from '../../model/mesh-words.ts';
import { changeList } from '../../view/mesh/change-list.ts';
import { meshVerdict, newestChange } from '../../view/mesh/mesh-verdict.ts';
import { objectList } from '../../view/mesh/object-list.ts';
import { type FeedStatus, startFeed } from './feed.ts';
import { MeshGraph } from './graph.ts';
import { SelectionPanel } from './selection.ts';
import { Traces } from './traces.ts';

/** Starts the page of a local mesh: shows the state that came with it, and follows the mesh. */
export function startMeshPage(app: HTMLElement, data: MeshPageData): void {
  new MeshPage(data).start(app);
}

class MeshPage {
  private readonly status = element('span', { role: 'status', class: 'feed' });
  private readonly problem = element('p', { class: 'notice foreign', role: 'status', hidden: '' });
  private readonly verdict = element('div');
  private readonly newest = element('p', { class: 'newest foreign', role: 'status' });
  private readonly changes = element('div');
  private readonly changePanel = element('section', { class: 'panel' });
  private readonly objects = element('div');
  private readonly memory = new ChangeMemory();
  private readonly selection: SelectionPanel;
  private readonly graph: MeshGraph;
  private readonly traces: Traces;
  private readonly data: MeshPageData;
  /** State that waits until the user releases the mouse, so that nothing is replaced below it. */
  private waiting: MeshState | undefined;
  private isPressed = false;
  private objectsShown = '';

  constructor(data: MeshPageData) {
    this.data = data;
    this.selection = new SelectionPanel(data.state, {
      links: data.links,
      effectsOf: (change) => this.memory.effectsOf(change),
    });
    this.traces = new Traces(data.links);
    this.graph = new MeshGraph({ onNode: (id) => this.selection.open({ kind: 'node', id }), onEdge: this.openEdge });
  }

  start(app: HTMLElement): void {
    const { state } = this.data;
    let isPaused = false;
    const pause = button('Pause', () => {
      isPaused = !isPaused;
      setText(pause, isPaused ? 'Resume' : 'Pause');
      feed.setPaused(isPaused);
    });
    fill(
      app,
      element(
        'header',
        { class: 'top' },
        element('span', { class: 'brand' }, 'meshmock'),
        element('h1', {}, `Local mesh ${state.mesh}`),
        element('div', { class: 'live-state' }, this.status, pause),
      ),
      element(
        'main',
        {},
        this.problem,
        this.verdict,
        this.newest,
        this.graph.element,
        this.selection.element,
        this.changePanel,
        this.traces.element,
        this.objects,
      ),
    );
    const title = state.kind === 'istio' ? 'What was applied, and what changed' : 'What changed';
    fill(this.changePanel, element('h2', {}, title), this.changes);
    document.title = `Local mesh ${state.mesh} · meshmock`;
    addEventListener('pointerdown', () => {
      this.isPressed = true;
    });
    // The click itself comes after this event.
    for (const name of ['pointerup', 'pointercancel']) addEventListener(name, () => setTimeout(() => this.release()));
    this.show(state);
    const feed = startFeed(
      (next) => this.take(next),
      (status) => this.showStatus(status),
      // Without proxies, only calls that are made while a page is open are counted.
      state.kind === 'processes',
    );
  }

  private readonly openEdge = (id: string): void => this.selection.open({ kind: 'edge', id });

  private take(state: MeshState): void {
    if (this.isPressed) this.waiting = state;
    else this.show(state);
  }

  private release(): void {
    this.isPressed = false;
    if (this.waiting !== undefined) this.show(this.waiting);
    this.waiting = undefined;
  }

  private show(state: MeshState): void {
    const { memory, openEdge } = this;
    memory.learn(state);
    const [change] = state.changes;
    this.problem.hidden = state.problem === undefined;
    setText(this.problem, state.problem ?? '');
    refill(this.verdict, ...meshVerdict(state, openEdge));
    setContent(this.newest, newestChange(state, change === undefined ? [] : memory.effectsOf(change)));
    this.changePanel.hidden = state.kind === 'processes' && change === undefined;
    this.graph.show(state);
    this.selection.show(state);
    refill(this.changes, changeList(state, { effectsOf: (one) => memory.effectsOf(one), onEdge: openEdge }));
    this.traces.update(state);
    this.showObjects(state);
  }

  private showObjects({ kind, objects }: MeshState): void {
    if (kind === 'processes') return;
    const shown = JSON.stringify(objects);
    if (shown === this.objectsShown) return;
    this.objectsShown = shown;
    refill(
      this.objects,
      objectList(objects, (id) => this.selection.open({ kind: 'object', id })),
    );
  }

  private showStatus(status: FeedStatus): void {
    this.status.className = `feed ${status.kind}`;
    setText(this.status, status.kind === 'live' ? 'Live' : `${status.text} (${timeOfDay(Date.now())})`);
  }
}

/** Sets the content only if its text differs. */
function setContent(target: HTMLElement, content: readonly Content[]): void {
  const made = element('p', {}, ...content);
  if (target.textContent !== made.textContent) fill(target, ...made.childNodes);
}

/** Sets a text only if it differs, since a screen reader reads each change of a status. */
function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
