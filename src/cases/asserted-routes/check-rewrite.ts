import type { HttpRoute, UriMatch } from '../../istio/resources/virtual-service.ts';
import type { Rewrite } from '../asserted-route.ts';
import type { RouteConfig } from '../route-config.ts';
import {
  type AssertionResult,
  describeOutcome,
  notSeenResult,
  type RouteEvidence,
  receivedRequests,
  seenResult,
} from './route-evidence.ts';

/** Checks that services received the path and the authority that the asserted rewrite produces. */
export function checkRewrite(rewrite: Rewrite, config: RouteConfig, evidence: RouteEvidence): AssertionResult[] {
  const { uri, authority, regex } = rewrite;
  const received = receivedRequests(evidence);
  const requests = received.kind === 'not_seen' ? [] : received.replies.map(({ request }) => request);
  const check = (expected: string, values: readonly string[], wanted: readonly string[]): AssertionResult => {
    if (received.kind === 'not_seen') return notSeenResult(expected, received.reason);
    const seen = values.length === 0 ? describeOutcome(evidence) : `received ${[...new Set(values)].join(', ')}`;
    return seenResult(expected, seen, values.length > 0 && values.every((value) => wanted.includes(value)));
  };
  const checkPath = (expected: string, wanted: readonly string[] | undefined): AssertionResult => {
    if (wanted === undefined) return notSeenResult(expected, 'JavaScript cannot evaluate this RE2 regex');
    if (wanted.includes(evidence.path)) return notSeenResult(expected, `the rewrite does not change ${evidence.path}`);
    return check(
      expected,
      requests.map((request) => request?.uri ?? ''),
      wanted,
    );
  };
  const results: AssertionResult[] = [];
  if (uri !== undefined) results.push(checkPath(`uri rewritten to ${uri}`, pathsByPrefix(uri, config, evidence.path)));
  else if (regex !== undefined)
    results.push(checkPath(`uri rewritten by ${regex.match}`, pathsByRegex(regex, evidence.path)));
  if (authority !== undefined) {
    const hosts = requests.map((request) => request?.headers?.host ?? '');
    results.push(check(`authority rewritten to ${authority}`, hosts, [authority]));
  }
  return results;
}

/**
 * Returns the paths that Envoy may make of a path. A rewrite replaces the prefix that matched, or the whole path after
 * another match. The VirtualServices with this rewrite show the possible prefixes.
 */
function pathsByPrefix(uri: string, { virtualServices }: RouteConfig, path: string): string[] {
  const [plain = '', query = ''] = path.split(/(?=\?)/, 2);
  const routes = virtualServices.flatMap(({ spec }) => spec.http ?? []);
  const delegating = routes.filter(({ delegate }) => delegate !== undefined);
  const rewriting = routes.filter(({ rewrite }) => rewrite?.uri === uri);
  const replaced = [...rewriting, ...(rewriting.length > 0 ? delegating : [])]
    .flatMap(uriMatchesOf)
    .flatMap((match) => replacePrefix(uri, match, plain));
  return [...new Set([uri, ...replaced])].map((one) => one + query);
}

function uriMatchesOf({ match }: HttpRoute): UriMatch[] {
  const uris = (match ?? []).map(({ uri }) => uri ?? { prefix: '/' });
  return uris.length > 0 ? uris : [{ prefix: '/' }];
}

function replacePrefix(uri: string, { prefix }: UriMatch, path: string): string[] {
  if (prefix === undefined || !path.startsWith(prefix)) return [];
  const rest = path.slice(prefix.length);
  // Istio avoids a double slash where a prefix without one becomes a prefix with one.
  return uri.endsWith('/') && rest.startsWith('/') ? [uri + rest.slice(1)] : [uri + rest];
}

/** Returns the path that Envoy makes of a path; undefined for a regex that JavaScript does not read as RE2 does. */
function pathsByRegex(regex: NonNullable<Rewrite['regex']>, path: string): string[] | undefined {
  const [plain = '', query = ''] = path.split(/(?=\?)/, 2);
  // RE2 writes groups as `\1`, and the whole match as `\0`.
  const replacement = regex.rewrite
    .replaceAll('$', '$$$$')
    .replace(/\\(\d)/g, (_, group) => (group === '0' ? '$&' : `$${group}`));
  try {
    return [plain.replace(strictRegex(regex.match), replacement) + query];
  } catch {
    return undefined;
  }
}

/**
 * Returns a regex with the flag `u`, which rejects escapes that JavaScript does not know, such as `\z`. The flag also
 * rejects needless escapes of punctuation, which RE2 allows: they are written as character codes.
 *
 * @throws SyntaxError
 */
function strictRegex(match: string): RegExp {
  const escaped = (sign: string): string => `\\x${sign.charCodeAt(0).toString(16)}`;
  return new RegExp(
    match.replace(/\\([!-/:-@[-^`{-~])/g, (_, sign: string) => escaped(sign)),
    'gu',
  );
}
