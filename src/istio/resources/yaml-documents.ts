import { type Document, type DocumentOptions, LineCounter, parseAllDocuments, type SchemaOptions } from 'yaml';
import { yamlProblem } from './yaml-problem.ts';

/**
 * Options to read YAML as sigs.k8s.io/yaml does, which kubectl and Istio use. It is YAML 1.1, in which `yes` is a
 * boolean and `<<` merges. Numbers to the base of 60 and timestamps are not supported. A number needs a digit, so the
 * `.` in `exportTo: .` and the name `e1` are texts.
 */
const kubernetesYaml: DocumentOptions & SchemaOptions = {
  version: '1.1',
  customTags: (tags) =>
    tags
      .filter((one) => typeof one === 'string' || (one.tag !== 'tag:yaml.org,2002:timestamp' && one.format !== 'TIME'))
      .map((one) =>
        typeof one !== 'string' && 'test' in one && one.test ? { ...one, test: rightTest(one.test) } : one,
      ),
};

/** Returns a test of numbers in the place of one that accepts a text without a digit before the exponent. */
function rightTest(test: RegExp): RegExp {
  if (test.test('.')) return /^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)$/;
  return test.test('e1') ? /^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$/ : test;
}

/** Documents of a text, and the places of its lines. */
export interface YamlDocuments {
  /** The text to which offsets refer: with more indentation, if quoted texts need it. */
  readonly text: string;
  readonly documents: readonly Document[];
  readonly lines: LineCounter;
}

/** Maximum number of quoted texts whose lines are indented. */
const maxIndented = 100;

/**
 * Parses YAML documents as kubectl does. It permits any indentation of the lines of a quoted text, although YAML asks
 * for more than that of the key. Such lines are indented, which does not change the value.
 *
 * @example parseYaml("a: 'b\nc'").documents[0]?.toJS() // { a: 'b c' }
 */
export function parseYaml(text: string): YamlDocuments {
  const given = parse(text);
  let parsed = given;
  for (let count = 0; count < maxIndented; count++) {
    const indented = withIndentedQuote(parsed);
    if (indented === undefined) break;
    parsed = parse(indented);
    if (parsed.documents.every((document) => yamlProblem(document) === undefined)) return parsed;
  }
  return given;
}

function parse(text: string): YamlDocuments {
  const lines = new LineCounter();
  const options = { ...kubernetesYaml, lineCounter: lines, prettyErrors: false, logLevel: 'error' } as const;
  return { text, documents: parseAllDocuments(text, options) as Document[], lines };
}

/** Indents the lines of the first quoted text whose end is missing; undefined if there is none, or it has no end. */
function withIndentedQuote({ text, documents }: YamlDocuments): string | undefined {
  const problem = documents.map(yamlProblem).find((one) => one !== undefined);
  if (problem === undefined || !/ closing ["']$/.test(problem.expected)) return undefined;
  const { offset } = problem;
  const quoted = /^(?:'(?:[^']|'')*'|"(?:[^"\\]|\\[\s\S])*")/.exec(text.slice(offset))?.[0];
  // A document ends at its marker, even within quotes.
  if (quoted === undefined || !quoted.includes('\n') || /^(?:---|\.\.\.)(?:\s|$)/m.test(quoted)) return undefined;
  const column = offset - text.lastIndexOf('\n', offset - 1);
  return (
    text.slice(0, offset) + quoted.replaceAll('\n', `\n${' '.repeat(column)}`) + text.slice(offset + quoted.length)
  );
}
