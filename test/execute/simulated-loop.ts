import { LoadShedder } from '../../src/execute/overload/load-shedder.ts';

/** Times that the loop needs for a request, in milliseconds. */
interface Costs {
  readonly answerMs: number;
  readonly refuseMs: number;
}

/** Requests that arrive whether answers arrive or not. */
interface Load extends Costs {
  /** Times at which requests arrive, in ascending order, in milliseconds. */
  readonly arrivals: readonly number[];
  /** Times at which the loop stops for a while, as for garbage collection. */
  readonly pauses?: readonly { readonly at: number; readonly lengthMs: number }[];
}

/** Request that a simulated loop has answered or refused. */
export interface Handled {
  readonly arrivedAt: number;
  readonly latencyMs: number;
  readonly isAdmitted: boolean;
}

/** Time of a turn without requests, in milliseconds. */
const turnMs = 0.003;

/** Event loop with a real `LoadShedder` and a simulated clock. */
class SimulatedLoop {
  now = 0;
  readonly handled: Handled[] = [];
  private turns = 0;
  private idleMs = 0;
  private readonly costs: Costs;
  private readonly shedder: LoadShedder;

  constructor(maxWaitMs: number, costs: Costs) {
    this.costs = costs;
    const clock = { now: () => this.now, turns: () => this.turns, idleMs: () => this.idleMs };
    this.shedder = new LoadShedder(maxWaitMs, clock);
  }

  /** Begins a turn, and waits for the first event if it has not happened yet. */
  beginTurn(firstEventAt: number): void {
    this.turns++;
    this.now += turnMs;
    this.idleMs += Math.max(0, firstEventAt - this.now);
    this.now = Math.max(this.now, firstEventAt);
  }

  handle(arrivedAt: number): void {
    const isAdmitted = this.shedder.admits();
    this.now += isAdmitted ? this.costs.answerMs : this.costs.refuseMs;
    this.handled.push({ arrivedAt, latencyMs: this.now - arrivedAt, isAdmitted });
  }
}

/** Simulates a loop whose turns handle the requests that have arrived before them, as a poll of the kernel returns them. */
export function simulateLoop(maxWaitMs: number, { arrivals, pauses = [], ...costs }: Load): readonly Handled[] {
  const loop = new SimulatedLoop(maxWaitMs, costs);
  const nextPauses = [...pauses];
  while (loop.handled.length < arrivals.length) {
    loop.beginTurn(arrivals[loop.handled.length] ?? 0);
    const polledAt = loop.now;
    for (;;) {
      const arrivedAt = arrivals[loop.handled.length];
      if (arrivedAt === undefined || arrivedAt > polledAt) break;
      loop.handle(arrivedAt);
      if (nextPauses[0] !== undefined && nextPauses[0].at <= loop.now) loop.now += nextPauses.shift()?.lengthMs ?? 0;
    }
  }
  return loop.handled;
}

/** Simulates callers that send a request as soon as the one before is answered. */
export function simulateCallers(
  maxWaitMs: number,
  callers: number,
  { lengthMs, ...costs }: Costs & { readonly lengthMs: number },
): readonly Handled[] {
  const loop = new SimulatedLoop(maxWaitMs, costs);
  let waiting = Array.from({ length: callers }, () => 0);
  while (loop.now < lengthMs) {
    loop.beginTurn(0);
    const answered: number[] = [];
    for (const arrivedAt of waiting) {
      loop.handle(arrivedAt);
      answered.push(loop.now);
    }
    waiting = answered;
  }
  return loop.handled;
}

/** Returns the times of requests that arrive at a constant rate per second, between two times in milliseconds. */
export function arrivalsAt(rate: number, fromMs: number, toMs: number): number[] {
  const count = Math.floor(((toMs - fromMs) * rate) / 1000);
  return Array.from({ length: count }, (_, index) => fromMs + (index * 1000) / rate);
}

/** Returns a percentile of values, or NaN of none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}
