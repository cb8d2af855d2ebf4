import { renameSync, writeFileSync } from 'node:fs';

/** Addresses of hosts outside the mesh. A host such as `*.example.com` matches every name that ends so. */
export type ExternalHosts = ReadonlyMap<string, readonly string[]>;

/** Writes hosts as the zone file of CoreDNS, which reads a file again if its serial number is higher. */
export function writeExternalHosts(file: string, hosts: ExternalHosts, serial: number): void {
  writeFileSync(`${file}.new`, externalZone(hosts, serial));
  renameSync(`${file}.new`, file);
}

/**
 * Returns a zone file (RFC 1035, section 5) with the addresses of hosts, which clients keep for a second.
 *
 * @example externalZone(new Map([['*.example.com', ['10.77.1.9']]]), 1)
 */
export function externalZone(hosts: ExternalHosts, serial: number): string {
  const records = [...withCoveredNames(hosts)].flatMap(([host, addresses]) =>
    addresses.map((address) => `${host}. 1 IN A ${address}\n`),
  );
  return `. 1 IN SOA ns.dns. hostmaster. ${serial} 7200 1800 86400 1\n${records.join('')}`;
}

/**
 * Adds the names that a wildcard covers, although other hosts are below them: in the DNS, a wildcard matches no name that
 * exists (RFC 4592, section 2.2.1).
 */
function withCoveredNames(hosts: ExternalHosts): ExternalHosts {
  const all = new Map(hosts);
  const existing = new Set([...hosts.keys()].flatMap((host) => suffixesOf(host.replace('*.', ''))));
  for (const name of existing) {
    const wildcard = suffixesOf(name)
      .slice(1)
      .map((suffix) => hosts.get(`*.${suffix}`))
      .find((addresses) => addresses !== undefined);
    for (const one of [name, `*.${name}`]) if (wildcard !== undefined && !hosts.has(one)) all.set(one, wildcard);
  }
  return all;
}

/** Returns a name and the names above it, such as `www.example.com`, `example.com` and `com`. */
function suffixesOf(name: string): string[] {
  const labels = name.split('.');
  return labels.map((_, index) => labels.slice(index).join('.'));
}
