/** State of a key for tokens that istiod fetches. */
export interface KeyFetch {
  readonly kind: 'fetched' | 'retrying' | 'failed';
  /** Error of the last attempt; empty if the log has none. */
  readonly reason: string;
}

const lines =
  /\t(Updated cached JWT public key|Failed to GET|Failed to fetch public key|Failed to refresh JWT public key|Failed to get jwks URI) from (?:jwks URI |issuer )?"([^"]+)"(?:: (.*))?$|JWKS fetch failed for issuer (\S*) \(([^)]*)\)/gm;

/**
 * Reads from istiod's log which keys it could not fetch. istiod writes nothing about a key that it gets at once.
 *
 * @returns the last state of each key by its URL, or by its issuer if istiod looks for the URL there
 */
export function keyFetches(log: string): ReadonlyMap<string, KeyFetch> {
  const states = new Map<string, KeyFetch>();
  for (const [, message, source, error = '', issuer = '', url = ''] of log.matchAll(lines)) {
    const key = source ?? (url === '' ? issuer : url);
    const former = states.get(key)?.reason ?? '';
    states.set(key, { kind: kindOf(message), reason: isLessTelling(error, former) ? former : reasonOf(error) });
  }
  return states;
}

/** The last attempt of a series often ends with the time of the series, which hides what is wrong. */
function isLessTelling(error: string, former: string): boolean {
  return error === '' || (former !== '' && error.includes('context deadline exceeded'));
}

function kindOf(message: string | undefined): KeyFetch['kind'] {
  if (message === 'Updated cached JWT public key') return 'fetched';
  // istiod tries again a minute later.
  return message === 'Failed to refresh JWT public key' ? 'failed' : 'retrying';
}

function reasonOf(error: string): string {
  return error.replace(/\. Retry in \S+$/, '').replace(/^Get "[^"]*": /, '');
}
