import type { Node } from 'yaml';
import type { HeaderMatch } from '../../cases/router-result.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { type Regex, wholeRegex } from '../../expect/text-condition.ts';
import { text, yesOrNo } from '../../options/option-values.ts';
import type { Fields, YamlFile } from './yaml-file.ts';

const kinds = ['exact', 'prefix', 'suffix', 'contains', 'safe_regex'] as const;
type Kind = (typeof kinds)[number];

/**
 * Reads conditions about headers, in the form of Envoy's `HeaderMatcher`.
 *
 * @param node the list; undefined for no conditions
 * @throws MeshmockError `usage` with line and column
 */
export function readHeaderMatches(yaml: YamlFile, node: Node | undefined): HeaderMatch[] {
  if (node === undefined) return [];
  return yaml.list(node, '{ name: x-a, string_match: { exact: "1" } }').map((item) => readHeaderMatch(yaml, item));
}

function readHeaderMatch(yaml: YamlFile, node: Node): HeaderMatch {
  const known = ['name', 'string_match', 'exact_match', 'present_match', 'presence_match', 'invert_match'];
  const fields = yaml.fields(node, known, 'the name of a header and a string_match');
  const name = yaml.parseScalar(yaml.required(node, fields, 'name', 'x-a'), text).toLowerCase();
  const { condition, holds, isAboutPresence } = readCondition(yaml, fields);
  const isInverted = yaml.optionalScalar(fields, 'invert_match', yesOrNo) ?? false;
  if (!isInverted) return { name, condition, holds };
  // Without the header, a condition on its value fails, inverted or not (Envoy, HeaderUtility::matchHeaders).
  return {
    name,
    condition: `not ${condition}`,
    holds: (value) => (value !== null || isAboutPresence) && !holds(value),
  };
}

interface Condition extends Pick<HeaderMatch, 'condition' | 'holds'> {
  /** True if the condition asks only if the header is there, and not for its value. */
  readonly isAboutPresence: boolean;
}

/** A header without a condition must be present. */
function readCondition(yaml: YamlFile, fields: Fields): Condition {
  const exact = fields.get('exact_match');
  if (exact !== undefined) return textCondition('exact', yaml.textOf(exact), false);
  const match = fields.get('string_match');
  if (match !== undefined) return readStringMatch(yaml, match);
  const isPresent = yaml.optionalScalar(fields, 'present_match', yesOrNo) ?? true;
  return {
    condition: isPresent ? 'present' : 'absent',
    holds: (value) => (value !== null) === isPresent,
    isAboutPresence: true,
  };
}

function readStringMatch(yaml: YamlFile, node: Node): Condition {
  const fields = yaml.fields(node, [...kinds, 'ignore_case'], `one of ${kinds.join(', ')}`);
  const kind = kinds.find((one) => fields.has(one));
  const value = kind === undefined ? undefined : fields.get(kind);
  if (kind === undefined || value === undefined) throw yaml.errorAt(node, `one of ${kinds.join(', ')}`);
  if (kind !== 'safe_regex')
    return textCondition(kind, yaml.textOf(value), yaml.optionalScalar(fields, 'ignore_case', yesOrNo) ?? false);
  const regex = yaml.fields(value, ['regex', 'google_re2'], 'a regex');
  const source = yaml.required(value, regex, 'regex', '"v[12]"');
  const compiled = yaml.parseScalar(source, parseRegex);
  return {
    condition: `regex ${yaml.textOf(source)}`,
    holds: (one) => one !== null && compiled.isIn(one),
    isAboutPresence: false,
  };
}

function parseRegex(source: string): Regex {
  try {
    return wholeRegex(source);
  } catch (error) {
    throw new MeshmockError('usage', `"${source}": expected ${(error as Error).message}`);
  }
}

function textCondition(kind: Exclude<Kind, 'safe_regex'>, wanted: string, ignoresCase: boolean): Condition {
  const folded = (value: string): string => (ignoresCase ? value.toLowerCase() : value);
  const tests = {
    exact: (value: string) => value === folded(wanted),
    prefix: (value: string) => value.startsWith(folded(wanted)),
    suffix: (value: string) => value.endsWith(folded(wanted)),
    contains: (value: string) => value.includes(folded(wanted)),
  };
  return {
    condition: `${kind} ${wanted}`,
    holds: (value) => value !== null && tests[kind](folded(value)),
    isAboutPresence: false,
  };
}
