import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Program, startProgram } from '../program.ts';
import { type RawServer, startRawServer } from '../raw-server.ts';
import { callHttp } from '../running-mesh.ts';

/** Variables that make the export of a few spans fail fast. */
const exporter = {
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_LOGS_EXPORTER: 'none',
  OTEL_EXPORTER_OTLP_TIMEOUT: '200',
  OTEL_BSP_SCHEDULE_DELAY: '20',
};

/** Service whose spans go to a port of this machine. */
interface Tracing extends AsyncDisposable {
  readonly program: Program;
  readonly httpPort: number;
  /** Reads the lost spans, by reason. */
  lost(): Promise<Record<string, number>>;
}

async function serve(collectorPort: number, env: Record<string, string> = {}): Promise<Tracing> {
  const listen = ['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--metrics', '127.0.0.1:0'];
  const program = startProgram(['serve', '--name', 'app', '--log-level', 'silent', ...listen], {
    ...exporter,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collectorPort}`,
    ...env,
  });
  const [, http, metrics] = await program.printed(/http 127.*:(\d+) grpc \S+ metrics (\S+)\n/);
  return {
    program,
    httpPort: Number(http),
    async lost() {
      const page = await (await fetch(`http://${metrics}/metrics`)).text();
      const rows = page.matchAll(/^meshmock_spans_lost_total\{reason="(\w+)"\} (\d+)$/gm);
      return Object.fromEntries([...rows].map(([, reason, count]) => [reason, Number(count)]));
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** Waits until a service has lost a number of spans. */
async function hasLost(service: Tracing, reason: string, count: number): Promise<void> {
  const until = performance.now() + 20_000;
  while (((await service.lost())[reason] ?? 0) < count) {
    assert.ok(performance.now() < until, JSON.stringify(await service.lost()));
    await sleep(20);
  }
}

/** Starts a collector that accepts connections and never answers. */
const startStalledCollector = (): Promise<RawServer> => startRawServer(() => {});

/** Port of this machine at which nothing listens. */
const deadPort = 1;

for (const protocol of ['http/protobuf', 'http/json'])
  suite(`A service that cannot export its spans (${protocol})`, { timeout: 60_000 }, () => {
    const own = { OTEL_EXPORTER_OTLP_PROTOCOL: protocol };

    test('counts the spans that a dead collector does not accept, and warns once', async () => {
      await using service = await serve(deadPort, own);
      assert.deepEqual(await service.lost(), { queue_full: 0, export_failed: 0 });
      await callHttp(service.httpPort, '/x');
      await hasLost(service, 'export_failed', 1);
      await callHttp(service.httpPort, '/x');
      await hasLost(service, 'export_failed', 2);
      assert.equal(
        service.program.stderr,
        'meshmock: app: 1 span was lost: no collector has accepted them: connect ECONNREFUSED 127.0.0.1:1\n',
      );
    });

    test('counts the spans for which a stalled collector leaves no place', async () => {
      await using collector = await startStalledCollector();
      const env = {
        ...own,
        OTEL_BSP_MAX_QUEUE_SIZE: '4',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '4',
        OTEL_BSP_SCHEDULE_DELAY: '60000',
        OTEL_EXPORTER_OTLP_TIMEOUT: '60000',
      };
      await using service = await serve(collector.port, env);
      for (let count = 0; count < 4; count++) await callHttp(service.httpPort, '/x');
      // These four are being exported. Four of the next ones fill the queue.
      for (let count = 0; count < 7; count++) await callHttp(service.httpPort, '/x');
      assert.deepEqual(await service.lost(), { queue_full: 3, export_failed: 0 });
      assert.match(service.program.stderr, /^meshmock: app: 1 span was lost: the queue is full, because .*\n$/);
    });
  });
