import { MeshmockError } from '../error/meshmock-error.ts';
import type { Address } from './client.ts';

/** One `HOST:PORT:ADDR:PORT`; an empty part matches any, or keeps what it is. */
export interface ConnectTo {
  readonly host: string;
  readonly port: string;
  readonly toHost: string;
  readonly toPort: string;
}

/**
 * Reads curl's `--connect-to` syntax (curl(1)); IPv6 addresses stand in brackets.
 *
 * @throws MeshmockError `usage`
 */
export function parseConnectTo(text: string): ConnectTo {
  const part = String.raw`(\[[0-9a-fA-F:.]+\]|[^:\[\]]*)`;
  const port = String.raw`(\d*)`;
  const match = new RegExp(`^${part}:${port}:${part}:${port}$`).exec(text);
  const [, host, fromPort, toHost, toPort] = match ?? [];
  if (host === undefined || fromPort === undefined || toHost === undefined || toPort === undefined) {
    throw new MeshmockError('usage', `"${text}" is not HOST:PORT:ADDR:PORT, such as service1:8080:127.0.0.1:8081`);
  }
  return { host: bare(host), port: fromPort, toHost: bare(toHost), toPort };
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
}

/** Says which address to dial for a host and port: entries for the same pair are taken in turn. */
export class Dialler {
  private routes: { readonly entries: ConnectTo[]; turn: number }[] = [];

  constructor(entries: readonly ConnectTo[] = []) {
    this.replace(entries);
  }

  /** Puts entries in the place of those there are. */
  replace(entries: readonly ConnectTo[]): void {
    this.routes = [];
    for (const entry of entries) this.add(entry);
  }

  /** Adds an entry behind those there are. */
  add(entry: ConnectTo): void {
    const same = this.routes.find(({ entries: [first] }) => first?.host === entry.host && first.port === entry.port);
    if (same === undefined) this.routes.push({ entries: [entry], turn: 0 });
    else same.entries.push(entry);
  }

  /** The names that only entries know, each once: those that are dialled at another host. */
  get hosts(): readonly string[] {
    const names = this.routes.map(({ entries: [first] }) => (first?.toHost ? first.host : ''));
    return [...new Set(names)].filter((name) => name !== '');
  }

  /** The first pair that matches counts, as with curl. */
  dial(host: string, port: number): Address {
    const route = this.routes.find(({ entries: [entry] }) => entry !== undefined && matches(entry, host, port));
    const entry = route?.entries[route.turn++ % route.entries.length];
    if (entry === undefined) return { host, port };
    return { host: entry.toHost || host, port: entry.toPort === '' ? port : Number(entry.toPort) };
  }
}

function matches(entry: ConnectTo, host: string, port: number): boolean {
  return (entry.host === '' || entry.host === host.toLowerCase()) && (entry.port === '' || Number(entry.port) === port);
}
