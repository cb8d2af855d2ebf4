import { type Document, isCollection, isScalar, type Node, visit, type YAMLParseError } from 'yaml';

/** First error in a YAML document. */
export interface YamlProblem {
  readonly offset: number;
  readonly message: string;
  /** Text that would be correct at the offset; empty if unknown. */
  readonly expected: string;
}

/**
 * Returns the first error of a YAML document, or undefined for a valid one. The offset of an unclosed bracket or quote
 * is the place where it opens.
 *
 * @example yamlProblem(parseDocument('a: [1')) // offset 3
 */
export function yamlProblem(document: Document): YamlProblem | undefined {
  const [error] = document.errors;
  if (error === undefined) return undefined;
  if (error.code === 'MULTIPLE_DOCS')
    return { offset: error.pos[0], message: 'a second document begins here: expected only one', expected: '' };
  const [, closing] = /(?:end with a|Missing closing) (\]|\}|"|')/.exec(error.message) ?? [];
  const opened = closing === undefined ? undefined : openedBefore(document, error, closing);
  if (closing === undefined || opened === undefined)
    return { offset: error.pos[0], message: `invalid YAML: ${error.message}`, expected: '' };
  return {
    offset: opened,
    message: `invalid YAML: the closing ${closing} is missing`,
    expected: `a closing ${closing}`,
  };
}

/** Returns the offset of the innermost unclosed collection or text that a closing character belongs to. */
function openedBefore(document: Document, { pos }: YAMLParseError, closing: string): number | undefined {
  let offset: number | undefined;
  visit(document, {
    Node(_, node) {
      const [start, end] = (node as Node).range ?? [0, 0];
      if (opens(node as Node, closing) && start < pos[0] && pos[0] <= end) offset = start;
    },
  });
  return offset;
}

function opens(node: Node, closing: string): boolean {
  if (isCollection(node)) return node.flow === true && /[\]}]/.test(closing);
  return isScalar(node) && /^QUOTE_/.test(node.type ?? '') && /["']/.test(closing);
}
