import type { GraphEdge, GraphNode } from './call-graph.ts';

/** Number of values that a label names. */
const mostNamed = 3;

/**
 * Returns counts as words, the most frequent first.
 *
 * @example
 * countsText(new Map([['200', 7], ['503', 1]])); // '200 ×7, 503'
 */
export function countsText(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const named = sorted.slice(0, mostNamed).map(([value, times]) => (times === 1 ? value : `${value} ×${times}`));
  return [...named, ...(sorted.length > mostNamed ? [`${sorted.length - mostNamed} more`] : [])].join(', ');
}

/** Returns the lines of the label of an edge: what was called and the result, then what the mesh did. */
export function edgeLines(edge: GraphEdge): string[] {
  const named = new Map([...edge.outcomes].map(([outcome, times]) => [outcomeWords(outcome), times]));
  const scheme = [...edge.schemes].join(', ');
  return [
    `${scheme} ${countsText(named)}`.trim(),
    ...(edge.refusals.size === 0 ? [] : [`refused by a proxy: ${[...edge.refusals.keys()].join(', ')}`]),
    ...(edge.attempts > 1 ? [`${edge.attempts} attempts`] : []),
    ...(edge.mtls === 0 ? [] : [edge.mtls >= edge.calls ? 'mTLS' : `mTLS ×${edge.mtls}`]),
    ...(edge.isSampled ? ['seen in samples'] : []),
  ];
}

/** Errors of calls in words. `refused` alone would look like the refusal of a proxy. */
const errorWords: ReadonlyMap<string, string> = new Map([
  ['refused', 'connection refused'],
  ['reset', 'connection reset'],
  ['timeout', 'timed out'],
  ['dns', 'unknown name'],
  ['blocked', 'blocked target'],
  ['not_made', 'not made in time'],
]);

/**
 * Returns an outcome in words: a status, or an error.
 *
 * @example
 * outcomeWords('dns'); // 'no answer: unknown name'
 */
export function outcomeWords(outcome: string): string {
  return /^\d*$|ok$/.test(outcome) ? outcome : `no answer: ${errorWords.get(outcome) ?? outcome}`;
}

/**
 * Returns an outcome in as few words as a column has room for. A line of its own says more.
 *
 * @example
 * shortOutcome('dns'); // 'no answer'
 */
export function shortOutcome(outcome: string): string {
  return outcomeWords(outcome).replace(/:.*/, '');
}

/** Returns an edge as a sentence. */
export function edgeSentence(edge: GraphEdge, nameOf: (id: string) => string): string {
  const times = edge.calls === 1 ? 'once' : `${edge.calls} times`;
  const failed = edge.failed === 0 ? '' : edge.failed === edge.calls ? ', all failed' : `, ${edge.failed} failed`;
  // The label of the edge follows word for word, as users of voice control say what they see.
  return `${nameOf(edge.from)} calls ${nameOf(edge.to)} ${times}${failed}: ${edgeLines(edge).join(' ')}`;
}

/** Returns the lines under the name of a node: its versions, or why it has none. */
export function nodeLines(node: GraphNode): string[] {
  if (node.members !== undefined) return ['open to see each'];
  switch (node.kind) {
    case 'entry':
    case 'service':
      return versionLines(node.versions);
    case 'foreign':
      return ['not a meshmock'];
    case 'unreached':
      return ['did not answer'];
  }
}

function versionLines(versions: ReadonlyMap<string, number>): string[] {
  if (versions.size === 0) return [];
  if (versions.size === 1) return [...versions.keys()];
  return [...versions].slice(0, 4).map(([version, times]) => `${version} ×${times}`);
}
