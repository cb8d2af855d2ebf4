import type { Bound } from './limits.ts';

/** Account of the bytes that one request, or a part of it, holds. */
export interface ByteAccount {
  /** Takes bytes. Returns the bound that refuses them, or undefined if they are taken. */
  reserve(bytes: number): Bound | undefined;
  /** Gives bytes back. */
  release(bytes: number): void;
  /** Reports whether work that ends at once may use bytes. They are not taken. */
  hasRoom(bytes: number): boolean;
}

/** Account with a limit of its own, for programs that make calls and answer no requests. */
export class LimitedAccount implements ByteAccount {
  private readonly maxBytes: number;
  private bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  reserve(bytes: number): Bound | undefined {
    if (this.bytes + bytes > this.maxBytes) return 'max-answer';
    this.bytes += bytes;
    return undefined;
  }

  release(bytes: number): void {
    this.bytes -= bytes;
  }

  hasRoom(bytes: number): boolean {
    return this.bytes + bytes <= this.maxBytes;
  }
}

/** Part of an account, whose bytes can be given back together: those of one of several calls. */
export class PartialAccount implements ByteAccount {
  private readonly whole: ByteAccount;
  private bytes = 0;

  constructor(whole: ByteAccount) {
    this.whole = whole;
  }

  reserve(bytes: number): Bound | undefined {
    const refusedBy = this.whole.reserve(bytes);
    if (refusedBy === undefined) this.bytes += bytes;
    return refusedBy;
  }

  /** Takes bytes, so that it has as many as a total. Returns the bound that refuses them. */
  reserveUpTo(total: number): Bound | undefined {
    return total <= this.bytes ? undefined : this.reserve(total - this.bytes);
  }

  release(bytes: number): void {
    this.bytes -= bytes;
    this.whole.release(bytes);
  }

  hasRoom(bytes: number): boolean {
    return this.whole.hasRoom(bytes);
  }

  /** Gives all bytes back. */
  releaseAll(): void {
    this.whole.release(this.bytes);
    this.bytes = 0;
  }
}
