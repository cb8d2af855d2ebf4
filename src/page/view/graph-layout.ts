import dagre from '@dagrejs/dagre';
import type { DrawnEdge, DrawnGraph, DrawnNode } from '../model/drawn-graph.ts';

/** Point of a drawing, in pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface PlacedNode extends Point {
  readonly node: DrawnNode;
  readonly lines: readonly string[];
  readonly width: number;
  readonly height: number;
}

export interface PlacedEdge {
  readonly edge: DrawnEdge;
  readonly lines: readonly string[];
  readonly points: readonly Point[];
  /** Middle of the label. */
  readonly label: Point;
  readonly labelWidth: number;
}

/** Graph with places. Places are those of the middle of a thing. */
export interface PlacedGraph {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

/** Height of a line of text in nodes and labels, in pixels. */
export const lineHeight = 16;

const nodeWidth = 7.6;
const labelWidth = 6.4;

/** Room of the lock before the last line of a label, in letters. */
const lockLetters = 2;

/** Distances of nodes in a layer, and of layers, in pixels. */
const airy = { nodesep: 22, ranksep: 44 };
const dense = { nodesep: 10, ranksep: 26 };

/** Number of edges above which the faster, less exact ranking is used. */
const mostExact = 150;

/**
 * Places the nodes of a graph in layers, callers before callees.
 *
 * @param direction `LR` from left to right, `TB` from top to bottom for narrow screens
 */
export function placeGraph(graph: DrawnGraph, direction: 'LR' | 'TB'): PlacedGraph {
  const layout = new dagre.graphlib.Graph({ multigraph: true });
  const ranker = graph.edges.length > mostExact ? 'longest-path' : 'network-simplex';
  layout.setGraph({ rankdir: direction, ...(graph.isDense ? dense : airy), marginx: 8, marginy: 8, ranker });
  const sizes = new Map(graph.nodes.map((node) => [node.id, sizeOf(node)]));
  for (const [id, { width, height }] of sizes) layout.setNode(keyOf(id), { width, height });
  for (const edge of graph.edges) {
    const lines = edge.lines.map(shortLine);
    const letters =
      Math.max(edge.letters ?? 0, ...lines.map((line) => line.length)) + (edge.lock === undefined ? 0 : lockLetters);
    const width = letters * labelWidth + 14;
    const size = { width, height: lines.length * lineHeight, labelpos: 'c' };
    layout.setEdge(keyOf(edge.from), keyOf(edge.to), size, edge.id);
  }
  dagre.layout(layout);
  const { width = 0, height = 0 } = layout.graph() as { width?: number; height?: number };
  const size = { width: Math.ceil(width), height: Math.ceil(height) };
  const edges = graph.edges.map((edge) => {
    const placed = layout.edge({ v: keyOf(edge.from), w: keyOf(edge.to), name: edge.id }) as unknown as EdgePlace;
    return {
      edge,
      lines: edge.lines.map(shortLine),
      points: placed.points,
      label: pointOf(placed),
      labelWidth: placed.width,
    };
  });
  const nodes = graph.nodes.map((node) => ({
    node,
    ...(sizes.get(node.id) ?? noSize),
    ...pointOf(layout.node(keyOf(node.id))),
  }));
  return inOrderOfCalls({ ...size, nodes, edges }, direction);
}

/** Returns the key of a node. dagre has nodes in plain objects, and clients may call hosts `constructor` or `__proto__`. */
function keyOf(id: string): string {
  return `node ${id}`;
}

/**
 * Mirrors a graph whose first calls are at the end. dagre avoids crossings, and a mirrored drawing has as many.
 */
function inOrderOfCalls(placed: PlacedGraph, direction: 'LR' | 'TB'): PlacedGraph {
  const across = ({ x, y }: Point): number => (direction === 'LR' ? y : x);
  const places = placed.nodes.map(across);
  const upwards = places.filter((place, index) => index > 0 && place < (places[index - 1] ?? 0)).length;
  if (2 * upwards <= places.length - 1) return placed;
  const mirrored = ({ x, y }: Point): Point =>
    direction === 'LR' ? { x, y: placed.height - y } : { x: placed.width - x, y };
  return {
    ...placed,
    nodes: placed.nodes.map((node) => ({ ...node, ...mirrored(node) })),
    edges: placed.edges.map((edge) => ({ ...edge, points: edge.points.map(mirrored), label: mirrored(edge.label) })),
  };
}

interface EdgePlace extends Point {
  readonly points: readonly Point[];
  readonly width: number;
}

interface NodeSize {
  readonly lines: readonly string[];
  readonly width: number;
  readonly height: number;
}

const noSize: NodeSize = { lines: [], width: 0, height: 0 };

function sizeOf(node: DrawnNode): NodeSize {
  const lines = node.lines.map(shortLine);
  const letters = Math.max(shortName(node.name).length + 2, ...lines.map((line) => line.length), 8);
  return { lines, width: letters * nodeWidth + 24, height: (lines.length + 1) * lineHeight + 18 };
}

/** Shortens a long name in its middle. */
export function shortName(name: string): string {
  return name.length > 28 ? `${name.slice(0, 14)}…${name.slice(-13)}` : name;
}

/** Number of characters of a line in a drawing. A program that is not a meshmock may call its version anything. */
const longestLine = 80;

/** Shortens a long line of a node or label. */
export function shortLine(line: string): string {
  return line.length > longestLine ? `${line.slice(0, longestLine)}…` : line;
}

function pointOf({ x, y }: { x?: number; y?: number }): Point {
  return { x: x ?? 0, y: y ?? 0 };
}
