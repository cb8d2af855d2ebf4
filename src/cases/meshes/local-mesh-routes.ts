import { MeshmockError } from '../../error/meshmock-error.ts';
import { entryName } from '../../istio/entries.ts';
import { fillObjects } from '../../istio/fill.ts';
import {
  type Gateway,
  gatewayName,
  gatewayNamespace,
  gatewayTargetPort,
  selectorOrDefault,
} from '../../istio/gateways.ts';
import type { MeshHost } from '../../istio/mesh-host.ts';
import { isService, type KubeObject, namespaceOf, type Service, selects, type Workload } from '../../istio/objects.ts';
import { protocolOf } from '../../istio/ports.ts';
import { dnsNamesOf } from '../../istio/routes.ts';
import type { Call, Plan } from '../../plan/plan.ts';
import { callViaMock } from '../../send/call-via-mock.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import type { AssertedRequest } from '../asserted-route.ts';
import { clientName, type Entrance, entrancesOf, entranceTitle, gatewayOf } from '../asserted-routes/entrances.ts';
import { type ProxyCounts, proxyCounts } from '../clusters.ts';
import type { MeshRoutes, WayIn } from '../mesh-routes.ts';
import { RouteConfig } from '../route-config.ts';
import { addressOf } from './local-call-route.ts';

/** What `--fill` makes of objects. */
function filled(objects: readonly KubeObject[]): KubeObject[] {
  const services = objects.filter(isService);
  const workloads = objects.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet') as Workload[];
  const config = objects.filter(({ apiVersion }) => apiVersion.includes('istio.io/'));
  const namespaces = new Set(objects.map(namespaceOf));
  return fillObjects({ services, workloads, config, namespaces });
}

/** The routes of a mesh without a cluster. */
export class LocalMeshRoutes implements MeshRoutes {
  readonly config: RouteConfig;
  private readonly mesh: MeshHost;
  private readonly services: readonly Service[];
  private readonly workloads: readonly Workload[];

  /** @param objects all that was applied, each with its namespace */
  constructor(mesh: MeshHost, objects: readonly KubeObject[]) {
    this.mesh = mesh;
    this.config = new RouteConfig(objects);
    const all = [...objects, ...filled(objects)];
    this.services = all.filter(isService);
    this.workloads = all.filter(({ kind }) => kind === 'Deployment') as Workload[];
  }

  entrancesFor(request: AssertedRequest, timeoutMs: number): WayIn[] {
    return entrancesOf(this.config, request.authority).map((entrance) => {
      const title = entranceTitle(entrance);
      if (entrance.kind === 'sidecar')
        return { title, way: this.throughSidecar(entrance.namespace, request, timeoutMs) };
      const way = this.atGateway(entrance, request);
      return typeof way === 'string' ? { title, closed: way } : { title, way };
    });
  }

  async counts(signal: AbortSignal): Promise<ProxyCounts> {
    return proxyCounts((await this.mesh.stats(signal)).map(({ stats }) => stats).join('\n'));
  }

  async behave(service: string, directives: string, signal: AbortSignal): Promise<AsyncDisposable> {
    const stack = new AsyncDisposableStack();
    await this.mesh.setBehaviour({ service, directives }, signal);
    stack.defer(async () => void (await this.mesh.setBehaviour({ service }, signal)));
    return stack;
  }

  /** The gateway's port for an authority, or why there is none. */
  private atGateway(entrance: Entrance & { readonly kind: 'gateway' }, request: AssertedRequest): CallRoute | string {
    const gateway = gatewayOf(this.config, entrance);
    const number = gateway === undefined ? undefined : httpPortOf(gateway, request.authority);
    if (gateway === undefined || number === undefined)
      return `Gateway ${entrance.namespace}/${entrance.name} has no server for HTTP: what is sent is plain HTTP`;
    const name = this.serviceOf(gateway);
    const found = this.mesh.ports.find(
      ({ entry }) =>
        entry.kind === 'gateway' &&
        entry.name === name &&
        [entry.port, gatewayTargetPort(entry.port ?? 0)].includes(number),
    );
    if (found === undefined) return `${name} has no port ${number}`;
    const { authority, method, uri, headers } = request;
    return {
      target: { scheme: 'http', address: addressOf(found), authority, plan: answerPlan(uri), path: uri },
      ...{ method, headers, connectTo: [] },
    };
  }

  /** The Service of the pods that a Gateway selects, as entries are named. */
  private serviceOf({ spec }: Gateway): string {
    const selector = selectorOrDefault(spec.selector ?? {});
    const labels = this.workloads
      .map((workload) => workload.spec.template.metadata?.labels)
      .find((own) => selects(selector, own));
    const service = this.services.find((one) => selects(one.spec.selector, labels));
    const { name, namespace = 'default' } = service?.metadata ?? {
      ...{ name: gatewayName(selector), namespace: gatewayNamespace },
    };
    return entryName(name, namespace);
  }

  /** A client with a sidecar makes the call; whom it dials does not matter to the sidecar, but which port. */
  private throughSidecar(
    namespace: string,
    { authority, method, uri, headers }: AssertedRequest,
    timeoutMs: number,
  ): CallRoute {
    const title = entryName(clientName, namespace);
    const entry = this.mesh.ports.find(({ entry }) => entry.name === title && entry.protocol === 'http');
    if (entry === undefined) throw new MeshmockError('internal', `there is no ${title}`);
    const [, name = '', said] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
    const service = this.services.find((one) => dnsNamesOf(one, namespace).includes(name.toLowerCase()));
    const port = said === undefined ? (usualHttpPort(service) ?? 80) : Number(said);
    const call: Call = {
      ...{ scheme: 'http', host: service === undefined ? clientName : name, port, times: 1 },
      headers: [...headers.filter((header) => header.name !== 'host'), { name: 'host', value: authority }],
      options: { timeoutMs, ...(method === 'GET' ? {} : { method }) },
      then: undefined,
    };
    return callViaMock({ scheme: 'http', address: addressOf(entry) }, call, answerPlan(uri));
  }
}

function answerPlan(uri: string): Plan {
  return { kind: 'answer', directives: [], uri };
}

/** 80, as of every URL without a port, where it has that. */
function usualHttpPort(service: Service | undefined): number | undefined {
  const ports = (service?.spec.ports ?? []).filter((port) => protocolOf(port) === 'http').map(({ port }) => port);
  return ports.includes(80) ? 80 : ports[0];
}

/** The port of the first server for an authority, of those that speak HTTP without TLS. */
function httpPortOf({ spec }: Gateway, authority: string): number | undefined {
  const name = authority.replace(/:\d+$/, '');
  const plain = (spec.servers ?? []).filter(({ port }) => /^(?:HTTP2?|GRPC)$/i.test(port.protocol ?? 'HTTP'));
  const isFor = (host: string): boolean => {
    const own = host.replace(/^.*\//, '');
    return own === name || (own.startsWith('*') && name.endsWith(own.slice(1)));
  };
  return (plain.find(({ hosts }) => hosts.some(isFor)) ?? plain[0])?.port.number;
}
