import { performance } from 'node:perf_hooks';
import type { MeshmockError } from '../../error/meshmock-error.ts';
import { OverloadDetector } from './overload-detector.ts';
import { overloadError } from './overload-error.ts';

/** Clock of an event loop. */
export interface LoopClock {
  /** Returns the time, in milliseconds. */
  now(): number;
  /** Returns the number of turns that the loop has begun. */
  turns(): number;
  /** Returns the time for which the loop has waited for events, in milliseconds. */
  idleMs(): number;
}

/** Clock of the event loop of this thread. */
export const loopClock: LoopClock = {
  now: () => performance.now(),
  turns: () => performance.nodeTiming.uvMetricsInfo.loopCount,
  idleMs: () => performance.nodeTiming.idleTime,
};

/**
 * Number of requests in two turns that are not a queue, whatever they have waited. So half as many callers are never refused
 * if each waits for its answer before it sends again, on a slow machine either.
 */
const fewRequests = 64;

/** Number of requests that each turn admits during an overload, so that refusals do not take all the time. */
const alwaysAdmitted = 16;

/** Longest wait for events that is only the time of the system call, in milliseconds. */
const pollMs = 0.1;

/**
 * Admission of requests by the time that they have waited for the event loop. Requests that wait in the buffers of the
 * kernel arrive together at the beginning of a turn. So each of them has waited for the requests before it in its turn,
 * and for the turn before, if the loop did not wait for events in between.
 */
export class LoadShedder {
  /** Error of the requests that are not admitted. */
  readonly error: MeshmockError;
  private readonly maxWaitMs: number;
  private readonly clock: LoopClock;
  private readonly detector = new OverloadDetector();
  private turn = -1;
  private turnAt = 0;
  private idleMs = 0;
  /** Length of the turn before, in milliseconds. */
  private carriedMs = 0;
  /** Numbers of requests of this turn, those that it has admitted, and those of the turn before. */
  private requests = 0;
  private admitted = 0;
  private carried = 0;

  /** @param maxWaitMs longest wait of a request that is admitted during an overload, in milliseconds; 0 admits all */
  constructor(maxWaitMs: number, clock: LoopClock = loopClock) {
    this.error = overloadError(maxWaitMs);
    this.maxWaitMs = maxWaitMs;
    this.clock = clock;
  }

  /** Reports whether a request that arrives now is admitted. Call it once for each request, before anything else. */
  admits(): boolean {
    if (this.maxWaitMs === 0) return true;
    const now = this.clock.now();
    const turn = this.clock.turns();
    if (turn !== this.turn) this.beginTurn(turn, now);
    const isSoon = this.carriedMs + now - this.turnAt <= this.maxWaitMs;
    const isFew = this.carried + this.requests < fewRequests;
    const isOverloaded = this.detector.add(now, this.idleMs, isSoon || isFew);
    this.requests++;
    if (isOverloaded && !isSoon && this.admitted >= alwaysAdmitted) return false;
    this.admitted++;
    return true;
  }

  private beginTurn(turn: number, now: number): void {
    const idleMs = this.clock.idleMs();
    const isNext = turn === this.turn + 1 && idleMs - this.idleMs < pollMs;
    this.carriedMs = isNext ? now - this.turnAt : 0;
    this.carried = isNext ? this.requests : 0;
    this.requests = 0;
    this.turn = turn;
    this.turnAt = now;
    this.idleMs = idleMs;
    this.admitted = 0;
  }
}
