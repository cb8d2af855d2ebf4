import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';

/** Addresses of the names in a hosts file, by name in lower case. */
export type HostsTable = ReadonlyMap<string, readonly string[]>;

/** Parses the text of /etc/hosts (hosts(5)). A name in several lines has the addresses of all of them. */
export function parseHosts(text: string): HostsTable {
  const table = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names.map((each) => each.toLowerCase().replace(/\.$/, ''))) {
      const known = table.get(name);
      if (known === undefined) table.set(name, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return table;
}

/** Hosts file that is read again after it has changed. A file that cannot be read is empty. */
export class HostsFile {
  private readonly path: string;
  private version = '';
  private table: HostsTable = new Map();

  constructor(path: string) {
    this.path = path;
  }

  /** Returns the addresses of a name in lower case, without a dot at its end. */
  addressesOf(name: string): readonly string[] {
    this.readIfChanged();
    return this.table.get(name) ?? [];
  }

  private readIfChanged(): void {
    try {
      const { ino, mtimeMs, size } = statSync(this.path);
      const version = `${ino} ${mtimeMs} ${size}`;
      if (version === this.version) return;
      this.table = parseHosts(readFileSync(this.path, 'utf8'));
      this.version = version;
    } catch {
      this.version = '';
      this.table = new Map();
    }
  }
}
