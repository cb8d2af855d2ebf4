import type { LookupAddress } from 'node:dns';
import { isIP, isIPv4 } from 'node:net';
import type { CallError } from '../reply/reply.ts';
import { NameError, type NameSource } from './names/name-source.ts';
import { SharedLookups } from './names/shared-lookups.ts';
import { numericAddress } from './targets/numeric-address.ts';
import type { TargetRules } from './targets/target-rules.ts';

/** Error of a call whose target cannot be dialled, or may not be dialled. */
export class DialError extends Error {
  readonly callError: CallError;

  constructor(callError: CallError) {
    super(callError.message);
    this.name = 'DialError';
    this.callError = callError;
  }
}

/**
 * Finds the addresses that may be dialled for a host. Clients dial exactly these addresses, so a name that gets another
 * address after the check gains nothing.
 *
 * @example
 * const targets = new TargetResolver(new DnsSource(), new TargetRules({ allow: [], deny: [] }));
 * await targets.resolve('reviews', AbortSignal.timeout(1000)); // [{ address: '10.96.0.7', family: 4 }]
 */
export class TargetResolver {
  private readonly lookups: SharedLookups;
  private readonly rules: TargetRules;

  constructor(source: NameSource, rules: TargetRules) {
    this.lookups = new SharedLookups(source);
    this.rules = rules;
  }

  /** Returns the error of a call to an address that may not be dialled, or undefined. */
  refuse(address: string): CallError | undefined {
    const message = this.rules.refuseAddress(address, []);
    return message === undefined ? undefined : { code: 'blocked', message };
  }

  /**
   * Returns the addresses that may be dialled for a host, in the order in which they are dialled.
   *
   * @param host name, or an address in any notation
   * @param signal ends the wait; its reason is thrown
   * @throws DialError `dns` if the host has no address, and `blocked` if no address may be dialled
   */
  async resolve(host: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
    const address = isIP(host) === 0 ? numericAddress(host) : host;
    if (address === '') throw new DialError(noHost(host));
    return address === undefined ? this.resolveName(host.toLowerCase(), signal) : this.checkAddress(address);
  }

  private checkAddress(address: string): readonly LookupAddress[] {
    const refusal = this.refuse(address);
    if (refusal !== undefined) throw new DialError(refusal);
    return [{ address, family: isIPv4(address) ? 4 : 6 }];
  }

  private async resolveName(host: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
    const name = host.replace(/\.$/, '');
    this.checkName([name]);
    const startedAt = performance.now();
    const found = await this.lookups.find(host, signal).catch((error: unknown) => {
      throw error instanceof NameError ? new DialError(unresolved(name, startedAt, error)) : error;
    });
    const names = [name, found.name];
    this.checkName(names);
    const refusals = found.addresses.map(({ address }) => this.rules.refuseAddress(address, names));
    const allowed = found.addresses.filter((_, index) => refusals[index] === undefined);
    if (allowed.length === 0) throw new DialError({ code: 'blocked', message: refusals[0] ?? name });
    return allowed;
  }

  private checkName(names: readonly string[]): void {
    const message = this.rules.refuseName(names);
    if (message !== undefined) throw new DialError({ code: 'blocked', message });
  }
}

/** Returns the error of a call to a host that ends with a number, and is not an address. */
export function noHost(host: string): CallError {
  return { code: 'dns', message: `${host} is neither a name nor an address` };
}

function unresolved(name: string, startedAt: number, { message, asked }: NameError): CallError {
  const names = asked.length === 0 ? '' : ` (asked for ${asked.join(', ')})`;
  return { code: 'dns', message: `${name}: ${message}, after ${waitedMs(startedAt)} ms${names}` };
}

/**
 * Returns the error of a call that ends while its host is looked up. A timeout is then an error of the name: nothing was
 * dialled. Any other reason stays.
 *
 * @param startedAt start of the lookup, by the clock of `performance.now()`
 */
export function errorDuringLookup(host: string, startedAt: number, reason: CallError): CallError {
  if (reason.code !== 'timeout') return reason;
  return { code: 'dns', message: `${host}: not resolved within ${waitedMs(startedAt)} ms` };
}

function waitedMs(startedAt: number): number {
  return Math.round(performance.now() - startedAt);
}
