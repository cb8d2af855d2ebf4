import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MeshmockError } from '../../src/error/meshmock-error.ts';
import { type CpuJob, CpuQueue } from '../../src/execute/directives/cpu-queue.ts';
import { arrivalsAt, percentile } from './simulated-loop.ts';

const cores = 2;
const maxWaitMs = 3;

type Outcome = 'done' | 'refused on arrival' | 'refused later';

interface Ended {
  readonly outcome: Outcome;
  readonly arrivedAt: number;
  readonly latencyMs: number;
  readonly error?: MeshmockError;
}

/** Cores with a real queue and a simulated clock. */
class SimulatedCores {
  now = 0;
  readonly ended: Ended[] = [];
  private readonly queue: CpuQueue;
  private readonly slowdown: number;
  private readonly running: { readonly job: CpuJob; readonly endsAt: number }[] = [];

  constructor(maxWait: number, slowdown = 1) {
    this.queue = new CpuQueue(cores, maxWait, () => this.now);
    this.slowdown = slowdown;
  }

  /** Adds a job at a time, after the jobs that end before. */
  add(at: number, cpuMs: number, deadlineMs = 15_000): CpuJob {
    this.runUntil(at);
    const end = (outcome: Outcome, error?: MeshmockError): void => {
      this.ended.push({ outcome, arrivedAt: at, latencyMs: this.now - at, ...(error && { error }) });
    };
    const job: CpuJob & { end: typeof end } = {
      cpuMs,
      deadlineAt: at + deadlineMs,
      start: () => this.running.push({ job, endsAt: this.now + cpuMs * this.slowdown }),
      refuse: (error) => end('refused later', error),
      end,
    };
    try {
      this.queue.add(job);
    } catch (error) {
      end('refused on arrival', error as MeshmockError);
    }
    return job;
  }

  /** Removes a job whose client has gone. */
  cancel(at: number, job: CpuJob): boolean {
    this.runUntil(at);
    return this.queue.remove(job);
  }

  runUntil(at: number): void {
    for (;;) {
      const next = this.running.toSorted((a, b) => a.endsAt - b.endsAt)[0];
      if (next === undefined || next.endsAt > at) break;
      this.now = next.endsAt;
      this.running.splice(this.running.indexOf(next), 1);
      (next.job as CpuJob & { end(outcome: Outcome): void }).end('done');
      this.queue.end(next.job, true);
    }
    this.now = Math.max(this.now, at);
  }

  /** Returns the jobs with an outcome. */
  with(outcome: Outcome): readonly Ended[] {
    return this.ended.filter((job) => job.outcome === outcome);
  }
}

suite('A CPU queue', () => {
  for (const slowdown of [1, 1.7])
    for (const load of [2, 4])
      test(`runs what cores can do at ${load} times that, each job within twice its time (slowdown ${slowdown})`, () => {
        const simulated = new SimulatedCores(maxWaitMs, slowdown);
        const lengthMs = 60_000;
        const capacity = (cores * 1000) / (40 * slowdown);
        for (const at of arrivalsAt(load * capacity, 0, lengthMs)) simulated.add(at, 40);
        const done = simulated.with('done');
        assert.ok(done.length > 0.98 * capacity * (lengthMs / 1000), `${done.length} jobs`);
        const p99 = percentile(
          done.map(({ latencyMs }) => latencyMs),
          99,
        );
        assert.ok(p99 <= 2 * 40 * slowdown, `p99 ${p99} ms`);
        assert.equal(simulated.with('refused later').length, 0);
        assert.match(simulated.with('refused on arrival')[0]?.error?.message ?? '', /^~cpu=40ms would wait for \d+ ms/);
      });

  test('runs a burst that waits for up to 100 ms', () => {
    const simulated = new SimulatedCores(maxWaitMs);
    for (let index = 0; index < 20; index++) simulated.add(0, 40);
    simulated.runUntil(10_000);
    assert.equal(simulated.with('done').length, 6);
    assert.equal(Math.max(...simulated.with('done').map(({ latencyMs }) => latencyMs)), 120);
  });

  test('runs all jobs that can end in time, without a limit', () => {
    const simulated = new SimulatedCores(0);
    for (let index = 0; index < 100; index++) simulated.add(0, 40, 1000);
    simulated.runUntil(10_000);
    assert.equal(simulated.with('done').length, 50);
    assert.equal(simulated.with('refused on arrival').length, 50);
  });

  test('refuses on arrival what the jobs ahead make late', () => {
    const simulated = new SimulatedCores(0);
    for (let index = 0; index < 4; index++) simulated.add(0, 1000);
    simulated.add(0, 100, 2050);
    simulated.add(0, 100, 2150);
    simulated.runUntil(10_000);
    const [refused] = simulated.with('refused on arrival');
    assert.equal(simulated.with('done').length, 5);
    assert.equal(refused?.latencyMs, 0);
    assert.equal(refused?.error?.code, 'overloaded');
    assert.match(refused?.error?.message ?? '', /^~cpu=100ms cannot end within 2050 ms, .* after a wait of 2000 ms/);
  });

  test('runs a job that is longer than its deadline, so that the deadline ends it', () => {
    const simulated = new SimulatedCores(maxWaitMs);
    simulated.add(0, 5000, 100);
    simulated.runUntil(10_000);
    assert.equal(simulated.with('done').length, 1);
  });

  test('does not begin a job that has become late', () => {
    // The queue expects no slowdown before the first job has ended.
    const simulated = new SimulatedCores(0, 3);
    for (let index = 0; index < 3; index++) simulated.add(0, 100, index === 2 ? 350 : 1000);
    simulated.runUntil(10_000);
    assert.equal(simulated.with('done').length, 2);
    assert.deepEqual(
      simulated.with('refused later').map(({ latencyMs }) => latencyMs),
      [300],
    );
  });

  test('forgets a waiting job whose client has gone', () => {
    const simulated = new SimulatedCores(0);
    const jobs = Array.from({ length: 4 }, () => simulated.add(0, 100));
    assert.equal(simulated.cancel(10, jobs[0] as CpuJob), false);
    assert.equal(simulated.cancel(10, jobs[2] as CpuJob), true);
    simulated.runUntil(10_000);
    assert.equal(simulated.with('done').length, 3);
    assert.ok(simulated.ended.every(({ latencyMs }) => latencyMs <= 200));
  });

  test('takes all jobs again within a second after an overload', () => {
    const simulated = new SimulatedCores(maxWaitMs);
    for (const at of arrivalsAt(200, 0, 10_000)) simulated.add(at, 40);
    const before = simulated.with('refused on arrival').length;
    for (const at of arrivalsAt(40, 10_100, 20_000)) simulated.add(at, 40);
    assert.equal(simulated.with('refused on arrival').length, before);
  });
});
