/** Process that makes one load, and sends its result to its parent. A separate process can use another core than the service. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { openGrpcLane } from './grpc-lane.ts';
import { openHttpLane } from './http-lane.ts';
import type { AnswerKind, Lane, Load, LoadResult } from './load.ts';

const tickMs = 1;

/** Generator of one load. */
class Generator {
  private readonly load: Load;
  private readonly lanes = new Set<Lane>();
  /** Lanes that can send. The one that was used last comes first, as in the pools of clients. */
  private readonly freeLanes: Lane[] = [];
  private readonly latenciesMs: Record<AnswerKind, number[]> = { accepted: [], refused: [], failed: [] };
  private readonly counts: Record<AnswerKind, number> = { accepted: 0, refused: 0, failed: 0 };
  private readonly startedAt = performance.now();
  private inFlight = 0;
  private due = 0;
  private unsent = 0;
  private unanswered = 0;

  constructor(load: Load) {
    this.load = load;
  }

  async run(): Promise<LoadResult> {
    const { durationMs, timeoutMs } = this.load;
    while (performance.now() - this.startedAt < durationMs) {
      this.sendDue();
      await sleep(tickMs);
    }
    const deadlineAt = performance.now() + timeoutMs;
    while (this.inFlight > 0 && performance.now() < deadlineAt) await sleep(tickMs);
    const tookMs = performance.now() - this.startedAt;
    this.unanswered += this.inFlight;
    for (const lane of this.lanes) lane.close();
    for (const latencies of Object.values(this.latenciesMs)) latencies.sort((a, b) => a - b);
    const { counts, latenciesMs, unsent, unanswered } = this;
    return { counts, latenciesMs, unsent, unanswered, tookMs };
  }

  private sendDue(): void {
    const { rate, maxInFlight, durationMs } = this.load;
    const elapsedMs = performance.now() - this.startedAt;
    if (rate === 0) {
      while (this.inFlight < maxInFlight && elapsedMs < durationMs) this.send();
      return;
    }
    for (const target = (Math.min(elapsedMs, durationMs) * rate) / 1000; this.due < target; this.due++) {
      if (this.inFlight < maxInFlight) this.send();
      else this.unsent++;
    }
  }

  private send(): void {
    const lane = this.freeLanes.at(-1) ?? this.open();
    this.inFlight++;
    lane.send();
    if (lane.free === 0) this.freeLanes.pop();
  }

  private open(): Lane {
    const openLane = this.load.protocol === 'http' ? openHttpLane : openGrpcLane;
    const lane: Lane = openLane(this.load, {
      onAnswer: (kind, latencyMs) => {
        this.inFlight--;
        this.counts[kind]++;
        const sentMs = performance.now() - latencyMs - this.startedAt;
        if (sentMs >= this.load.ignoreMs) this.latenciesMs[kind].push(latencyMs);
        if (lane.free === 1) this.freeLanes.push(lane);
        if (this.load.rate === 0) this.sendDue();
      },
      onClosed: (unanswered) => {
        this.inFlight -= unanswered;
        this.unanswered += unanswered;
        this.lanes.delete(lane);
        const place = this.freeLanes.indexOf(lane);
        if (place >= 0) this.freeLanes.splice(place, 1);
      },
    });
    this.lanes.add(lane);
    this.freeLanes.push(lane);
    return lane;
  }
}

process.once('disconnect', () => process.exit());
const [load] = (await once(process, 'message')) as [Load];
const result = await new Generator(load).run();
process.send?.(result, () => process.disconnect?.());
