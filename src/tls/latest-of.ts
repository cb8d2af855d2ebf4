import type { TlsMaterial } from './tls-files.ts';

/** Object that is made of certificates, and made again when these have changed. */
export class LatestOf<T> {
  private readonly source: TlsMaterial | undefined;
  private readonly make: () => T;
  private made: T | undefined;
  private madeOf: TlsMaterial = {};

  /** @param source certificates, whose fields may change */
  constructor(source: TlsMaterial | undefined, make: () => T) {
    this.source = source;
    this.make = make;
  }

  /** Returns the object of the present certificates. */
  get(): T {
    const { source = {}, madeOf } = this;
    const isCurrent = source.cert === madeOf.cert && source.key === madeOf.key && source.ca === madeOf.ca;
    if (this.made === undefined || !isCurrent) {
      this.made = this.make();
      this.madeOf = { ...source };
    }
    return this.made;
  }
}
