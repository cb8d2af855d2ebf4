import { element, fill } from '../../dom/elements.ts';
import { refill } from '../../dom/refill.ts';
import type { ChangeEffect } from '../../model/change-effects.ts';
import {
  type EdgeDetails,
  type MeshChange,
  type MeshEdge,
  type MeshPageError,
  type MeshState,
  meshPaths,
  type ObjectText,
} from '../../model/mesh-page-data.ts';
import { edgeTitle } from '../../model/mesh-words.ts';
import type { PageLinks } from '../../model/page-data.ts';
import { edgeChanges } from '../../view/mesh/change-list.ts';
import { actingObjects, type EdgeEnds, edgeTraffic, panelHead, yamlDetails } from '../../view/mesh/edge-panel.ts';
import { nodeFacts } from '../../view/mesh/node-panel.ts';
import { readData } from './read-data.ts';

/** Thing whose panel is open. */
export type Selected = { readonly kind: 'edge' | 'node' | 'object'; readonly id: string };

/** Context of the panel. */
export interface SelectionContext {
  readonly links: PageLinks;
  effectsOf(change: MeshChange): readonly ChangeEffect[];
}

/** Panel of the edge, the service or the object that was chosen. */
export class SelectionPanel {
  readonly element = element('section', { class: 'panel selection', hidden: '', 'aria-label': 'what was chosen' });
  private readonly live = element('div');
  private readonly configuration = element('div');
  private readonly changes = element('div');
  private readonly context: SelectionContext;
  /** Ids of the objects that act on the edge. */
  private acting: ReadonlySet<string> = new Set();
  private state: MeshState;
  private selected: Selected | undefined;
  /** Number of the change before which the configuration was read. */
  private readAt = -1;

  constructor(state: MeshState, context: SelectionContext) {
    this.state = state;
    this.context = context;
    this.element.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') this.close();
    });
  }

  /** Opens the panel of a thing, and moves the focus to it. */
  open(selected: Selected): void {
    this.selected = selected;
    this.readAt = -1;
    const head = panelHead(this.title(selected), () => this.close());
    fill(this.live);
    fill(this.configuration);
    fill(this.changes);
    this.acting = new Set();
    fill(this.element, head, this.live, this.configuration, this.changes);
    this.element.hidden = false;
    this.show(this.state);
    const title = head.querySelector('h2');
    title?.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: 'nearest' });
  }

  /** Shows a new state of the mesh. */
  show(state: MeshState): void {
    this.state = state;
    const { selected } = this;
    if (selected === undefined) return;
    switch (selected.kind) {
      case 'edge':
        this.showEdge(selected.id);
        break;
      case 'node':
        this.showNode(selected.id);
        break;
      case 'object':
        if (this.readAt < 0) void this.readObject(selected);
        break;
    }
  }

  private title({ kind, id }: Selected): string {
    if (kind === 'edge') return edgeTitle(this.state, id);
    return kind === 'node' ? (this.state.nodes.find((node) => node.id === id)?.name ?? id) : id;
  }

  private close(): void {
    const { selected } = this;
    this.selected = undefined;
    this.element.hidden = true;
    const opener = [...document.querySelectorAll<SVGElement>('.graph [data-key]')].find(
      (each) => each.getAttribute('data-key') === `${selected?.kind} ${selected?.id}`,
    );
    opener?.focus();
  }

  private showEdge(id: string): void {
    const edge = this.state.edges.find((one) => one.id === id);
    if (edge === undefined) {
      refill(this.live, element('p', {}, goneText));
      // The configuration of an edge that is gone is old.
      fill(this.configuration);
      this.readAt = -1;
      return;
    }
    refill(
      this.live,
      ...edgeTraffic(edge, this.endsOf(id), this.state, (other) => this.open({ kind: 'edge', id: other })),
    );
    this.showChanges(id);
    const newest = this.state.changes[0]?.number ?? 0;
    if (this.readAt === newest) return;
    this.readAt = newest;
    void this.readEdge(edge);
  }

  private async readEdge({ id, from, to, refusals }: MeshEdge): Promise<void> {
    if (!this.configuration.hasChildNodes())
      fill(this.configuration, element('p', { class: 'faint' }, 'Reading the configuration…'));
    const details = await readData<EdgeDetails>(meshPaths.edge, { from, to });
    if (this.selected?.id !== id || this.readAt < 0) return;
    if (!('error' in details)) this.acting = new Set(details.objects.map((object) => object.id));
    this.showChanges(id);
    const content =
      'error' in details
        ? [problemText(details, goneText)]
        : actingObjects(details, this.endsOf(id), refusals, this.state.kind);
    refill(
      this.configuration,
      element(
        'h3',
        {},
        this.state.kind === 'istio'
          ? 'What the mesh does with these calls, in the order in which they meet it'
          : `What the mesh file says about ${this.endsOf(id).to}`,
      ),
      ...content,
    );
  }

  private showChanges(edge: string): void {
    refill(
      this.changes,
      edgeChanges(this.state, edge, this.acting, (change) => this.context.effectsOf(change)),
    );
  }

  private endsOf(id: string): EdgeEnds {
    const [from = '', to = ''] = edgeTitle(this.state, id).split(' → ');
    return { from, to };
  }

  private showNode(id: string): void {
    const node = this.state.nodes.find((one) => one.id === id);
    if (node === undefined) refill(this.live, element('p', {}, 'It is gone.'));
    else
      refill(
        this.live,
        ...nodeFacts(node, this.state, this.context.links, (edge) => this.open({ kind: 'edge', id: edge })),
      );
  }

  private async readObject({ id }: Selected): Promise<void> {
    this.readAt = 0;
    const object = await readData<ObjectText>(meshPaths.object, { id });
    if (this.selected?.id !== id) return;
    if ('error' in object) {
      fill(this.configuration, problemText(object, 'This object is not in the mesh any more.'));
      return;
    }
    const yaml = yamlDetails('YAML', object.yaml, 'yaml', object.where);
    yaml.setAttribute('open', '');
    fill(this.configuration, element('p', { class: 'foreign' }, object.about), yaml);
  }
}

const goneText =
  'There are no such calls any more: the caller or the callee is gone, or has had no calls for a minute.';

/** Returns why something could not be read. Something that is gone is not an error of the page. */
function problemText({ error }: MeshPageError, gone: string): HTMLElement {
  return error === 'not found' ? element('p', {}, gone) : element('p', { class: 'bad' }, error);
}
