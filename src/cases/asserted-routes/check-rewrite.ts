import type { HttpRoute, UriMatch } from '../../istio/virtual-service.ts';
import type { Rewrite } from '../asserted-route.ts';
import type { RouteConfig } from '../route-config.ts';
import { type AssertionResult, describeOutcome, type RouteEvidence, receivedReplies } from './route-evidence.ts';

/** Whether services received the path and the authority that a rewrite makes of what was sent. */
export function checkRewrite(rewrite: Rewrite, config: RouteConfig, evidence: RouteEvidence): AssertionResult[] {
  const { uri, authority, regex } = rewrite;
  const { replies, unseen } = receivedReplies(evidence);
  const requests = replies.map(({ request }) => request);
  const finding = (
    expected: string,
    values: readonly string[],
    wanted: readonly string[] | undefined,
  ): AssertionResult => {
    if (wanted === undefined) return { expected, seen: 'only RE2 knows what this regex means', holds: undefined };
    if (unseen !== undefined) return { expected, seen: unseen, holds: undefined };
    const seen = values.length === 0 ? describeOutcome(evidence) : `received ${[...new Set(values)].join(', ')}`;
    return { expected, seen, holds: values.length > 0 && values.every((value) => wanted.includes(value)) };
  };
  const findings: AssertionResult[] = [];
  if (uri !== undefined || regex !== undefined) {
    const expected = uri === undefined ? `uri rewritten by ${regex?.match}` : `uri rewritten to ${uri}`;
    const wanted = uri === undefined ? byRegex(regex, evidence.path) : byPrefix(uri, config, evidence.path);
    findings.push(
      wanted?.includes(evidence.path)
        ? { expected, seen: `it leaves ${evidence.path} as it is`, holds: undefined }
        : finding(
            expected,
            requests.map((request) => request?.uri ?? ''),
            wanted,
          ),
    );
  }
  if (authority !== undefined) {
    const hosts = requests.map((request) => request?.headers?.host ?? '');
    findings.push(finding(`authority rewritten to ${authority}`, hosts, [authority]));
  }
  return findings;
}

/**
 * What Envoy may make of a path: only the prefix that matched is replaced, and all of the path where it matched as a
 * whole. What matched, the VirtualServices with this rewrite tell.
 */
function byPrefix(uri: string, { virtualServices }: RouteConfig, path: string): string[] {
  const [plain = '', query] = path.split(/(?=\?)/, 2);
  const routes = virtualServices.flatMap(({ spec }) => spec.http ?? []);
  const delegating = routes.filter(({ delegate }) => delegate !== undefined);
  const own = routes.filter(({ rewrite }) => rewrite?.uri === uri);
  const made = [...own, ...(own.length > 0 ? delegating : [])]
    .flatMap(matchesOf)
    .flatMap((match) => rewritten(uri, match, plain));
  return [...new Set([uri, ...made])].map((one) => one + (query ?? ''));
}

function matchesOf({ match }: HttpRoute): UriMatch[] {
  const uris = (match ?? []).map(({ uri }) => uri ?? { prefix: '/' });
  return uris.length > 0 ? uris : [{ prefix: '/' }];
}

function rewritten(uri: string, { prefix }: UriMatch, path: string): string[] {
  if (prefix === undefined || !path.startsWith(prefix)) return [];
  const rest = path.slice(prefix.length);
  // Istio keeps `/` from doubling where a whole prefix becomes one.
  return uri.endsWith('/') && rest.startsWith('/') ? [uri + rest.slice(1)] : [uri + rest];
}

/** What Envoy makes of a path by a regex; nothing where JavaScript does not read it as RE2 does. */
function byRegex(regex: Rewrite['regex'], path: string): string[] | undefined {
  if (regex === undefined) return [];
  const [plain = '', query = ''] = path.split(/(?=\?)/, 2);
  // RE2 writes groups as `\1`.
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
 * With the flag `u` whatever JavaScript has not is an error, such as `\z`, and not the letter; so is a sign with a
 * backslash that needs none, which RE2 allows.
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
