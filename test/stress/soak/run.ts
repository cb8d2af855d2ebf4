import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../random.ts';
import { runStress, type Scenario } from '../stress-run.ts';
import { UnreliableCollector } from '../unreliable-collector.ts';
import { type Footprint, WatchedService } from '../watched-service.ts';
import { MixedLoad } from './mixed-load.ts';
import { fitLine } from './regression.ts';

const lanes = 20;
const pauseMs = 50;
const sampleMs = 1000;
/** Share of the samples that are warm-up. */
const warmUp = 1 / 3;
const minSamples = 8;
const minAllSamples = Math.ceil(minSamples / (1 - warmUp)) + 1;

/** Maximum slopes, per minute. A slope counts if it is larger with a certainty of three standard errors. */
const maxSlopes: Footprint = { descriptors: 0.2, memoryMB: 0.2 };

/** Growth that is no leak in a run of any length: the first minutes compile code and fill caches. */
const maxGrowth: Footprint = { descriptors: 5, memoryMB: 3 };

/** Footprint of a service at a time. */
interface Sample extends Footprint {
  readonly minute: number;
}

/** Constant mixed load on a service whose collector never answers. */
const stalledCollector: Scenario = {
  name: 'stalled-collector',
  async start() {
    await using starting = new AsyncDisposableStack();
    const collector = starting.use(await UnreliableCollector.start('stall'));
    const callee = starting.use(await WatchedService.start(['--name', 'callee']));
    const routes = [`:9090:127.0.0.1:${callee.grpcPort}`, `::127.0.0.1:${callee.httpPort}`];
    const flags = ['--name', 'traced', ...routes.flatMap((route) => ['--connect-to', route])];
    const service = starting.use(await WatchedService.start(flags, collector.env));
    let load: MixedLoad | undefined;
    const startedAt = performance.now();
    const samples: Sample[] = [];
    const stack = starting.move();
    const sample = async (): Promise<void> => {
      await sleep(sampleMs);
      samples.push({ minute: (performance.now() - startedAt) / 60_000, ...(await service.footprint()) });
      await service.check(/^(?:meshmock: traced: \d+ spans? (?:was|were) lost: .*\n)*$/);
      await callee.check();
    };
    return {
      async round(random) {
        load ??= new MixedLoad(service, lanes, pauseMs, new Random(random.below(2 ** 31)));
        await sample();
        return 1;
      },
      async finish() {
        // A busy machine needs longer for as many.
        while (samples.length < minAllSamples) await sample();
        const lost = await service.metric('meshmock_spans_lost_total');
        await load?.stop();
        assert.ok(lost > 0, 'no span was lost, although the collector never answers');
        return `${load?.requests} requests, ${lost} spans lost; ${slopes(samples)}`;
      },
      async [Symbol.asyncDispose]() {
        await load?.stop();
        await stack.disposeAsync();
      },
    };
  },
};

/** Checks the slopes of all figures after the warm-up. Returns them for the report. */
function slopes(samples: readonly Sample[]): string {
  const warm = samples.slice(Math.ceil(samples.length * warmUp));
  assert.ok(warm.length >= minSamples, `${warm.length} samples are too few: run it for longer`);
  const minutes = (warm.at(-1)?.minute ?? 0) - (warm[0]?.minute ?? 0);
  const report = (['descriptors', 'memoryMB'] as const).map((figure) => {
    const { slope, standardError } = fitLine(
      warm.map(({ minute }) => minute),
      warm.map((sample) => sample[figure]),
    );
    const values = warm.map((sample) => sample[figure]);
    const text = `${figure} ${slope.toFixed(2)} ± ${standardError.toFixed(2)} per minute, from ${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)}`;
    const maxSlope = Math.max(maxSlopes[figure], maxGrowth[figure] / minutes);
    assert.ok(slope - 3 * standardError <= maxSlope, `it grows: ${text}`);
    return text;
  });
  return report.join('; ');
}

process.exit(await runStress('soak', [stalledCollector], process.argv.slice(2)));
