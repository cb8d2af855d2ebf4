import { clusterId } from '../resources/installation.ts';
import { type MeshPod, namespaceOfPrincipal, type PodDirectory, type ProxyIdentity } from './pod-directory.ts';
import type { TrafficKey } from './traffic-key.ts';

/**
 * Labels of Istio's standard metrics (Istio, "Istio Standard Metrics"). Values for facts that a proxy does not know are
 * those of Istio's filter `istio.stats`.
 */
export type IstioLabels = Readonly<Record<string, string>>;

const unknown = 'unknown';

/** Facts about the workload at one end of a connection. Facts that are not known are empty. */
interface Workload {
  readonly workload: string;
  readonly namespace: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly app: string;
  readonly version: string;
  readonly cluster: string;
}

const unknownWorkload: Workload = {
  workload: '',
  namespace: '',
  canonicalService: '',
  canonicalRevision: '',
  app: '',
  version: '',
  cluster: '',
};

/** Returns the labels that all metrics have: of the reporter, and of both ends. */
export function peerLabels(key: TrafficKey, own: ProxyIdentity, pods: PodDirectory): IstioLabels {
  switch (key.reporter) {
    case 'source':
      return {
        reporter: 'source',
        ...workloadLabels('source', ownWorkload(own), key.ownPrincipal),
        ...destinationLabels(key, pods),
      };
    case 'destination': {
      const destination = ownWorkload(own);
      const { host, name } = serviceOf(key);
      return {
        reporter: 'destination',
        ...workloadLabels('source', withDefaults(sourceWorkload(key, pods), key.peerPrincipal), key.peerPrincipal),
        ...workloadLabels('destination', destination, key.ownPrincipal),
        destination_service: host || destination.canonicalService,
        destination_service_name: name || destination.canonicalService,
        destination_service_namespace: destination.namespace,
      };
    }
  }
}

/** Returns the labels of a request, besides those of its peers. */
export function requestLabels(key: TrafficKey): IstioLabels {
  return {
    request_protocol: key.protocol,
    response_code: key.responseCode,
    grpc_response_status: key.grpcStatus,
    ...connectionLabels(key),
  };
}

/** Returns the labels of a TCP connection, besides those of its peers. */
export function tcpLabels(key: TrafficKey): IstioLabels {
  return { request_protocol: 'tcp', ...connectionLabels(key) };
}

function connectionLabels({ reporter, flags, ownPrincipal, peerPrincipal }: TrafficKey): IstioLabels {
  const isMutual = ownPrincipal !== '' && peerPrincipal !== '';
  // As with Istio, clients do not report the policy.
  const policy = reporter === 'source' ? unknown : isMutual ? 'mutual_tls' : 'none';
  return { response_flags: flags, connection_security_policy: policy };
}

function workloadLabels(end: 'source' | 'destination', workload: Workload, principal: string): IstioLabels {
  return {
    [`${end}_workload`]: workload.workload,
    [`${end}_workload_namespace`]: workload.namespace,
    [`${end}_principal`]: principal || unknown,
    [`${end}_app`]: workload.app,
    [`${end}_version`]: workload.version,
    [`${end}_cluster`]: workload.cluster,
    [`${end}_canonical_service`]: workload.canonicalService,
    [`${end}_canonical_revision`]: workload.canonicalRevision,
  };
}

function destinationLabels(key: TrafficKey, pods: PodDirectory): IstioLabels {
  const destination = withDefaults(destinationWorkload(key, pods), key.peerPrincipal);
  const { host, name, namespace } = serviceOf(key);
  return {
    ...workloadLabels('destination', destination, key.peerPrincipal),
    destination_service: host || unknown,
    destination_service_name: name || unknown,
    destination_service_namespace: namespace || destination.namespace,
  };
}

/** Replaces empty facts about a peer by those that Istio gives. The identity of a peer decides its namespace. */
function withDefaults(peer: Workload, principal: string): Workload {
  return {
    workload: peer.workload || unknown,
    namespace: namespaceOfPrincipal(principal) || peer.namespace || unknown,
    canonicalService: peer.canonicalService || unknown,
    canonicalRevision: peer.canonicalRevision || 'latest',
    app: peer.app || unknown,
    version: peer.version || unknown,
    cluster: peer.cluster || unknown,
  };
}

/** Returns the facts about a pod. Its proxy knows them from its node metadata, and peers from the proxy. */
function ownWorkload({ workload, namespace, labels }: ProxyIdentity): Workload {
  return {
    workload,
    namespace,
    canonicalService: labels['service.istio.io/canonical-name'] ?? nameLabel(labels) ?? workload,
    canonicalRevision: labels['service.istio.io/canonical-revision'] ?? versionLabel(labels) ?? 'latest',
    app: labels.app ?? '',
    version: labels.version ?? '',
    cluster: clusterId,
  };
}

const nameLabel = (labels: ProxyIdentity['labels']): string | undefined =>
  labels['app.kubernetes.io/name'] ?? labels.app;

const versionLabel = (labels: ProxyIdentity['labels']): string | undefined =>
  labels['app.kubernetes.io/version'] ?? labels.version;

/** Returns the facts about a pod that its proxy sends to its peers. */
function sentWorkload(pod: MeshPod): Workload {
  return { ...ownWorkload(pod), app: nameLabel(pod.labels) ?? '', version: versionLabel(pod.labels) ?? '' };
}

/** Returns the facts about the client. A proxy knows them from the client's proxy. */
function sourceWorkload(key: TrafficKey, pods: PodDirectory): Workload {
  const pod = pods.byConnection(key.peer, key.peerPrincipal);
  return pod?.hasProxy && exchangesMetadata(key) ? sentWorkload(pod) : unknownWorkload;
}

/**
 * Returns the facts about the workload that received the request. istiod tells a proxy most of them for each endpoint;
 * the rest comes with the answer of the endpoint's own proxy.
 */
function destinationWorkload(key: TrafficKey, pods: PodDirectory): Workload {
  const [workload = '', namespace = '', canonicalService = '', canonicalRevision = '', cluster = ''] =
    key.peer.split(';');
  const pod = pods.byWorkload(namespace, workload);
  if (pod?.hasProxy && isAnswered(key) && exchangesMetadata(key)) return sentWorkload(pod);
  const described = { ...unknownWorkload, namespace, canonicalService, canonicalRevision, cluster };
  // For a pod that no workload made, istiod gives the name of the pod.
  return { ...described, workload: pod?.workload ?? workload };
}

/** Reports whether the proxies of both ends tell each other about their pods. For TCP, they do only with mTLS. */
function exchangesMetadata({ protocol, peerPrincipal }: TrafficKey): boolean {
  return protocol !== 'tcp' || peerPrincipal !== '';
}

/** Flags of requests that the other end may have answered: no flag, a delay, retries that did not help. */
const answeredFlags = ['-', 'DI', 'URX'];

/** Reports whether the response is from the other end, and not from the proxy that reports it. */
function isAnswered({ protocol, flags, responseCode }: TrafficKey): boolean {
  const isQuiet = flags.split(',').every((flag) => answeredFlags.includes(flag));
  // The other flags come with codes of the proxy, unless the response had begun.
  return isQuiet || (protocol !== 'tcp' && Number(responseCode) >= 200 && Number(responseCode) < 400);
}

/** Service of a request. Facts that are not known are empty. */
interface DestinationService {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

/** Clusters and routes without a Service, by the name that Istio gives them. */
const specialNames: Readonly<Record<string, string>> = {
  BlackHoleCluster: 'BlackHoleCluster',
  PassthroughCluster: 'PassthroughCluster',
  InboundPassthroughCluster: 'InboundPassthroughCluster',
  InboundPassthroughClusterIpv4: 'InboundPassthroughClusterIpv4',
  InboundPassthroughClusterIpv6: 'InboundPassthroughClusterIpv6',
  block_all: 'BlackHoleCluster',
  allow_any: 'PassthroughCluster',
};

function serviceOf({ servicesOrHost, clusterOrRoute }: TrafficKey): DestinationService {
  const service = parseServices(servicesOrHost);
  if (service === undefined)
    return { host: servicesOrHost, name: specialNames[clusterOrRoute] ?? servicesOrHost, namespace: '' };
  const { host = '', name = host.split('.', 1)[0] ?? '', namespace = '' } = service;
  return { host, name, namespace };
}

/** Parses the first of the Services of a cluster. Returns undefined if the text is a host. */
function parseServices(servicesOrHost: string): Partial<DestinationService> | undefined {
  if (!servicesOrHost.startsWith('[{')) return undefined;
  try {
    const [first] = JSON.parse(servicesOrHost) as Partial<DestinationService>[];
    return first;
  } catch {
    return undefined;
  }
}
