import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fetchText } from '../process/fetch-text.ts';
import { istioMetrics, type ProxyStats } from './istio-metrics.ts';
import { type MeshPod, PodDirectory } from './pod-directory.ts';
import { formatLabels } from './prometheus-text.ts';

const host = '127.0.0.1';
/** Path at which Prometheus scrapes by default. */
const metricsPath = '/metrics';
const textFormat = 'text/plain; version=0.0.4; charset=utf-8';

/** Duration in which a proxy must answer, in milliseconds. Prometheus waits ten seconds by default. */
const proxyTimeoutMs = 3000;

/** Address on which the server listens, in the network namespace of the mesh. */
export interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Starts the server that Prometheus scrapes: Istio's standard metrics of all proxies of a mesh.
 *
 * @param pods returns the current pods of the mesh
 * @returns the address of the server in the mesh
 */
export async function startMetricsEndpoint(
  pods: () => readonly MeshPod[],
  signal: AbortSignal,
): Promise<MetricsAddress> {
  const server = createServer((request, response) => {
    if (new URL(request.url ?? '/', `http://${host}`).pathname === metricsPath) void answer(response, pods(), signal);
    else response.writeHead(404, { 'content-type': 'text/plain' }).end(`not found: metrics are at ${metricsPath}\n`);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { host, port };
}

async function answer(response: ServerResponse, pods: readonly MeshPod[], signal: AbortSignal): Promise<void> {
  const text = await meshMetrics(pods, signal);
  response.writeHead(200, { 'content-type': textFormat }).end(text);
}

/** Returns Istio's standard metrics of all proxies, and a metric that tells which proxies answered. */
async function meshMetrics(pods: readonly MeshPod[], signal: AbortSignal): Promise<string> {
  const proxies = pods.filter(({ hasProxy }) => hasProxy);
  const stats = await readTrafficStats(proxies, signal);
  const answered = new Set(stats.map(({ pod }) => pod));
  const up = proxies.map((pod) => {
    const { namespace, name } = pod;
    return `meshmock_proxy_up{${formatLabels({ namespace, pod: name })}} ${answered.has(pod) ? 1 : 0}\n`;
  });
  return [istioMetrics(stats, new PodDirectory(pods)), '# TYPE meshmock_proxy_up gauge\n', ...up].join('');
}

/**
 * Reads the statistics of `metricsFilter`, and the retries and requests of clusters, from proxies, without those that do not
 * answer.
 */
export async function readTrafficStats(proxies: readonly MeshPod[], signal: AbortSignal): Promise<ProxyStats[]> {
  const texts = await Promise.all(proxies.map((pod) => trafficStats(pod, signal)));
  return proxies.flatMap((pod, index): ProxyStats[] => {
    const text = texts[index];
    return text === undefined ? [] : [{ pod, text }];
  });
}

/** Reads what a proxy has counted so far. Returns undefined if the proxy does not answer. */
async function trafficStats({ name, address }: MeshPod, signal: AbortSignal): Promise<string | undefined> {
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(proxyTimeoutMs)]);
  const filter = encodeURIComponent('^istio[.]|^cluster[.].*[.]upstream_rq_(retry|total|active)$');
  const url = `http://${address}:15090/stats/prometheus?usedonly&filter=${filter}`;
  return fetchText(`the proxy of ${name}`, url, timeout).catch(() => undefined);
}
