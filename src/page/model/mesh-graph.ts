import type { DrawnEdge, DrawnGraph, DrawnNode } from './drawn-graph.ts';
import type { MeshEdge, MeshNode, MeshState } from './mesh-page-data.ts';
import {
  copiesText,
  edgeLabel,
  failedOf,
  isQuiet,
  nameOf,
  passedOnOf,
  reasonWords,
  refusedOf,
  retriesText,
} from './mesh-words.ts';

/** Part of a mesh that is shown. */
export interface MeshFilter {
  /** Namespace, or empty for all. */
  readonly namespace: string;
  /** Part of the name of a service, or empty for all. Its neighbours are shown too. */
  readonly name: string;
  /** True to show only edges with errors or refusals. */
  readonly onlyProblems: boolean;
}

/** Number of edges above which the label of a good edge has one line. */
const mostDetailed = 24;

/** Labels grow in steps of this number of letters, so that new counts do not move the drawing. */
const letterStep = 4;

/**
 * Returns the graph of a mesh: a node for each service, and an edge for the calls between two of them.
 *
 * @example
 * meshGraph(state, { namespace: '', name: 'rev', onlyProblems: false }).nodes.map(({ name }) => name);
 */
export function meshGraph(state: MeshState, filter: MeshFilter): DrawnGraph {
  const byId = new Map(state.nodes.map((node) => [node.id, node]));
  const edges = state.edges.filter((edge) => isShown(edge, byId, filter));
  const used = new Set(edges.flatMap(({ from, to }) => [from, to]));
  const nodes = state.nodes
    .filter((node) => used.has(node.id) || (!filter.onlyProblems && matches(node, filter)))
    // Services without calls come last, so that they are drawn below the others.
    .sort((a, b) => Number(used.has(b.id)) - Number(used.has(a.id)));
  const isDense = edges.length > mostDetailed;
  const inherited = inheritedEdges(state);
  const usual = usualNamespace(nodes);
  return {
    nodes: nodes.map((node) => drawnNode(node, state.kind, usual, isDense)),
    edges: edges.map((edge) =>
      drawnEdge(edge, byId, {
        tone: toneOfEdge(edge, inherited),
        passedOn: passedOnOf(edge, state.edges),
        isDense,
      }),
    ),
    isDense,
  };
}

/** Returns the namespace of most nodes, which needs no words. */
function usualNamespace(nodes: readonly MeshNode[]): string | undefined {
  const counts = [...Map.groupBy(nodes, ({ namespace }) => namespace)].map(
    ([name, all]) => [name, all.length] as const,
  );
  return counts.sort(([, a], [, b]) => b - a)[0]?.[0];
}

function isShown(edge: MeshEdge, byId: ReadonlyMap<string, MeshNode>, filter: MeshFilter): boolean {
  if (filter.onlyProblems && !hasProblem(edge)) return false;
  return [edge.from, edge.to].some((id) => {
    const node = byId.get(id);
    return node !== undefined && matches(node, filter);
  });
}

function matches({ name, namespace }: MeshNode, filter: MeshFilter): boolean {
  return (filter.namespace === '' || namespace === filter.namespace) && name.includes(filter.name);
}

/** Reports whether requests of the last minute failed or were refused. */
export function hasProblem({ traffic, refusals }: MeshEdge): boolean {
  return traffic.errors > 0 || refusals.length > 0;
}

/**
 * Returns the ids of edges that failed only because a call further on failed.
 */
export function inheritedEdges({ edges }: MeshState): ReadonlySet<string> {
  const inherited = edges.filter((edge) => {
    const passed = passedOnOf(edge, edges);
    return passed > 0 && edge.refusals.length === 0 && passed >= edge.traffic.errors;
  });
  return new Set(inherited.map(({ id }) => id));
}

/** Returns the meaning of an edge's traffic. A refusal by a proxy is what a learner must see first. */
export function toneOfEdge(edge: MeshEdge, inherited: ReadonlySet<string>): DrawnEdge['tone'] {
  const { traffic, refusals } = edge;
  if (refusals.length > 0) return 'refused';
  if (isQuiet(edge)) return 'quiet';
  if (inherited.has(edge.id)) return 'inherited';
  if (traffic.errors > 0) return 'bad';
  return traffic.rejected > 0 ? 'notice' : 'good';
}

function drawnEdge(
  edge: MeshEdge,
  byId: ReadonlyMap<string, MeshNode>,
  { tone, passedOn, isDense }: Pick<DrawnEdge, 'tone'> & { readonly passedOn: number; readonly isDense: boolean },
): DrawnEdge {
  const { id, from, to, traffic } = edge;
  const lines = [
    edgeLabel(edge),
    ...problemLines(edge, passedOn),
    ...(isDense && !hasProblem(edge) ? [] : safetyLines(edge)),
  ];
  const longest = Math.max(...lines.map((line) => line.length));
  const [caller, callee] = [byId.get(from), byId.get(to)].map((node) => nameOf(node));
  return {
    id,
    from,
    to,
    tone,
    lines,
    lock: lockOf(edge),
    letters: Math.ceil(longest / letterStep) * letterStep,
    sentence: `${caller} calls ${callee}${isDense && traffic.mtls > 0 ? ' over mTLS' : ''}: ${lines.join(' ')}`,
  };
}

function problemLines(edge: MeshEdge, passedOn: number): string[] {
  const { traffic, refusals } = edge;
  const refused = refusedOf(edge);
  const errors = failedOf(edge) - passedOn;
  const share = (count: number, words: string): string[] =>
    count === 0 ? [] : [`${percent(count, traffic.requests)} ${words}`];
  const reasons = [...new Set(refusals.map(({ reason }) => reasonWords(reason)))];
  const retries = retriesText(traffic);
  return [
    ...(retries === undefined ? [] : [retries]),
    ...(refused === 0 ? [] : [`${refused} refused by a proxy: ${reasons.join(', ')}`]),
    ...share(errors, 'errors'),
    ...share(passedOn, 'fail further on'),
    ...(traffic.copies === undefined ? [] : [copiesText(traffic.copies)]),
  ];
}

function safetyLines({ traffic, protocols }: MeshEdge): string[] {
  const { mtls, plainText = 0 } = traffic;
  if (mtls + plainText === 0 || protocols.length === 0) return [];
  if (mtls === 0) return ['no mTLS'];
  return [plainText === 0 ? 'mTLS' : `mTLS for ${percent(mtls, mtls + plainText)}`];
}

function lockOf({ traffic }: MeshEdge): DrawnEdge['lock'] {
  const { mtls, plainText = 0 } = traffic;
  // Requests that did not reach the callee have shown nothing.
  if (mtls + plainText === 0) return undefined;
  return plainText === 0 ? 'closed' : 'open';
}

/**
 * Returns a share in words. A share that is not zero never reads as zero.
 *
 * @example
 * percent(1, 3); // '33 %'
 */
export function percent(part: number, all: number): string {
  const share = all === 0 ? 0 : (100 * part) / all;
  return share > 0 && share < 1 ? 'under 1 %' : `${Math.round(share)} %`;
}

function drawnNode(node: MeshNode, mesh: MeshState['kind'], usual: string | undefined, isDense: boolean): DrawnNode {
  const { id, name, namespace, versions } = node;
  const place = namespace === usual || namespace === undefined ? [] : [`in ${namespace}`];
  const lines = [...nodeLines(node, mesh), ...place];
  const hidden = versions.flatMap(({ pods }) => pods.map((pod) => pod.name)).join(', ');
  return {
    id,
    name,
    kind: hasEnded(node, mesh) ? 'unreached' : kindOf(node),
    lines: isDense ? [lines.join(', ')] : lines,
    hidden: hidden === '' ? undefined : hidden,
  };
}

/** Reports whether all processes of a service have ended. */
function hasEnded({ kind, versions }: MeshNode, mesh: MeshState['kind']): boolean {
  return mesh === 'processes' && kind === 'service' && versions.every(({ pods }) => pods.every((pod) => !pod.isReady));
}

function kindOf({ kind }: MeshNode): DrawnNode['kind'] {
  switch (kind) {
    case 'service':
      return 'service';
    case 'gateway':
      return 'gateway';
    case 'outside':
    case 'host':
      return 'foreign';
    case 'missing':
      return 'unreached';
  }
}

/** Number of versions that a node names. */
const mostVersions = 4;

function nodeLines({ kind, versions }: MeshNode, mesh: MeshState['kind']): string[] {
  switch (kind) {
    case 'service':
      return [...versions.slice(0, mostVersions).map(versionLine), ...podWarnings(versions, mesh)];
    case 'gateway':
      return ['gateway', ...podWarnings(versions, mesh)];
    case 'outside':
      return ['not in the mesh'];
    case 'host':
      return ['not in the mesh'];
    case 'missing':
      return ['no pod'];
  }
}

function versionLine({ version, pods }: MeshNode['versions'][number]): string {
  return pods.length === 1 ? version : `${version}: ${pods.length} pods`;
}

function podWarnings(versions: MeshNode['versions'], mesh: MeshState['kind']): string[] {
  const pods = versions.flatMap((version) => version.pods);
  const waiting = pods.filter(({ isReady }) => !isReady).length;
  if (mesh === 'processes')
    return waiting === 0 ? [] : [waiting === pods.length ? 'has ended' : `ended: ${waiting} of ${pods.length}`];
  const bare = pods.filter(({ hasSidecar }) => !hasSidecar).length;
  return [
    ...(waiting === 0 ? [] : [`not ready: ${waiting} of ${pods.length}`]),
    ...(bare === 0 ? [] : [bare === pods.length ? 'no sidecar' : `no sidecar: ${bare} of ${pods.length}`]),
  ];
}
