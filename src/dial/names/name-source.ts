import type { LookupAddress } from 'node:dns';

/** Name with its addresses. */
export interface FoundName {
  /** Name that has the addresses, perhaps with a search domain. */
  readonly name: string;
  /** Addresses, at least one. */
  readonly addresses: readonly LookupAddress[];
  /** Time for which the addresses are valid, in milliseconds. */
  readonly ttlMs: number;
}

/** Source of the addresses of names. */
export interface NameSource {
  /**
   * Looks up a name.
   *
   * @param name host name in lower case, perhaps with a dot at its end
   * @param signal ends the lookup
   * @throws NameError if the name has no address, or if no name server answers
   */
  lookup(name: string, signal: AbortSignal): Promise<FoundName>;
  /** Returns addresses in the order in which they are dialled. */
  arrange(addresses: readonly LookupAddress[]): readonly LookupAddress[];
}

/** Error of a lookup: the reason for which a name has no address, such as `unknown name`. */
export class NameError extends Error {
  /** Names that were asked for, if they differ from the name that was looked up. */
  readonly asked: readonly string[];

  constructor(reason: string, asked: readonly string[] = []) {
    super(reason);
    this.name = 'NameError';
    this.asked = asked;
  }
}
