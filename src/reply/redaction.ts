import type { Headers } from './mesh-headers.ts';

const secretNames = /^(?:cookie|set-cookie)$|authorization|jwt|oidc|api-?key|token|secret|password|credential/;

/** Returns headers for a reply, with `[redacted]` for the values of secrets. */
export function redactHeaders(headers: Headers): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const name in headers) shown[name] = secretNames.test(name) ? '[redacted]' : (headers[name] ?? '');
  return shown;
}

/** Returns a path for a reply, with asterisks for the values of secret headers that its plan sets. */
export function redactUri(uri: string): string {
  const opening = /(\[|%5b)([^=\]%[]{1,64})(?:=|%3d)/gi;
  let shown = '';
  let from = 0;
  for (let match = opening.exec(uri); match !== null; match = opening.exec(uri)) {
    if (!secretNames.test(match[2]?.toLowerCase() ?? '')) continue;
    const at = opening.lastIndex;
    const closing = match[1] === '[' ? uri.indexOf(']', at) : at + uri.slice(at).search(/\]|%5d/i);
    const end = closing < at ? uri.length : closing;
    shown += uri.slice(from, at) + '*'.repeat(end - at);
    from = end;
    opening.lastIndex = end;
  }
  return shown + uri.slice(from);
}
