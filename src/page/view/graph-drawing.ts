import { svg } from '../dom/elements.ts';
import type { DrawnGraph } from '../model/drawn-graph.ts';
import {
  lineHeight,
  type PlacedEdge,
  type PlacedGraph,
  type PlacedNode,
  type Point,
  placeGraph,
  shortLine,
  shortName,
} from './graph-layout.ts';

/** Width of the page below which a graph grows downwards, in pixels. */
const narrowPage = 700;

/** Smallest scale at which the texts of a graph can be read. A larger graph is scrolled. */
const smallestScale = 0.62;

/** Scale below which a graph may grow downwards instead. */
const goodScale = 0.8;

/** Width of a page that a graph cannot use, in pixels. */
const marginOfPage = 64;

/** Distance by which a line moves for the lock before it, in pixels. */
const lockRoom = 7;

/** Width of a letter of a line with a lock, in pixels. */
const lockedLetter = 7;

/** Actions of a drawing when a node or an edge of it is chosen. */
export interface DrawingActions {
  onNode(id: string): void;
  onEdge(id: string): void;
}

/**
 * Draws a graph. Nodes and edges are buttons.
 *
 * @param turns true if a graph that is too wide may grow downwards
 */
export function graphDrawing(graph: DrawnGraph, actions: DrawingActions, turns = false): SVGElement {
  const placed = globalThis.innerWidth < narrowPage ? placeGraph(graph, 'TB') : placedInWidth(graph, turns);
  const { width, height } = placed;
  const scale = Math.max(smallestScale, scaleOf(placed));
  return svg(
    'svg',
    {
      width: Math.round(width * scale),
      height: Math.round(height * scale),
      viewBox: `0 0 ${width} ${height}`,
      role: 'group',
      'aria-label': 'who called whom',
    },
    svg('defs', {}, ...(['good', 'notice', 'refused', 'bad', 'inherited', 'quiet'] as const).map(arrowHead)),
    ...placed.edges.map((edge) => edgeElement(edge, actions)),
    ...placed.nodes.map((node) => nodeElement(node, actions)),
  );
}

function placedInWidth(graph: DrawnGraph, turns: boolean): PlacedGraph {
  const across = placeGraph(graph, 'LR');
  if (!turns || scaleOf(across) >= goodScale) return across;
  const down = placeGraph(graph, 'TB');
  return scaleOf(down) > scaleOf(across) ? down : across;
}

/** Returns the scale at which a graph is as wide as the page. */
function scaleOf({ width }: PlacedGraph): number {
  return Math.min(1, (globalThis.innerWidth - marginOfPage) / width);
}

/**
 * Writes new words into the drawing of a graph, so that it stays in its place. Returns false if the drawing has no room for
 * them, or if the graph has other nodes or edges.
 */
export function updateDrawing(drawing: Element, before: DrawnGraph, after: DrawnGraph): boolean {
  if (layoutOf(before) !== layoutOf(after)) return false;
  const groups = new Map(
    [...drawing.querySelectorAll('.edge')].map((group) => [group.getAttribute('data-edge'), group]),
  );
  for (const { id, tone, lines, sentence } of after.edges) {
    const group = groups.get(id);
    if (group === undefined || group.getAttribute('aria-label') === sentence) continue;
    group.setAttribute('aria-label', sentence);
    group.setAttribute('class', `edge ${tone}`);
    group.querySelector('.line')?.setAttribute('marker-end', `url(#arrow-${tone})`);
    for (const [index, text] of [...group.querySelectorAll('text')].entries())
      text.textContent = shortLine(lines[index] ?? '');
  }
  return true;
}

/** Returns what decides about the places of nodes and edges. */
function layoutOf({ nodes, edges }: DrawnGraph): string {
  const labels = edges.map(({ id, lines, letters = 0, lock }) => {
    const longest = Math.max(letters, ...lines.map((line) => line.length));
    return [id, lines.length, longest, lock];
  });
  return JSON.stringify([nodes, labels]);
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

function edgeElement(placed: PlacedEdge, actions: DrawingActions): SVGElement {
  const { edge, lines, points, label, labelWidth } = placed;
  const top = label.y - (lines.length * lineHeight) / 2;
  const group = svg(
    'g',
    {
      class: `edge ${edge.tone}`,
      role: 'button',
      tabindex: 0,
      'aria-label': edge.sentence,
      'data-edge': edge.id,
      'data-key': `edge ${edge.id}`,
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
          x: label.x + (edge.lock !== undefined && index === lines.length - 1 ? lockRoom : 0),
          y: top + (index + 0.76) * lineHeight,
          'text-anchor': 'middle',
        },
        line,
      ),
    ]),
  );
  if (edge.lock !== undefined) group.append(lock(edge.lock, placed));
  return pressable(group, () => actions.onEdge(edge.id));
}

function nodeElement({ node, lines, x, y, width, height }: PlacedNode, actions: DrawingActions): SVGElement {
  const top = y - height / 2;
  const words = [shortName(node.name), ...lines].join(' ');
  const group = svg(
    'g',
    {
      class: `node ${node.kind}`,
      role: 'button',
      tabindex: 0,
      'aria-label': words,
      'data-node': node.id,
      'data-key': `node ${node.id}`,
    },
    svg('rect', { x: x - width / 2, y: top, width, height, rx: 9 }),
    svg('text', { class: 'main', x, y: top + 22, 'text-anchor': 'middle' }, shortName(node.name)),
    ...lines.flatMap((line, index) => [
      ' ',
      svg('text', { class: 'more', x, y: top + 22 + (index + 1) * lineHeight, 'text-anchor': 'middle' }, line),
    ]),
  );
  // What has no room in the drawing is shown by the mouse.
  const hidden = node.hidden ?? (shortName(node.name) === node.name ? undefined : node.name);
  if (hidden !== undefined) group.append(svg('title', {}, hidden));
  return pressable(group, () => actions.onNode(node.id));
}

/** Draws a lock at the start of the last line of a label. */
function lock(state: 'closed' | 'open', { lines, label }: PlacedEdge): SVGElement {
  const width = (lines.at(-1)?.length ?? 0) * lockedLetter;
  const x = label.x - width / 2 - 6;
  const y = label.y + (lines.length / 2 - 1) * lineHeight + 3;
  const bow = state === 'closed' ? 'M1.5 5V3a2.5 2.5 0 0 1 5 0v2' : 'M1.5 5V2a2.5 2.5 0 0 1 5-.8';
  return svg(
    'g',
    { class: `lock ${state}`, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` },
    svg('path', { class: 'bow', d: bow }),
    svg('rect', { y: 4.5, width: 8, height: 6, rx: 1 }),
  );
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
