import { MeshmockError } from '../error/meshmock-error.ts';
import type { Address } from './client.ts';

/**
 * One `HOST:PORT:ADDR:PORT`. An empty part before the address matches anything, and one after it changes nothing. A `*` in
 * the host matches one label, so `web.*.svc` is the Service web of every namespace.
 */
export interface ConnectTo {
  readonly host: string;
  readonly port: string;
  readonly toHost: string;
  readonly toPort: string;
}

/**
 * Parses the syntax of curl's `--connect-to` (curl(1)). IPv6 addresses have brackets.
 *
 * @example
 * parseConnectTo('service1:8080:127.0.0.1:8081');
 *
 * @throws MeshmockError `usage` if the text is not HOST:PORT:ADDR:PORT, or its host has two stars
 */
export function parseConnectTo(text: string): ConnectTo {
  const part = String.raw`(\[[0-9a-fA-F:.]+\]|[^:\[\]]*)`;
  const port = String.raw`(\d*)`;
  const match = new RegExp(`^${part}:${port}:${part}:${port}$`).exec(text);
  const [, host, fromPort, toHost, toPort] = match ?? [];
  if (host === undefined || fromPort === undefined || toHost === undefined || toPort === undefined) {
    throw new MeshmockError('usage', `"${text}" is not HOST:PORT:ADDR:PORT, such as service1:8080:127.0.0.1:8081`);
  }
  if (host.split('*').length > 2)
    throw new MeshmockError(
      'usage',
      `"${text}": expected at most one * in the host, as in web.*.svc:80:127.0.0.1:8081`,
    );
  return { host: withoutBrackets(host), port: fromPort, toHost: withoutBrackets(toHost), toPort };
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
}

/**
 * Addresses to dial for hosts and ports. Entries for the same pair are used in turn.
 *
 * @example
 * const dialler = new Dialler([parseConnectTo('service1:8080:127.0.0.1:8081')]);
 * dialler.dial('service1', 8080); // { host: '127.0.0.1', port: 8081 }
 */
export class Dialler {
  private routes: { readonly entries: ConnectTo[]; turn: number }[] = [];

  constructor(entries: readonly ConnectTo[] = []) {
    this.replace(entries);
  }

  /** Replaces all entries. */
  replace(entries: readonly ConnectTo[]): void {
    this.routes = [];
    for (const entry of entries) this.add(entry);
  }

  /** Adds an entry after the others. */
  add(entry: ConnectTo): void {
    const same = this.routes.find(({ entries: [first] }) => first?.host === entry.host && first.port === entry.port);
    if (same === undefined) this.routes.push({ entries: [entry], turn: 0 });
    else same.entries.push(entry);
  }

  /** Host names that the entries dial at another host, without patterns and duplicates. */
  get hosts(): readonly string[] {
    const names = this.routes.map(({ entries: [first] }) => (first?.toHost ? first.host : ''));
    return [...new Set(names)].filter((name) => name !== '' && !name.includes('*'));
  }

  /** Returns the address to dial. The first pair that matches is used, as in curl. */
  dial(host: string, port: number): Address {
    const route = this.routes.find(({ entries: [entry] }) => entry !== undefined && matches(entry, host, port));
    const entry = route?.entries[route.turn++ % route.entries.length];
    if (entry === undefined) return { host, port };
    return { host: entry.toHost || host, port: entry.toPort === '' ? port : Number(entry.toPort) };
  }
}

function matches(entry: ConnectTo, host: string, port: number): boolean {
  return (entry.port === '' || Number(entry.port) === port) && matchesHost(entry.host, host.toLowerCase());
}

function matchesHost(pattern: string, host: string): boolean {
  if (pattern === '' || pattern === host) return true;
  const star = pattern.indexOf('*');
  if (star < 0) return false;
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
  if (!host.startsWith(before) || !host.endsWith(after)) return false;
  const label = host.slice(before.length, host.length - after.length);
  return host.length > before.length + after.length && !label.includes('.');
}
