import { type JsonObject, objectsAt, textsAt } from './json.ts';

/**
 * Returns the virtual host that Envoy selects for an authority: the one with the exact domain, or else the longest
 * `*.suffix`, or else the longest `prefix.*`, or else `*` (Envoy, "virtual host matching").
 */
export function virtualHostFor(routeConfig: JsonObject, authority: string): JsonObject | undefined {
  const wanted = authority.toLowerCase();
  const hosts = objectsAt(routeConfig, 'virtual_hosts').map((host) => ({ host, domains: textsAt(host, 'domains') }));
  const ignoresPort = routeConfig.ignore_port_in_host_matching === true;
  const compared = ignoresPort ? wanted.replace(/:\d+$/, '') : wanted;
  const ranked = hosts.flatMap(({ host, domains }) =>
    domains.flatMap((domain) => {
      const rank = rankOf(domain.toLowerCase(), compared);
      return rank === undefined ? [] : [{ host, rank }];
    }),
  );
  return ranked.toSorted((a, b) => b.rank - a.rank)[0]?.host;
}

/** Rank of a domain among those that match; undefined if it does not. */
function rankOf(domain: string, authority: string): number | undefined {
  if (domain === authority) return 3_000_000;
  if (domain === '*') return 0;
  if (domain.startsWith('*') && authority.length >= domain.length && authority.endsWith(domain.slice(1)))
    return 2_000_000 + domain.length;
  if (domain.endsWith('*') && authority.length >= domain.length && authority.startsWith(domain.slice(0, -1)))
    return 1_000_000 + domain.length;
  return undefined;
}
