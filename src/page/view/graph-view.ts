import { button, element, fill } from '../dom/elements.ts';
import type { CallGraph, GraphEdge, GraphNode } from '../model/call-graph.ts';
import { type DrawnGraph, drawnCallGraph } from '../model/drawn-graph.ts';
import { groupCallees } from '../model/graph-groups.ts';
import { graphDrawing } from './graph-drawing.ts';

/** Actions of a graph when a node or an edge of it is chosen. */
export interface GraphActions {
  onNode(node: GraphNode): void;
  onEdge(edge: GraphEdge): void;
}

/**
 * Draws who called whom. Nodes and edges are buttons; the same is below the drawing in sentences. A group of similar
 * callees opens when it is chosen.
 */
export function graphView(graph: CallGraph, actions: GraphActions): HTMLElement {
  const open = new Set<string>();
  const made = element('div', { class: 'graph' });
  const draw = (): void => {
    const shown = groupCallees(graph, (id) => open.has(id));
    const drawn = drawnCallGraph(shown);
    const onNode = (id: string): void => {
      const node = shown.nodes.find((one) => one.id === id);
      if (node === undefined) return;
      if (node.members === undefined) {
        actions.onNode(node);
        return;
      }
      open.add(id);
      draw();
    };
    const onEdge = (id: string): void => {
      const edge = shown.edges.find((one) => one.id === id);
      if (edge !== undefined) actions.onEdge(edge);
    };
    fill(
      made,
      graphCanvas(graphDrawing(drawn, { onNode, onEdge })),
      open.size === 0 ? undefined : button('Group similar callees again', regroup),
      graphWords(drawn),
    );
  };
  const regroup = (): void => {
    open.clear();
    draw();
  };
  draw();
  return made;
}

/** Returns the frame in which a drawing that is too large is scrolled. */
export function graphCanvas(drawing: SVGElement): HTMLElement {
  return element(
    'div',
    { class: 'canvas', tabindex: 0, role: 'group', 'data-key': 'canvas', 'aria-label': 'graph, can be scrolled' },
    drawing,
  );
}

/** Returns the edges of a graph as sentences. */
export function graphWords({ edges }: DrawnGraph): HTMLElement {
  const sentences = edges.map(({ sentence }) => element('li', { class: 'foreign' }, sentence));
  return element(
    'details',
    { class: 'words', 'data-key': 'words' },
    element('summary', {}, 'The graph in words'),
    element('ul', {}, ...sentences),
  );
}
