import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** Refusal of a request before anything is looked at. */
export interface GuardRefusal {
  readonly status: number;
  readonly error: string;
}

/**
 * Returns why a request is refused; undefined if it is not. A page of another site can send requests to this machine, and
 * with a name whose address it changes ("DNS rebinding") it could read the answers. Such a request names a host that is
 * neither an address nor one of ours.
 *
 * @param host host of `--page`, as the user typed it
 */
export function guardRequest(
  { method, headers }: { readonly method?: string | undefined; readonly headers: IncomingHttpHeaders },
  host: string,
): GuardRefusal | undefined {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, error: 'the page answers GET only' };
  if (!isOwnHost(hostnameOf(headers.host ?? ''), host))
    return { status: 421, error: 'the Host header names another host: use localhost or an address of this machine' };
  const { origin } = headers;
  if (origin !== undefined && URL.parse(origin)?.host !== headers.host)
    return { status: 403, error: 'pages of other origins may not read this mesh' };
  const site = headers['sec-fetch-site'];
  const isNavigation = headers['sec-fetch-mode'] === 'navigate';
  if ((site === 'cross-site' || site === 'same-site') && !isNavigation)
    return { status: 403, error: 'pages of other sites may not read this mesh' };
  return undefined;
}

/** Returns the host of a Host header, without its port and brackets. */
function hostnameOf(header: string): string {
  const hostname = URL.parse(`http://${header}`)?.hostname ?? '';
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

function isOwnHost(hostname: string, host: string): boolean {
  return isIP(hostname) !== 0 || hostname === 'localhost' || (host !== '' && hostname === host.toLowerCase());
}
