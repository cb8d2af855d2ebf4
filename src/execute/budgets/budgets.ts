import { MeshmockError } from '../../error/meshmock-error.ts';
import { formatDurationMs, formatSizeBytes } from '../../plan/quantity.ts';
import type { ByteAccount } from './byte-account.ts';
import type { Bound, BudgetLimits } from './limits.ts';
import { MemoryLedger } from './memory-ledger.ts';
import { type RefusalReason, Refusals } from './refusals.ts';

/** Memory of a small request, in bytes: its objects, and `freeBytes`. */
const requestBytes = 64_000;

/** Copies of the target and the headers of a request, until its answer is sent. */
const copiesOfRequest = 4;

/** Memory of a call, with its connection, in bytes. */
const callBytes = 32_000;

/** Bytes that each request holds without counting them: most requests need no more. */
const freeBytes = 16 * 1024;

/** Maximum size of the requests that wait on their connections, in bytes. */
const maxWaitingBytes = 16_000_000;

/** Resources of one service: what its requests hold, and the bounds of it. */
export class Budgets {
  readonly limits: BudgetLimits;
  readonly memory: MemoryLedger;
  readonly refusals: Refusals;
  private readonly maxMemoryBytes: number;
  private requests = 0;
  private calls = 0;
  private waitingBytes = 0;

  /**
   * @param maxMemoryBytes limit of `~memory` and all answers together
   * @param report receives the numbers of refusals, at most once a second
   */
  constructor(
    limits: BudgetLimits,
    maxMemoryBytes: number,
    report: (reason: RefusalReason, count: number) => void = () => {},
  ) {
    this.refusals = new Refusals(report);
    this.limits = limits;
    this.maxMemoryBytes = maxMemoryBytes;
    this.memory = new MemoryLedger(limits.maxHeldBytes, maxMemoryBytes);
  }

  /** Number of requests at this moment. */
  get openRequests(): number {
    return this.requests;
  }

  /** Number of calls at this moment. */
  get openCalls(): number {
    return this.calls;
  }

  /**
   * Begins a request. Returns the bound that refuses it if there is no room for it.
   *
   * @param sizeBytes size of the request without its body, in bytes
   */
  beginRequest(sizeBytes: number): RequestBudget | Bound {
    if (this.refuses('max-requests', this.requests >= this.limits.maxRequests)) return 'max-requests';
    if (this.refuses('max-memory', !this.memory.takeWork(requestBytes))) return 'max-memory';
    this.requests++;
    const budget = new RequestBudget(this, this.endRequest, copiesOfRequest * sizeBytes);
    if (budget.refusedBy === undefined) return budget;
    budget.end();
    return budget.refusedBy;
  }

  private readonly endRequest = (): void => {
    this.requests--;
    this.memory.returnWork(requestBytes);
  };

  private refuses(bound: Bound, isExceeded: boolean): boolean {
    if (isExceeded) this.refusals.add(bound);
    return isExceeded;
  }

  /** Begins to hold a request that waits on its connection, and reports whether there is room for it. */
  beginWaiting(bytes: number): boolean {
    if (this.waitingBytes + bytes > maxWaitingBytes) {
      this.refusals.add('max-pipelined');
      return false;
    }
    this.waitingBytes += bytes;
    return true;
  }

  endWaiting(bytes: number): void {
    this.waitingBytes -= bytes;
  }

  /** Begins a call. Returns the bound that refuses it, or undefined if it may be made. */
  beginCall(): Bound | undefined {
    if (this.refuses('max-open-calls', this.calls >= this.limits.maxOpenCalls)) return 'max-open-calls';
    if (this.refuses('max-memory', !this.memory.takeWork(callBytes))) return 'max-memory';
    this.calls++;
    return undefined;
  }

  endCall(): void {
    this.calls--;
    this.memory.returnWork(callBytes);
  }

  /** Limits by their flags: numbers, bytes or milliseconds. */
  get limitsByBound(): ReadonlyMap<Bound, number> {
    const { limits } = this;
    return new Map<Bound, number>([
      ['max-requests', limits.maxRequests],
      ['max-open-calls', limits.maxOpenCalls],
      ['max-answer', limits.maxAnswerBytes],
      ['max-held', limits.maxHeldBytes],
      ['max-memory', this.maxMemoryBytes],
      ['max-idle-connections', limits.maxIdleConnections],
      ['max-pipelined', limits.maxPipelined],
      ['read-timeout', limits.readTimeoutMs],
      ['write-timeout', limits.writeTimeoutMs],
    ]);
  }

  /**
   * Explains a refusal.
   *
   * @example
   * budgets.explain('max-requests'); // 'this service answers at most 1000 requests at once (--max-requests)'
   */
  explain(bound: Bound): string {
    return `${explanations[bound](this.limits, this.maxMemoryBytes)} (--${bound})`;
  }

  /** Returns the error of a request that a bound refuses. */
  error(bound: Bound): MeshmockError {
    return new MeshmockError('overloaded', this.explain(bound));
  }
}

const explanations: Readonly<Record<Bound, (limits: BudgetLimits, maxMemoryBytes: number) => string>> = {
  'max-requests': ({ maxRequests }) => `this service answers at most ${maxRequests} requests at once`,
  'max-open-calls': ({ maxOpenCalls }) => `this service makes at most ${maxOpenCalls} calls at once`,
  'max-answer': ({ maxAnswerBytes }) => `an answer has at most ${formatSizeBytes(maxAnswerBytes)}`,
  'max-held': ({ maxHeldBytes }) => `all answers of this service hold at most ${formatSizeBytes(maxHeldBytes)}`,
  'max-memory': (_limits, bytes) => `all requests of this service hold at most ${formatSizeBytes(bytes)}`,
  'max-idle-connections': ({ maxIdleConnections }) => `at most ${maxIdleConnections} connections wait for a request`,
  'max-pipelined': ({ maxPipelined }) => `a connection has at most ${maxPipelined} requests at once`,
  'read-timeout': ({ readTimeoutMs }) => `the request did not arrive within ${formatDurationMs(readTimeoutMs)}`,
  'write-timeout': ({ writeTimeoutMs }) => `the client did not read for ${formatDurationMs(writeTimeoutMs)}`,
};

/** Share of one request in the resources of its service. */
export class RequestBudget implements ByteAccount {
  private readonly budgets: Budgets;
  private readonly onEnd: () => void;
  /** Bytes that the request holds until its end. */
  private readonly ownBytes: number;
  /** Bound that refuses the request itself. */
  readonly refusedBy: Bound | undefined;
  private bytes = 0;
  private ended = false;

  constructor(budgets: Budgets, onEnd: () => void, ownBytes: number) {
    this.budgets = budgets;
    this.onEnd = onEnd;
    this.ownBytes = ownBytes;
    this.refusedBy = this.reserve(ownBytes);
  }

  reserve(bytes: number): Bound | undefined {
    const next = this.bytes + bytes;
    if (next > freeBytes || this.ended) {
      const refusedBy = this.refusalOf(next);
      if (refusedBy !== undefined) {
        this.budgets.refusals.add(refusedBy);
        return refusedBy;
      }
      this.budgets.memory.addAnswer(chargedBytes(next) - chargedBytes(this.bytes));
    }
    this.bytes = next;
    return undefined;
  }

  private refusalOf(bytes: number): Bound | undefined {
    if (bytes > this.budgets.limits.maxAnswerBytes) return 'max-answer';
    const more = chargedBytes(bytes) - chargedBytes(this.bytes);
    return !this.ended && this.budgets.memory.hasRoom(more) ? undefined : 'max-held';
  }

  release(bytes: number): void {
    if (!this.ended) this.set(this.bytes - bytes);
  }

  hasRoom(bytes: number): boolean {
    return this.budgets.memory.hasRoom(bytes);
  }

  /** Sets the bytes of the answer, once it is made. Nothing else but the request itself is held then. */
  settle(answerBytes: number): void {
    if (!this.ended) this.set(this.ownBytes + answerBytes);
  }

  private set(bytes: number): void {
    this.budgets.memory.addAnswer(chargedBytes(bytes) - chargedBytes(this.bytes));
    this.bytes = bytes;
  }

  /** Ends the request, after its answer has left or its client has gone. */
  end(): void {
    if (this.ended) return;
    this.set(0);
    this.ended = true;
    this.onEnd();
  }
}

/** Returns the part of a request's bytes that counts for all requests. */
function chargedBytes(bytes: number): number {
  return Math.max(0, bytes - freeBytes);
}
