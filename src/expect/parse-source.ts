import { EdgeReader } from './edge-reader.ts';
import type { Edge } from './expectation.ts';
import { parseTextFact } from './parse-text.ts';
import type { TextFact } from './text-facts.ts';

/** Text of an answer: a text fact of the calls of an edge. */
export interface TextSource {
  readonly edge: Edge;
  readonly fact: TextFact;
}

/**
 * Parses the beginning of an expectation about a text: the service, and the fact. For the answer to the request itself,
 * `header NAME` is a header of this answer.
 *
 * @example
 * parseTextSource('reviews pod'); // { edge: { kind: 'calls', from: undefined, to: 'reviews' }, fact: { kind: 'pod', … } }
 *
 * @throws MeshmockError `usage` with the offset and the expected text
 */
export function parseTextSource(text: string): TextSource {
  const reader = new EdgeReader(text);
  const edge = reader.edge();
  const fact = parseTextFact(reader);
  if (reader.peek() !== undefined) throw reader.fail('the end');
  return { edge, fact: edge.kind === 'root' && fact.kind === 'header' ? { ...fact, kind: 'answer-header' } : fact };
}
