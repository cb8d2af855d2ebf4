import { type IstioLabels, peerLabels, requestLabels, tcpLabels } from './istio-labels.ts';
import type { PodDirectory, ProxyIdentity } from './pod-directory.ts';
import { formatLabels, parseSamples, type Sample } from './prometheus-text.ts';
import { parseKey, type TrafficKey } from './traffic-key.ts';

/** Statistics of a proxy, as its `/stats/prometheus` returns them. */
export interface ProxyStats {
  readonly pod: ProxyIdentity;
  readonly text: string;
}

type MetricType = 'counter' | 'histogram';

/** Standard metrics of Istio (Istio, "Istio Standard Metrics"), in the order of the page. */
const metricTypes = {
  istio_requests_total: 'counter',
  istio_request_duration_milliseconds: 'histogram',
  istio_request_bytes: 'histogram',
  istio_response_bytes: 'histogram',
  istio_request_messages_total: 'counter',
  istio_response_messages_total: 'counter',
  istio_tcp_sent_bytes_total: 'counter',
  istio_tcp_received_bytes_total: 'counter',
  istio_tcp_connections_opened_total: 'counter',
  istio_tcp_connections_closed_total: 'counter',
} as const satisfies Record<string, MetricType>;

type MetricName = keyof typeof metricTypes;

/** Values of each metric by series: the suffix of a histogram's series, and the labels. */
type Series = ReadonlyMap<MetricName, Map<string, number>>;

/**
 * Returns Istio's standard metrics of all proxies in Prometheus' text format.
 *
 * The series have the labels that Istio documents, and the labels `namespace` and `pod` of the proxy's pod, which
 * Prometheus adds in a cluster.
 *
 * @param proxies the statistics that `metricsFilter` makes the proxies count; others are skipped
 * @param pods all pods of the mesh, for the facts about the peers of a proxy
 */
export function istioMetrics(proxies: readonly ProxyStats[], pods: PodDirectory): string {
  const names = Object.keys(metricTypes) as MetricName[];
  const series: Series = new Map(names.map((name) => [name, new Map()]));
  for (const { pod, text } of proxies) {
    const texts = new LabelTexts(pod, pods);
    for (const sample of parseSamples(text, isTrafficStat)) addSample(series, sample, texts);
  }
  return names
    .map((name) => formatFamily(name, series.get(name) ?? new Map()))
    .filter((family) => family !== '')
    .join('');
}

const statPrefix = 'envoy_istio_';

function isTrafficStat(name: string): boolean {
  return name.startsWith(statPrefix);
}

function formatFamily(name: MetricName, series: ReadonlyMap<string, number>): string {
  if (series.size === 0) return '';
  const lines = [...series].map(([suffixAndLabels, value]) => `${name}${suffixAndLabels} ${value}\n`);
  return `# TYPE ${name} ${metricTypes[name]}\n${lines.join('')}`;
}

function addSample(
  series: Series,
  { name, labels: { key = '', messages = '', le }, value }: Sample,
  texts: LabelTexts,
) {
  const stat = name.slice(statPrefix.length);
  const labels = texts.of(labelSetOf(stat), key);
  if (labels === undefined) return;
  const add = (metric: MetricName, amount: number, suffix = '', bucket = ''): void => {
    const values = series.get(metric);
    const id = `${suffix}{${labels}${bucket}}`;
    values?.set(id, (values.get(id) ?? 0) + amount);
  };
  switch (stat) {
    case 'requests_total':
    case 'tcp_sent_bytes_total':
    case 'tcp_received_bytes_total':
      return add(`istio_${stat}`, value);
    case 'grpc_streams_total': {
      const [requests = 0, responses = 0] = messages.split(',').map(Number);
      add('istio_request_messages_total', requests * value);
      return add('istio_response_messages_total', responses * value);
    }
    case 'tcp_connections_total':
      // A proxy counts connections when they end.
      add('istio_tcp_connections_opened_total', value);
      return add('istio_tcp_connections_closed_total', value);
    default: {
      const [, histogram, suffix] = /^(\w+)(_bucket|_sum|_count)$/.exec(stat) ?? [];
      if (histogram === undefined) return;
      const metric = `istio_${histogram}`;
      if (isHistogram(metric)) add(metric, value, suffix, le === undefined ? '' : `,${formatLabels({ le })}`);
    }
  }
}

function isHistogram(name: string): name is MetricName {
  return Object.hasOwn(metricTypes, name) && metricTypes[name as MetricName] === 'histogram';
}

/** Metrics that have the same labels. */
type LabelSet = 'request' | 'messages' | 'tcp';

function labelSetOf(stat: string): LabelSet {
  if (stat === 'grpc_streams_total') return 'messages';
  return stat.startsWith('tcp_') ? 'tcp' : 'request';
}

/** Labels of a proxy's series in text form. Many series have the same. */
class LabelTexts {
  private readonly own: ProxyIdentity;
  private readonly pods: PodDirectory;
  private readonly texts = new Map<string, string>();

  constructor(own: ProxyIdentity, pods: PodDirectory) {
    this.own = own;
    this.pods = pods;
  }

  /** Returns undefined if the text is not a key of `metricsFilter`. */
  of(set: LabelSet, keyText: string): string | undefined {
    const id = `${set} ${keyText}`;
    const known = this.texts.get(id);
    if (known !== undefined) return known;
    const key = parseKey(keyText);
    if (key === undefined) return undefined;
    const { namespace, name: pod } = this.own;
    const labels = { ...peerLabels(key, this.own, this.pods), ...furtherLabels(set, key), namespace, pod };
    const text = formatLabels(labels);
    this.texts.set(id, text);
    return text;
  }
}

function furtherLabels(set: LabelSet, key: TrafficKey): IstioLabels {
  switch (set) {
    case 'request':
      return requestLabels(key);
    case 'tcp':
      return tcpLabels(key);
    case 'messages':
      // Istio counts messages before the code and the flags of a request are known.
      return {};
  }
}
