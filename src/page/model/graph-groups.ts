import type { CallGraph, GraphEdge, GraphNode } from './call-graph.ts';
import { worse } from './call-graph.ts';

/** Number of similar callees of a service from which they become one node. */
const mostSimilar = 10;

/**
 * Puts many similar callees of a service into one node, so that a fan-out of a hundred stays readable. Callees are similar
 * if they have no other caller, call nothing, and have the same kind and tone.
 *
 * @param isOpen reports whether the group of an id must stay separate nodes
 */
export function groupCallees(graph: CallGraph, isOpen: (id: string) => boolean = () => false): CallGraph {
  const similar = [...Map.groupBy(leavesOf(graph), ({ group }) => group)].filter(
    ([id, leaves]) => leaves.length > mostSimilar && !isOpen(id),
  );
  if (similar.length === 0) return graph;
  const grouped = new Set(similar.flatMap(([, leaves]) => leaves.map(({ node }) => node.id)));
  const groups = similar.map(([id, leaves]) => groupOf(id, leaves));
  return {
    nodes: [...graph.nodes.filter(({ id }) => !grouped.has(id)), ...groups.map(({ node }) => node)],
    edges: [...graph.edges.filter(({ to }) => !grouped.has(to)), ...groups.map(({ edge }) => edge)],
  };
}

interface Leaf {
  readonly node: GraphNode;
  readonly edge: GraphEdge;
  /** Id of the group to which the leaf may belong. */
  readonly group: string;
}

function leavesOf({ nodes, edges }: CallGraph): Leaf[] {
  const incoming = Map.groupBy(edges, ({ to }) => to);
  const callers = new Set(edges.map(({ from }) => from));
  return nodes.flatMap((node) => {
    const [edge, more] = incoming.get(node.id) ?? [];
    if (edge === undefined || more !== undefined || callers.has(node.id)) return [];
    return [{ node, edge, group: `${edge.from} ${node.kind} ${edge.tone}` }];
  });
}

function groupOf(id: string, leaves: readonly Leaf[]): { readonly node: GraphNode; readonly edge: GraphEdge } {
  const names = leaves.map(({ node }) => node.name);
  const [first] = leaves as readonly [Leaf, ...Leaf[]];
  const edge: GraphEdge = {
    ...first.edge,
    id,
    to: id,
    schemes: new Set(),
    calls: 0,
    failed: 0,
    outcomes: new Map(),
    refusals: new Map(),
    mtls: 0,
    rows: [],
  };
  for (const { edge: one } of leaves) add(edge, one);
  const versions = new Map<string, number>();
  for (const { node } of leaves) addCounts(versions, node.versions);
  return { node: { id, name: `${leaves.length} callees`, kind: first.node.kind, versions, members: names }, edge };
}

function add(sum: GraphEdge, edge: GraphEdge): void {
  for (const scheme of edge.schemes) sum.schemes.add(scheme);
  sum.calls += edge.calls;
  sum.failed += edge.failed;
  sum.mtls += edge.mtls;
  sum.attempts = Math.max(sum.attempts, edge.attempts);
  sum.tone = worse(sum.tone, edge.tone);
  addCounts(sum.outcomes, edge.outcomes);
  addCounts(sum.refusals, edge.refusals);
  sum.rows.push(...edge.rows);
}

function addCounts(sum: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [key, times] of counts) sum.set(key, (sum.get(key) ?? 0) + times);
}
