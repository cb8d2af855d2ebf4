import { type Document, isCollection, isScalar, type Node, visit, type YAMLParseError } from 'yaml';

/** The first thing that makes a document no YAML. */
export interface YamlProblem {
  readonly offset: number;
  readonly message: string;
  /** What would have been right at the offset; empty where nobody can say. */
  readonly expected: string;
}

/** What makes a document no YAML, in the place to look at: where brackets and quotes open that nothing closes. */
export function yamlProblem(document: Document): YamlProblem | undefined {
  const [error] = document.errors;
  if (error === undefined) return undefined;
  if (error.code === 'MULTIPLE_DOCS')
    return { offset: error.pos[0], message: 'another document begins here, and there can be only one', expected: '' };
  const [, closing] = /(?:end with a|Missing closing) (\]|\}|"|')/.exec(error.message) ?? [];
  const opened = closing === undefined ? undefined : openedBefore(document, error, closing);
  if (closing === undefined || opened === undefined)
    return { offset: error.pos[0], message: `this is no YAML: ${error.message}`, expected: '' };
  return {
    offset: opened,
    message: 'this is no YAML: what opens here is not closed',
    expected: `a ${closing} that closes it`,
  };
}

/** Where the innermost of what a character closes begins, of all that ends at an error. */
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
