import { type LookupAddress, promises } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { inDialOrder } from './dial-order.ts';
import { HostsFile } from './hosts-file.ts';
import { type FoundName, NameError, type NameSource } from './name-source.ts';
import { parseResolvConf, type ResolverSettings, searchedNames } from './resolv-conf.ts';

/** Time to wait for the addresses of the second family (RFC 8305 section 3), in milliseconds. */
const secondFamilyMs = 50;

export interface DnsSourceOptions {
  /** Path of the hosts file; `/etc/hosts` by default. */
  readonly hostsPath?: string;
  /** Returns the settings of a lookup; those of `/etc/resolv.conf` by default. */
  readonly settings?: () => ResolverSettings;
  /** Addresses of the name servers; those of `/etc/resolv.conf` by default. */
  readonly servers?: readonly string[];
}

/**
 * Source that reads `/etc/hosts` and asks the name servers of `/etc/resolv.conf` itself. The operating system's own
 * lookup (getaddrinfo) occupies one of four threads until a name server answers. So four names without an answer would
 * stop all others.
 *
 * Each lookup has its own c-ares channel, and so its own socket, while it lasts. A channel that is shared
 * adapts the timeouts of all its names to the fastest ones, and cannot cancel a single name.
 */
export class DnsSource implements NameSource {
  private readonly hosts: HostsFile;
  private readonly settings: () => ResolverSettings;
  private readonly servers: readonly string[] | undefined;

  constructor({ hostsPath = '/etc/hosts', settings = readResolvConf, servers }: DnsSourceOptions = {}) {
    this.hosts = new HostsFile(hostsPath);
    this.settings = settings;
    this.servers = servers;
  }

  async lookup(name: string, signal: AbortSignal): Promise<FoundName> {
    const bare = name.replace(/\.$/, '');
    const known = this.hosts.addressesOf(bare);
    if (known.length > 0) return { name: bare, addresses: known.map(withFamily), ttlMs: 0 };
    // RFC 6761 section 6.3.
    if (/(?:^|\.)localhost$/.test(bare)) return { name: bare, addresses: loopback, ttlMs: 0 };
    const settings = this.settings();
    const { timeoutMs, attempts } = settings;
    // Without other servers, c-ares reads those of /etc/resolv.conf.
    const resolver = new promises.Resolver({ timeout: timeoutMs, maxTimeout: timeoutMs, tries: attempts });
    if (this.servers !== undefined) resolver.setServers(this.servers);
    return askAll(resolver, searchedNames(name, settings), settings, signal);
  }

  /** Puts the addresses of each family in random order, so that connections spread over the pods of a name. */
  arrange(addresses: readonly LookupAddress[]): readonly LookupAddress[] {
    const first = Math.floor(Math.random() * addresses.length);
    return inDialOrder([...addresses.slice(first), ...addresses.slice(0, first)]);
  }
}

const withFamily = (address: string): LookupAddress => ({ address, family: isIPv4(address) ? 4 : 6 });

const loopback = ['127.0.0.1', '::1'].map(withFamily);

/** Reads /etc/resolv.conf. It is read for each lookup, as c-ares does, because it may change. */
function readResolvConf(): ResolverSettings {
  try {
    return parseResolvConf(readFileSync('/etc/resolv.conf', 'utf8'));
  } catch {
    return parseResolvConf('');
  }
}

/** Asks for names one after another, until one has an address. */
async function askAll(
  resolver: promises.Resolver,
  names: readonly string[],
  settings: ResolverSettings,
  signal: AbortSignal,
): Promise<FoundName> {
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  let failure: string | undefined;
  try {
    for (const name of names) {
      signal.throwIfAborted();
      const answers = await askFamilies(resolver, name, settings);
      const found = answers.flatMap(({ records }) => records);
      if (found.length > 0) return foundName(name, found);
      signal.throwIfAborted();
      const codes = answers.map(({ code }) => code);
      if (codes.some((code) => silentCodes.has(code)))
        throw new NameError('no name server answers', asked(names, name));
      failure ??= codes.find((code) => !absentCodes.has(code));
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    // The second family may still be asked for.
    resolver.cancel();
  }
  if (failure !== undefined) throw new NameError(`the name server fails (${failure.replace(/^E/, '')})`, asked(names));
  throw new NameError('unknown name', asked(names));
}

/** Returns the names that were asked for up to one, unless there is only the one that was looked up. */
function asked(names: readonly string[], last = names.at(-1)): readonly string[] {
  return names.length === 1 ? [] : names.slice(0, names.indexOf(last ?? '') + 1);
}

/** Codes of c-ares that say that a name does not exist, or that it has no address of a family. */
const absentCodes: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME']);

/** Codes of c-ares after which other names would have to wait as long. */
const silentCodes: ReadonlySet<string> = new Set(['ETIMEOUT', 'ECONNREFUSED']);

/** Answer to one question. The code is that of c-ares if there are no records. */
interface Answer {
  readonly records: readonly { readonly address: string; readonly ttl: number }[];
  readonly code: string;
}

const noAnswer: Answer = { records: [], code: 'ENODATA' };

/**
 * Asks for the addresses of both families. After one has some, the other gets little time, because some name servers do
 * not answer questions for IPv6.
 */
async function askFamilies(
  resolver: promises.Resolver,
  name: string,
  { isIpv4Only }: ResolverSettings,
): Promise<Answer[]> {
  const questions = [resolver.resolve4(name, { ttl: true })];
  if (!isIpv4Only) questions.push(resolver.resolve6(name, { ttl: true }));
  const answers = questions.map((question) =>
    question.then(
      (records): Answer => ({ records, code: '' }),
      (error: NodeJS.ErrnoException): Answer => ({ records: [], code: error.code ?? 'unknown error' }),
    ),
  );
  const first = await Promise.race(answers);
  if (first.records.length === 0) return Promise.all(answers);
  const late = sleep(secondFamilyMs, noAnswer, { ref: false });
  return Promise.all(answers.map((answer) => Promise.race([answer, late])));
}

function foundName(name: string, records: Answer['records']): FoundName {
  return {
    name,
    addresses: records.map(({ address }) => withFamily(address)),
    // A server counts whole seconds, and the last one may be almost over.
    ttlMs: Math.max(0, Math.min(...records.map(({ ttl }) => ttl)) - 1) * 1000,
  };
}
