import { element, fill } from '../../dom/elements.ts';
import { refill } from '../../dom/refill.ts';
import type { DrawnGraph } from '../../model/drawn-graph.ts';
import { type MeshFilter, meshGraph } from '../../model/mesh-graph.ts';
import type { MeshState } from '../../model/mesh-page-data.ts';
import { type DrawingActions, graphDrawing, updateDrawing } from '../../view/graph-drawing.ts';
import { graphCanvas, graphWords } from '../../view/graph-view.ts';
import { graphLegend } from '../../view/mesh/graph-legend.ts';

/** Number of services from which a graph can be filtered. */
const manyNodes = 9;

/** Graph of the mesh, with fields that choose a part of it. */
export class MeshGraph {
  readonly element = element('section', { class: 'panel graph' });
  private readonly actions: DrawingActions;
  private readonly filters = element('div', { class: 'filters', role: 'group', 'aria-label': 'part of the graph' });
  private readonly drawn = element('div');
  private readonly legend = element('div');
  private readonly words = element('div');
  private filter: MeshFilter = { namespace: '', name: '', onlyProblems: false };
  private namespaces = '';
  private state: MeshState | undefined;
  private shown: DrawnGraph | undefined;

  constructor(actions: DrawingActions) {
    this.actions = actions;
    fill(this.element, element('h2', {}, 'Who calls whom'), this.filters, this.drawn, this.legend, this.words);
    // A drawing has the size of its page.
    addEventListener('resize', () => {
      this.shown = undefined;
      this.draw();
    });
  }

  show(state: MeshState): void {
    this.state = state;
    this.showFilters(state);
    this.draw();
  }

  private draw(): void {
    if (this.state === undefined) return;
    const graph = meshGraph(this.state, this.filter);
    const drawing = this.drawn.querySelector('.canvas > svg');
    const isUpdated = drawing !== null && this.shown !== undefined && updateDrawing(drawing, this.shown, graph);
    this.shown = graph;
    if (!isUpdated) {
      const nothing = element('p', { class: 'faint' }, 'Nothing in the mesh matches.');
      refill(this.drawn, graph.nodes.length === 0 ? nothing : graphCanvas(graphDrawing(graph, this.actions, true)));
    }
    refill(this.legend, graphLegend(graph));
    refill(this.words, graphWords(graph));
  }

  private showFilters({ nodes }: MeshState): void {
    const namespaces = [...new Set(nodes.flatMap(({ namespace }) => namespace ?? []))].sort();
    this.filters.hidden = nodes.length < manyNodes;
    // The fields stay while one types in them.
    if (namespaces.join() === this.namespaces && this.filters.hasChildNodes()) return;
    this.namespaces = namespaces.join();
    const namespace = element(
      'select',
      {},
      element('option', { value: '' }, 'all'),
      ...namespaces.map((name) => element('option', { value: name }, name)),
    );
    namespace.value = this.filter.namespace;
    const name = element('input', { type: 'search', class: 'short', spellcheck: 'false' });
    const problems = element('input', { type: 'checkbox' });
    const change = (): void => {
      this.filter = { namespace: namespace.value, name: name.value.trim(), onlyProblems: problems.checked };
      this.draw();
    };
    for (const field of [namespace, name, problems]) field.addEventListener('input', change);
    fill(
      this.filters,
      namespaces.length < 2 ? undefined : element('label', { class: 'field' }, 'namespace', namespace),
      element('label', { class: 'field' }, 'service', name),
      element('label', { class: 'field' }, problems, 'only errors and refusals'),
    );
  }
}
