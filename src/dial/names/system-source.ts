import { type LookupAddress, promises } from 'node:dns';
import { type FoundName, NameError, type NameSource } from './name-source.ts';

/** Reasons by the codes of getaddrinfo(3). */
const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'unknown name',
  EAI_AGAIN: 'no name server answers',
  EAI_FAIL: 'the name server fails',
};

/**
 * Source that asks the operating system (getaddrinfo), which also knows names of mDNS, of LDAP and of a VPN. It can look up
 * four names at the same time.
 */
export class SystemSource implements NameSource {
  async lookup(name: string): Promise<FoundName> {
    try {
      return { name: name.replace(/\.$/, ''), addresses: await promises.lookup(name, { all: true }), ttlMs: 0 };
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      throw new NameError(reasons[code] ?? `the lookup fails (${code})`);
    }
  }

  arrange(addresses: readonly LookupAddress[]): readonly LookupAddress[] {
    return addresses;
  }
}
