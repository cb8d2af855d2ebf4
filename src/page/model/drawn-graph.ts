import type { CallGraph, GraphEdge, GraphNode } from './call-graph.ts';
import type { Tone } from './call-rows.ts';
import { edgeLines, edgeSentence, nodeLines } from './graph-words.ts';

/** Node of a drawing, with its words. */
export interface DrawnNode {
  readonly id: string;
  readonly name: string;
  /** Class of its look. */
  readonly kind: GraphNode['kind'] | 'gateway';
  /** Lines under the name. */
  readonly lines: readonly string[];
  /** Further words, which have no room in the drawing. */
  readonly hidden?: string | undefined;
}

/** Edge of a drawing, with its words. */
export interface DrawnEdge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** Meaning in colour. `quiet` has no calls, and `inherited` failed only because a call further on failed. */
  readonly tone: Tone | 'quiet' | 'inherited';
  /** Lines of the label. */
  readonly lines: readonly string[];
  /** Least width of the label, in letters, so that a drawing with new counts looks the same. */
  readonly letters?: number;
  /** Lock before the last line: closed if the traffic is encrypted, open if not. */
  readonly lock?: 'closed' | 'open' | undefined;
  /** The edge as a sentence. It contains the lines word for word, as users of voice control say what they see. */
  readonly sentence: string;
}

/** Graph as it is drawn. */
export interface DrawnGraph {
  readonly nodes: readonly DrawnNode[];
  readonly edges: readonly DrawnEdge[];
  /** True if nodes are close together, so that a large graph has room. */
  readonly isDense?: boolean;
}

/** Returns the words of the graph of a reply. */
export function drawnCallGraph({ nodes, edges }: CallGraph): DrawnGraph {
  const names = new Map(nodes.map(({ id, name }) => [id, name]));
  return { nodes: nodes.map(drawnNode), edges: edges.map((edge) => drawnEdge(edge, (id) => names.get(id) ?? id)) };
}

function drawnNode(node: GraphNode): DrawnNode {
  const { id, name, kind } = node;
  return { id, name, kind, lines: nodeLines(node), hidden: node.members?.join(', ') };
}

function drawnEdge(edge: GraphEdge, nameOf: (id: string) => string): DrawnEdge {
  const { id, from, to, tone } = edge;
  return { id, from, to, tone, lines: edgeLines(edge), sentence: edgeSentence(edge, nameOf) };
}
