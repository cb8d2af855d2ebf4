import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installTestTools } from '../tools/installed.ts';
import { freePort, type LocalServer, startLocalServer } from './local-server.ts';

export interface PrometheusResult {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Prometheus that scrapes a local mesh every second. */
export interface Prometheus extends AsyncDisposable {
  readonly url: string;
  /** Evaluates an instant query. */
  query(expression: string): Promise<PrometheusResult[]>;
  /** Waits until a scrape has begun and ended after this call. */
  scraped(): Promise<void>;
}

const scrapeIntervalMs = 1000;
const longestWaitMs = 60_000;

/**
 * Starts a Prometheus on a free port.
 *
 * @param target `HOST:PORT` of the metrics of a mesh
 */
export async function startPrometheus(target: string): Promise<Prometheus> {
  const { prometheus } = await installTestTools(['prometheus']);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server: LocalServer = await startLocalServer({
    name: 'Prometheus',
    program: path.join(prometheus, 'usr/bin/prometheus'),
    readyUrl: `${url}/-/ready`,
    args(folder) {
      const config = path.join(folder, 'prometheus.yml');
      const interval = `${scrapeIntervalMs}ms`;
      writeFileSync(
        config,
        JSON.stringify({
          global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
          scrape_configs: [{ job_name: 'mesh', static_configs: [{ targets: [target] }] }],
        }),
      );
      return [
        `--config.file=${config}`,
        `--storage.tsdb.path=${path.join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ];
    },
  });

  async function query(expression: string): Promise<PrometheusResult[]> {
    const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expression })}`);
    const { data } = (await response.json()) as {
      data: { result: readonly { metric: Record<string, string>; value: readonly [number, string] }[] };
    };
    return data.result.map(({ metric, value: [, value] }) => ({ labels: metric, value: Number(value) }));
  }

  return {
    url,
    query,
    async scraped() {
      const since = Date.now();
      const until = performance.now() + longestWaitMs;
      for (;;) {
        // The time of a sample is the begin of its scrape. With a condition, it would be the time of the query.
        const [last] = await query('timestamp(up{job="mesh"})');
        if (last !== undefined && last.value * 1000 > since) return;
        if (performance.now() > until) throw new Error(`Prometheus has not scraped the mesh in ${longestWaitMs} ms`);
        await sleep(100);
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
