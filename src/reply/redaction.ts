import { type Headers, planHeader } from './mesh-headers.ts';

const secretNames = /authorization|jwt|oidc|api[-_]?key|token|secret|password|credential|^(?:set-)?cookie$/;

/**
 * Reports whether a header has a secret, by its name in lower case.
 *
 * @example isSecretName('authorization'); // true
 */
export function isSecretName(name: string): boolean {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  // The headers of CORS are not secret: `access-control-allow-credentials` is `true`.
  const isSecret = secretNames.test(name) && !name.startsWith('access-control-');
  if (knownNames.size < mostKnownNames && name.length <= longestKnownName) knownNames.set(name, isSecret);
  return isSecret;
}

/** Names that were asked for: most headers have one of few names, and the pattern takes longer than all else about them. */
const knownNames = new Map<string, boolean>();
const mostKnownNames = 1000;
const longestKnownName = 64;

/** Value of a header that is not shown. */
export const redacted = '[redacted]';

/** Returns headers for a reply, with `[redacted]` for the values of secrets. Headers without secrets are not copied. */
export function redactHeaders(headers: Headers): Headers {
  if (!mayHaveSecrets(headers)) return headers;
  const shown: Record<string, string> = {};
  for (const name in headers) shown[name] = isSecretName(name) ? redacted : (headers[name] ?? '');
  const plan = shown[planHeader];
  if (plan !== undefined) shown[planHeader] = redactUri(plan);
  return shown;
}

function mayHaveSecrets(headers: Headers): boolean {
  for (const name in headers) if (isSecretName(name) || name === planHeader) return true;
  return false;
}

/** Returns a path for a reply, with asterisks for the values of secret headers that its plan sets. */
export function redactUri(uri: string): string {
  if (!uri.includes('[') && !uri.includes('%')) return uri;
  // A name may be encoded, which no plan allows, and is still the name of a secret.
  const opening = /(\[|%5b)((?:[^=\]%[]|%(?!3d|5b|5d)[0-9a-f]{2})+)(?:=|%3d)/gi;
  let shown = '';
  let from = 0;
  for (let match = opening.exec(uri); match !== null; match = opening.exec(uri)) {
    if (!isSecretName(decodedName(match[2] ?? ''))) continue;
    const at = opening.lastIndex;
    const closing = match[1] === '[' ? uri.indexOf(']', at) : at + uri.slice(at).search(/\]|%5d/i);
    const end = closing < at ? uri.length : closing;
    shown += uri.slice(from, at) + '*'.repeat(end - at);
    from = end;
    opening.lastIndex = end;
  }
  return shown + uri.slice(from);
}

function decodedName(name: string): string {
  const decoded = name.replaceAll(/%([0-7][0-9a-f])/gi, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return decoded.toLowerCase();
}
