import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAndSend } from '../raw-connection.ts';
import { runPool, type Scenario } from '../stress-run.ts';
import { type CollectorMood, UnreliableCollector } from '../unreliable-collector.ts';
import { WatchedService } from '../watched-service.ts';

const requestsInMood = 300;
const atOnce = 20;
const maxSettleMs = 30_000;
const warnings = /^(?:meshmock: traced: \d+ spans? (?:was|were) lost: .*\n)*$/;

/**
 * A collector stalls, refuses and resets while requests arrive. No request may fail, and each span is either accepted or
 * counted as lost.
 */
export const collectorStalls: Scenario = {
  name: 'collector-stalls',
  async start() {
    const collector = await UnreliableCollector.start('accept');
    const service = await WatchedService.start(['--name', 'traced'], collector.env);
    let ended = 0;
    await service.remember();
    return {
      async round(random) {
        collector.mood = random.pick<CollectorMood>(['accept', 'stall', 'stall', 'reset', 'refuse', 'unavailable']);
        await runPool(Array.from({ length: requestsInMood }), atOnce, () => request(service));
        ended += requestsInMood;
        await service.check(warnings);
        return requestsInMood;
      },
      async finish() {
        collector.mood = 'accept';
        const lost = await allAccounted(service, collector, ended);
        return `${collector.accepted} spans accepted, ${lost} lost, ${ended} ended; ${await service.settled(30)}`;
      },
      async [Symbol.asyncDispose]() {
        await service[Symbol.asyncDispose]();
        await collector[Symbol.asyncDispose]();
      },
    };
  },
};

/** Waits until each span is accepted or lost. Returns the number of lost ones. */
async function allAccounted(service: WatchedService, collector: UnreliableCollector, ended: number): Promise<number> {
  const until = performance.now() + maxSettleMs;
  for (;;) {
    const lost = await service.metric('meshmock_spans_lost_total');
    if (lost + collector.accepted === ended) return lost;
    assert.ok(performance.now() < until, `${collector.accepted} spans accepted, ${lost} lost, ${ended} ended`);
    await sleep(200);
  }
}

async function request({ httpPort }: WatchedService): Promise<void> {
  const bytes = Buffer.from('GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const { received } = await connectAndSend(httpPort, [{ kind: 'send', bytes }], 20_000);
  assert.match(received.toString(), /^HTTP\/1\.1 200 /);
}
