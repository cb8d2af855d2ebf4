import { button, element, fill, svg } from '../dom/elements.ts';
import type { CallGraph, GraphEdge, GraphNode } from '../model/call-graph.ts';
import { groupCallees } from '../model/graph-groups.ts';
import { edgeSentence } from '../model/graph-words.ts';
import { lineHeight, type PlacedEdge, type PlacedNode, type Point, placeGraph, shortName } from './graph-layout.ts';

/** Width of the page below which a graph grows downwards, in pixels. */
const narrowPage = 700;

/** Smallest scale at which the texts of a graph can be read. A larger graph is scrolled. */
const smallestScale = 0.62;

/** Width of a page that a graph cannot use, in pixels. */
const marginOfPage = 64;

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
    const names = new Map(shown.nodes.map(({ id, name }) => [id, name]));
    const nameOf = (id: string): string => names.get(id) ?? id;
    const onNode = (node: GraphNode): void => {
      if (node.members === undefined) {
        actions.onNode(node);
        return;
      }
      open.add(node.id);
      draw();
    };
    fill(
      made,
      element(
        'div',
        { class: 'canvas', tabindex: 0, role: 'group', 'aria-label': 'graph, can be scrolled' },
        drawing(shown, { ...actions, onNode }, nameOf),
      ),
      open.size === 0 ? undefined : button('Group similar callees again', regroup),
      words(shown, nameOf),
    );
  };
  const regroup = (): void => {
    open.clear();
    draw();
  };
  draw();
  return made;
}

function drawing(graph: CallGraph, actions: GraphActions, nameOf: (id: string) => string): SVGElement {
  const placed = placeGraph(graph, globalThis.innerWidth < narrowPage ? 'TB' : 'LR');
  const { width, height } = placed;
  const scale = Math.min(1, Math.max(smallestScale, (globalThis.innerWidth - marginOfPage) / width));
  return svg(
    'svg',
    {
      width: Math.round(width * scale),
      height: Math.round(height * scale),
      viewBox: `0 0 ${width} ${height}`,
      role: 'group',
      'aria-label': 'who called whom',
    },
    svg('defs', {}, ...(['good', 'notice', 'refused', 'bad'] as const).map(arrowHead)),
    ...placed.edges.map((edge) => edgeElement(edge, actions, nameOf)),
    ...placed.nodes.map((node) => nodeElement(node, actions)),
  );
}

function arrowHead(tone: string): SVGElement {
  return svg(
    'marker',
    {
      id: `arrow-${tone}`,
      viewBox: '0 0 10 10',
      refX: 9,
      refY: 5,
      markerWidth: 7,
      markerHeight: 7,
      orient: 'auto-start-reverse',
    },
    svg('path', { class: `arrow ${tone}`, d: 'M0 0 10 5 0 10z' }),
  );
}

function edgeElement(placed: PlacedEdge, actions: GraphActions, nameOf: (id: string) => string): SVGElement {
  const { edge, lines, points, label, labelWidth } = placed;
  const top = label.y - (lines.length * lineHeight) / 2;
  const group = svg(
    'g',
    {
      class: `edge ${edge.tone}`,
      role: 'button',
      tabindex: 0,
      'aria-label': edgeSentence(edge, nameOf),
      'data-edge': edge.id,
    },
    svg('path', { class: 'line', d: curve(points), 'marker-end': `url(#arrow-${edge.tone})` }),
    svg('rect', {
      class: 'plate',
      x: label.x - labelWidth / 2,
      y: top,
      width: labelWidth,
      height: lines.length * lineHeight,
      rx: 4,
    }),
    ...lines.flatMap((line, index) => [
      // Between the lines in the text that a screen reader reads.
      ' ',
      svg(
        'text',
        {
          class: index === 0 ? 'main' : 'more',
          x: label.x,
          y: top + (index + 0.76) * lineHeight,
          'text-anchor': 'middle',
        },
        line,
      ),
    ]),
  );
  return pressable(group, () => actions.onEdge(edge));
}

function nodeElement({ node, lines, x, y, width, height }: PlacedNode, actions: GraphActions): SVGElement {
  const top = y - height / 2;
  const words = [shortName(node.name), ...lines].join(' ');
  const group = svg(
    'g',
    { class: `node ${node.kind}`, role: 'button', tabindex: 0, 'aria-label': words, 'data-node': node.id },
    svg('rect', { x: x - width / 2, y: top, width, height, rx: 9 }),
    svg('text', { class: 'main', x, y: top + 22, 'text-anchor': 'middle' }, shortName(node.name)),
    ...lines.flatMap((line, index) => [
      ' ',
      svg('text', { class: 'more', x, y: top + 22 + (index + 1) * lineHeight, 'text-anchor': 'middle' }, line),
    ]),
  );
  // What has no room in the drawing is shown by the mouse.
  const hidden = node.members?.join(', ') ?? (shortName(node.name) === node.name ? undefined : node.name);
  if (hidden !== undefined) group.append(svg('title', {}, hidden));
  return pressable(group, () => actions.onNode(node));
}

/** Makes an element of a drawing a button, for the mouse and the keyboard. */
function pressable(target: SVGElement, onPress: () => void): SVGElement {
  target.addEventListener('click', onPress);
  target.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    onPress();
  });
  return target;
}

/** Returns a smooth line through points: curves whose ends are the middles between two points. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return '';
  let path = `M${xy(first)}`;
  for (let index = 0; index + 1 < rest.length; index++) {
    const at = rest[index] ?? last;
    const next = rest[index + 1] ?? last;
    const end = index + 2 === rest.length ? next : { x: (at.x + next.x) / 2, y: (at.y + next.y) / 2 };
    path += `Q${xy(at)} ${xy(end)}`;
  }
  return rest.length === 1 ? `${path}L${xy(last)}` : path;
}

function xy({ x, y }: Point): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}

function words({ edges }: CallGraph, nameOf: (id: string) => string): HTMLElement {
  const sentences = edges.map((edge) => element('li', { class: 'foreign' }, edgeSentence(edge, nameOf)));
  return element(
    'details',
    { class: 'words' },
    element('summary', {}, 'The graph in words'),
    element('ul', {}, ...sentences),
  );
}
