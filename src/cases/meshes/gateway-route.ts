import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import type { MachinePort } from '../../istio/host/machine-ports.ts';
import type { MeshObjects } from '../../istio/node/pod-status.ts';
import { entryName } from '../../istio/resources/entry-names.ts';
import { isIstioGateway, selectorOrDefault } from '../../istio/resources/gateways.ts';
import { type KubeObject, namespaceOf, selects } from '../../istio/resources/objects.ts';
import { targetPortOf } from '../../istio/resources/ports.ts';
import { formatPath } from '../../plan/format.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import type { CaseRequest, RequestUrl } from '../case.ts';
import { kubernetesGatewayService } from '../known-names.ts';
import { dialAddress, portNamed } from './local-call-route.ts';

/** Parts of a local mesh that lead to the gateway of a URL. */
export interface GatewayView {
  /** Objects of the manifests, each with its namespace. */
  readonly applied: readonly KubeObject[];
  /** Services and pods of the mesh, with those that it added. */
  readonly mesh: MeshObjects;
  readonly ports: readonly MachinePort[];
  /** Namespace of a name without one. */
  readonly namespace: string;
}

/** Server of a gateway: the Services that lead to it, its port, and the hosts that it serves. */
interface Server {
  readonly services: readonly string[];
  readonly port: number;
  readonly hosts: readonly string[];
}

/**
 * Returns the route of a request from outside the mesh to the gateway that serves the host and the port of its URL.
 *
 * @throws MeshmockError `usage` when no gateway has the port
 */
export function gatewayRoute(request: CaseRequest, url: RequestUrl, view: GatewayView): CallRoute {
  const { method, plan, headers, host } = request;
  const { host: toHost, port: toPort } = dialAddress(portFor(request.from, url, view));
  return {
    target: {
      scheme: url.scheme,
      address: { host: url.host, port: url.port },
      ...optional('authority', host),
      plan,
      path: formatPath(plan),
    },
    method,
    headers,
    connectTo: [{ host: url.host.toLowerCase(), port: String(url.port), toHost, toPort: String(toPort) }],
    entersService: false,
    ...(isTls(url) ? { tls: trusting(request.tls, url, view.applied) } : {}),
  };
}

function isTls({ scheme }: RequestUrl): boolean {
  return scheme === 'https' || scheme === 'grpcs';
}

function portFor(from: string | undefined, url: RequestUrl, view: GatewayView): MachinePort {
  const gateways = view.ports.filter(({ entry }) => entry.kind === 'gateway');
  if (from !== undefined && from !== 'outside') {
    const named = portNamed(gateways, from.includes(':') ? from : `${from}:${url.port}`, view.namespace);
    if (named !== undefined) return named;
    throw new MeshmockError('usage', `no gateway ${from} has the port ${url.port}: ${gatewayList(gateways)}`);
  }
  const servers = view.applied.flatMap((object) => serversOf(object, view.mesh));
  const atPort = servers.filter(({ port }) => port === url.port);
  // A host that no server has is the gateway's to refuse.
  const best = atPort.toSorted((a, b) => specificity(b.hosts, url.host) - specificity(a.hosts, url.host));
  for (const { services } of best) {
    const found = gateways.find(({ entry }) => services.includes(entry.name) && leadsTo(entry, url.port));
    if (found !== undefined) return found;
  }
  const any = gateways.find(({ entry }) => entry.port === url.port);
  if (any !== undefined) return any;
  throw new MeshmockError('usage', `no gateway has the port ${url.port} of the URL: ${gatewayList(gateways)}`);
}

/** Reports whether an entry is a port. Its number is that of the Service or, as in Bookinfo, of the pod. */
function leadsTo({ port, targets }: MachinePort['entry'], wanted: number): boolean {
  return port === wanted || targets.some((target) => target.port === wanted);
}

function gatewayList(gateways: readonly MachinePort[]): string {
  const names = gateways.map(({ entry }) => `${entry.name}:${entry.port ?? ''}`);
  return names.length === 0 ? 'the mesh has no gateway' : `the gateways are ${names.join(', ')}`;
}

/** Returns the servers of an Istio Gateway, or the listeners of one of the Gateway API. */
function serversOf(object: KubeObject, { pods, services }: MeshObjects): Server[] {
  if (isIstioGateway(object)) {
    const selector = selectorOrDefault(object.spec.selector ?? {});
    const selected = pods.filter(({ metadata }) => selects(selector, metadata.labels));
    const leading = services.filter((service) =>
      selected.some(
        (pod) => namespaceOf(pod) === namespaceOf(service) && selects(service.spec.selector, pod.metadata.labels),
      ),
    );
    const names = leading.map((service) => entryName(service.metadata.name, namespaceOf(service)));
    return (object.spec.servers ?? []).flatMap(({ port, hosts }) => {
      // A Gateway may name the pod's own port: then a client sees the port of the Service.
      const seen = leading.flatMap((service) =>
        (service.spec.ports ?? [])
          .filter((one) => one.port === port.number || targetPortOf(one, { containers: [] }) === port.number)
          .map((one) => one.port),
      );
      const bare = hosts.map((host) => host.replace(/^.*\//, ''));
      return [...new Set([port.number, ...seen])].map((number) => ({ services: names, port: number, hosts: bare }));
    });
  }
  if (object.kind !== 'Gateway') return [];
  const { listeners = [] } = (object.spec ?? {}) as { listeners?: { port: number; hostname?: string }[] };
  const service = entryName(kubernetesGatewayService(object), namespaceOf(object));
  return listeners.map(({ port, hostname = '*' }) => ({ services: [service], port, hosts: [hostname] }));
}

/** Returns how exactly hosts name a host: its length for the whole name, less for a part, and -1 for no match. */
function specificity(hosts: readonly string[], wanted: string): number {
  return Math.max(
    -1,
    ...hosts.map((host) => {
      if (host === wanted) return 2 * wanted.length;
      if (host === '*') return 0;
      return host.startsWith('*') && wanted.endsWith(host.slice(1)) ? host.length : -1;
    }),
  );
}

/**
 * Returns the certificates of a client that trusts the gateway: those of the case, or else the certificates of the Secrets in
 * the manifests. Node then accepts such a certificate itself, whoever has signed it, and still checks its host.
 */
function trusting(tls: CaseRequest['tls'], { host }: RequestUrl, applied: readonly KubeObject[]): CaseRequest['tls'] {
  const secrets = applied.filter(({ kind, apiVersion }) => kind === 'Secret' && apiVersion === 'v1');
  const ca = tls.ca ?? secrets.flatMap(certificatesOf).join('\n');
  return { ...tls, serverName: host, ...(ca === '' ? {} : { ca }) };
}

const certificateKeys = ['ca.crt', 'cacert', 'tls.crt', 'cert'];

function certificatesOf({ data, stringData }: KubeObject): string[] {
  const encoded = (data ?? {}) as Readonly<Record<string, string>>;
  const plain = (stringData ?? {}) as Readonly<Record<string, string>>;
  return certificateKeys.flatMap((key) => {
    const value = encoded[key];
    const text = plain[key] ?? (value === undefined ? '' : Buffer.from(value, 'base64').toString());
    return text.includes('BEGIN CERTIFICATE') ? [text.trim()] : [];
  });
}
