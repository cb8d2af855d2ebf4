import type { Condition, Subject } from './condition.ts';
import type {
  EnvoyHeaderMatcher,
  EnvoyMetadataMatcher,
  EnvoyQueryMatcher,
  EnvoyRouteMatch,
  EnvoyStringMatcher,
  EnvoyValueMatcher,
} from './edge-side.ts';
import { always, type Formula, is } from './formula.ts';
import { parseStringMatcher, type TextMatch } from './text-match.ts';

/** Returns the condition that a text of a request satisfies a match. */
export function textIs(subject: Subject, match: TextMatch): Formula {
  return is({ kind: 'text', subject, match, isInverted: false, missingIsEmpty: false });
}

/** Returns a condition that cannot be evaluated. */
export function unknownIs(text: string, reason: string): Formula {
  return is({ kind: 'unknown', text, reason });
}

const notUnderstood = 'meshmock does not know this kind of condition';

/** Returns the condition of a StringMatcher, or one that is unknown. */
export function stringIs(subject: Subject, matcher: EnvoyStringMatcher | undefined): Formula {
  const match = parseStringMatcher(matcher);
  return match === undefined ? unknownIs(JSON.stringify(matcher ?? subject), notUnderstood) : textIs(subject, match);
}

/** Parses the match of a route. */
export function parseRouteMatch(match: EnvoyRouteMatch): Formula {
  const { headers = [], query_parameters: query = [], dynamic_metadata: metadata = [] } = match;
  return {
    kind: 'all',
    of: [
      parsePathMatch(match),
      ...headers.map(parseHeaderMatcher),
      ...query.map(parseQueryMatcher),
      ...metadata.map(parseMetadataMatcher),
      ...Object.keys(match)
        .filter((field) => otherRouteFields.has(field))
        .map((field) => unknownIs(field, otherRouteFields.get(field) ?? notUnderstood)),
    ],
  };
}

/** Fields of a match that requests cannot choose. */
const otherRouteFields = new Map([
  ['runtime_fraction', 'a share of the requests is chosen at random'],
  ['grpc', notUnderstood],
  ['tls_context', 'it depends on the certificate of the client'],
  ['connect_matcher', 'meshmock sends no CONNECT'],
  ['filter_state', notUnderstood],
]);

const path: Subject = { kind: 'path' };

function parsePathMatch(match: EnvoyRouteMatch): Formula {
  const ignoresCase = match.case_sensitive === false;
  if (match.path !== undefined) return textIs(path, { kind: 'exact', value: match.path, ignoresCase });
  if (match.path_separated_prefix !== undefined)
    return textIs(path, { kind: 'path_prefix', value: match.path_separated_prefix, ignoresCase });
  if (match.safe_regex !== undefined) return textIs(path, { kind: 'regex', source: match.safe_regex.regex ?? '' });
  const template = templateOf(match.path_match_policy);
  if (template !== undefined) return textIs(path, { kind: 'template', value: template });
  const { prefix } = match;
  // Every path begins with a slash.
  return prefix === undefined || prefix === '/' || prefix === ''
    ? always
    : textIs(path, { kind: 'prefix', value: prefix, ignoresCase });
}

/** Returns the template of an extension for URI templates. */
export function templateOf(extension: unknown): string | undefined {
  const { typed_config: config } = (extension ?? {}) as { typed_config?: { path_template?: string } };
  return config?.path_template;
}

/** Parses a HeaderMatcher. */
export function parseHeaderMatcher(matcher: EnvoyHeaderMatcher): Formula {
  const { name = '', string_match: text, present_match: present, range_match: range } = matcher;
  const match: TextMatch | undefined =
    text === undefined && range === undefined
      ? parseLegacyHeader(matcher)
      : range === undefined
        ? parseStringMatcher(text)
        : { kind: 'range', start: Number(range.start ?? 0), end: Number(range.end ?? 0) };
  if (match === undefined) return unknownIs(`header ${name}`, notUnderstood);
  const condition: Condition = {
    kind: 'text',
    subject: headerSubject(name),
    match,
    isInverted: (matcher.invert_match ?? false) !== (match.kind === 'present' && present === false),
    missingIsEmpty: matcher.treat_missing_header_as_empty ?? false,
  };
  return positive(condition);
}

/** Returns an inverted condition as the negation of the plain one, where both treat a header that is absent alike. */
function positive(condition: Extract<Condition, { kind: 'text' }>): Formula {
  const isExact = condition.match.kind === 'present' || condition.missingIsEmpty;
  if (!condition.isInverted || !isExact) return is(condition);
  return { kind: 'not', of: is({ ...condition, isInverted: false }) };
}

/** Parses the older fields of a HeaderMatcher. Without any, the header must be present. */
function parseLegacyHeader(matcher: EnvoyHeaderMatcher): TextMatch | undefined {
  const old = (kind: string): unknown => matcher[`${kind}_match`];
  for (const kind of ['exact', 'prefix', 'suffix', 'contains', 'safe_regex'])
    if (old(kind) !== undefined) return parseStringMatcher({ [kind]: old(kind) });
  return { kind: 'present' };
}

function headerSubject(name: string): Subject {
  switch (name.toLowerCase()) {
    case ':method':
      return { kind: 'method' };
    case ':authority':
    case 'host':
      return { kind: 'authority' };
    case ':path':
      return { kind: 'full_path' };
    case ':scheme':
      return { kind: 'scheme' };
    default:
      return { kind: 'header', name: name.toLowerCase() };
  }
}

function parseQueryMatcher({ name = '', string_match: text }: EnvoyQueryMatcher): Formula {
  const subject: Subject = { kind: 'query', name };
  return text === undefined ? textIs(subject, { kind: 'present' }) : stringIs(subject, text);
}

/** Parses a MetadataMatcher. Known is the payload of a token. */
export function parseMetadataMatcher({ filter, path: keys = [], value = {}, invert }: EnvoyMetadataMatcher): Formula {
  const [first, ...claim] = keys.map(({ key = '' }) => key);
  const text = `metadata ${keys.map(({ key }) => key).join('.')}`;
  if (filter !== 'envoy.filters.http.jwt_authn' || first !== 'payload') return unknownIs(text, notUnderstood);
  const parsed = parseValueMatcher({ kind: 'claim', path: claim }, value);
  if (parsed === undefined) return unknownIs(text, notUnderstood);
  return invert === true ? { kind: 'not', of: parsed } : parsed;
}

/** Parses the matcher of a claim, which is a text or a list of texts. */
function parseValueMatcher(subject: Subject, value: EnvoyValueMatcher): Formula | undefined {
  if (value.string_match !== undefined) return stringIs(subject, value.string_match);
  if (value.present_match !== undefined) {
    const present = textIs(subject, { kind: 'present' });
    return value.present_match ? present : { kind: 'not', of: present };
  }
  if (value.list_match !== undefined) return parseValueMatcher(subject, value.list_match.one_of ?? {});
  if (value.or_match === undefined) return undefined;
  const parts = (value.or_match.value_matchers ?? []).map((one) => parseValueMatcher(subject, one));
  const known = parts.filter((part) => part !== undefined);
  if (known.length < parts.length) return undefined;
  // istiod asks for a text and for a list with the text: both are the same here.
  return { kind: 'any', of: [...new Map(known.map((part) => [JSON.stringify(part), part])).values()] };
}
