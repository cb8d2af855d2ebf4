/** Settings of a resolver, as resolv.conf(5) has them. c-ares reads the name servers itself, with their interfaces. */
export interface ResolverSettings {
  /** Domains that are tried after a name. */
  readonly search: readonly string[];
  /** Number of dots from which a name is first tried as it is. */
  readonly ndots: number;
  /** Time to wait for an answer before the next attempt, in milliseconds. */
  readonly timeoutMs: number;
  /** Number of times that each server is asked. */
  readonly attempts: number;
  /** True if IPv6 addresses are not asked for. */
  readonly isIpv4Only: boolean;
}

/** Limits of glibc (`RES_MAXNDOTS`, `RES_MAXRETRANS`, `RES_MAXRETRY`). */
const limits = { ndots: 15, timeout: 30, attempts: 5 };

/**
 * Parses the text of /etc/resolv.conf, with the defaults and limits of glibc. Lines that it does not know are ignored.
 *
 * @example
 * parseResolvConf('search mock.svc.cluster.local svc.cluster.local\noptions ndots:5').ndots; // 5
 */
export function parseResolvConf(text: string): ResolverSettings {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/),
  );
  const domains = lines.findLast(([first]) => first === 'search' || first === 'domain') ?? [];
  const options = lines.flatMap(([first, ...values]) => (first === 'options' ? values : []));
  const numberOf = (name: keyof typeof limits, fallback: number, least: number): number => {
    const found = options.findLast((option) => new RegExp(`^${name}:\\d{1,9}$`).test(option));
    return found === undefined ? fallback : Math.max(least, Math.min(limits[name], Number(found.split(':')[1])));
  };
  return {
    search: domains.slice(1).map((domain) => domain.toLowerCase().replace(/\.$/, '')),
    ndots: numberOf('ndots', 1, 0),
    timeoutMs: numberOf('timeout', 5, 1) * 1000,
    attempts: numberOf('attempts', 2, 1),
    isIpv4Only: options.includes('no-aaaa'),
  };
}

/**
 * Returns the names that are asked for, in the order of glibc. A name with a dot at its end is complete. A name with at
 * least `ndots` dots is tried as it is before the search domains, and any other name after them.
 *
 * @example
 * searchedNames('reviews', settings); // ['reviews.mock.svc.cluster.local', …, 'reviews']
 */
export function searchedNames(name: string, { search, ndots }: ResolverSettings): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const dots = name.split('.').length - 1;
  const searched = search.map((domain) => (domain === '' ? name : `${name}.${domain}`));
  return [...new Set(dots >= ndots ? [name, ...searched] : [...searched, name])];
}
