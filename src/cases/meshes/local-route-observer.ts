import { MeshmockError } from '../../error/meshmock-error.ts';
import type { MachinePort } from '../../istio/host/machine-ports.ts';
import type { MeshHost } from '../../istio/host/mesh-host.ts';
import type { Entry } from '../../istio/node/entries.ts';
import type { MeshObjects } from '../../istio/node/pod-status.ts';
import { entryName } from '../../istio/resources/entry-names.ts';
import { type Gateway, selectorOrDefault } from '../../istio/resources/gateways.ts';
import { type KubeObject, namespaceOf, type Service, selects } from '../../istio/resources/objects.ts';
import { portProtocolOf } from '../../istio/resources/ports.ts';
import { dnsNamesOf } from '../../istio/resources/routes.ts';
import type { Call, Plan } from '../../plan/plan.ts';
import { callViaMock } from '../../send/call-via-mock.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import type { AssertedRequest } from '../asserted-route.ts';
import { clientName, entryPointsFor, entryPointTitle } from '../asserted-routes/entry-points.ts';
import { type ProxyCounts, parseProxyCounts } from '../envoy-clusters.ts';
import { type ObjectName, RouteConfig } from '../route-config.ts';
import type { EntryAccess, RouteObserver } from '../route-observer.ts';
import { DeferredActions } from './deferred-actions.ts';
import { dialAddress } from './local-call-route.ts';

/** Observer of the routes that requests take in a local mesh. */
export class LocalRouteObserver implements RouteObserver {
  readonly config: RouteConfig;
  private readonly mesh: MeshHost;
  private readonly objects: MeshObjects;

  private constructor(mesh: MeshHost, config: RouteConfig, objects: MeshObjects) {
    this.mesh = mesh;
    this.config = config;
    this.objects = objects;
  }

  /** @param applied the objects of the manifests, each with its namespace */
  static async start(mesh: MeshHost, applied: readonly KubeObject[], signal: AbortSignal): Promise<LocalRouteObserver> {
    return new LocalRouteObserver(mesh, new RouteConfig(applied), await mesh.objects(signal));
  }

  accessesFor(authority: string, timeoutMs: number): EntryAccess[] {
    return entryPointsFor(this.config, authority).map((entryPoint) => {
      const title = entryPointTitle(entryPoint);
      return entryPoint.kind === 'gateway'
        ? this.gatewayAccess(title, entryPoint, authority)
        : this.sidecarAccess(title, entryPoint.namespace, authority, timeoutMs);
    });
  }

  async counts(signal: AbortSignal): Promise<ProxyCounts> {
    return parseProxyCounts((await this.mesh.stats(signal)).map(({ stats }) => stats).join('\n'));
  }

  async setBehaviour(service: string, directives: string, signal: AbortSignal): Promise<AsyncDisposable> {
    const undo = new DeferredActions();
    await this.mesh.setBehaviour({ service, directives }, signal);
    undo.defer(() => this.mesh.setBehaviour({ service }, signal));
    return undo;
  }

  private gatewayAccess(title: string, name: ObjectName, authority: string): EntryAccess {
    const gateway = this.config.findGateway(name);
    const number = gateway === undefined ? undefined : httpPortOf(gateway, authority);
    const gatewayTitle = `Gateway ${name.namespace}/${name.name}`;
    if (gateway === undefined || number === undefined)
      return { kind: 'closed', title, reason: `${gatewayTitle} has no HTTP server, and the requests are plain HTTP` };
    const services = this.servicesOf(gateway);
    const port = this.gatewayPort(services, number);
    if (port === undefined) {
      const names = services.map(entryNameOf).join(', ');
      const reason =
        names === ''
          ? `${gatewayTitle} selects no pod of a Service`
          : `${gatewayTitle}: ${names} has no port ${number}`;
      return { kind: 'closed', title, reason };
    }
    const address = dialAddress(port);
    const routeOf = ({ method, uri, headers }: AssertedRequest): CallRoute => ({
      target: { scheme: 'http', address, authority, plan: answerPlan(uri), path: uri },
      method,
      headers,
      connectTo: [],
    });
    return { kind: 'open', title, routeOf };
  }

  /** Returns the Services of the pods that a Gateway selects. Gateways select pods of every namespace. */
  private servicesOf({ spec }: Gateway): Service[] {
    const selector = selectorOrDefault(spec.selector ?? {});
    const pods = this.objects.pods.filter(({ metadata }) => selects(selector, metadata.labels));
    return this.objects.services.filter((service) =>
      pods.some(
        (pod) => namespaceOf(pod) === namespaceOf(service) && selects(service.spec.selector, pod.metadata.labels),
      ),
    );
  }

  /** Finds the port for a Gateway's server. Its number is a port of the Service or, as in Bookinfo, of the pod. */
  private gatewayPort(services: readonly Service[], number: number): MachinePort | undefined {
    const names = services.map(entryNameOf);
    const ports = this.mesh.ports.filter(({ entry }) => entry.kind === 'gateway' && names.includes(entry.name));
    const leadsTo = ({ targets }: Entry): boolean => targets.some(({ port }) => port === number);
    return ports.find(({ entry }) => entry.port === number) ?? ports.find(({ entry }) => leadsTo(entry));
  }

  /** A client with a sidecar makes the call. The sidecar routes by the port and the authority, not by the address. */
  private sidecarAccess(title: string, namespace: string, authority: string, timeoutMs: number): EntryAccess {
    const client = entryName(clientName, namespace);
    const port = this.mesh.ports.find(({ entry }) => entry.name === client && entry.protocol === 'http');
    if (port === undefined) throw new MeshmockError('internal', `the mesh has no entry ${client}`);
    const mock = { scheme: 'http', address: dialAddress(port) } as const;
    const [, name = '', portText] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
    const service = this.objects.services.find((one) => dnsNamesOf(one, namespace).includes(name.toLowerCase()));
    const host = service === undefined ? outsideAddress : name;
    const hostPort = portText === undefined ? (preferredHttpPort(service) ?? 80) : Number(portText);
    const routeOf = ({ method, uri, headers }: AssertedRequest): CallRoute => {
      const call: Call = {
        scheme: 'http',
        host,
        port: hostPort,
        times: 1,
        headers: [...headers.filter((header) => header.name !== 'host'), { name: 'host', value: authority }],
        options: { timeoutMs, ...(method === 'GET' ? {} : { method }) },
        then: undefined,
      };
      return callViaMock(mock, call, answerPlan(uri));
    };
    return { kind: 'open', title, routeOf };
  }
}

/**
 * Address that leads nowhere (RFC 5737, TEST-NET-3). A sidecar takes over the connection, and a request that none of its
 * routes takes fails.
 */
const outsideAddress = '203.0.113.1';

function entryNameOf(service: Service): string {
  return entryName(service.metadata.name, namespaceOf(service));
}

function answerPlan(uri: string): Plan {
  return { kind: 'answer', directives: [], uri };
}

/** Returns the HTTP port of a Service: 80, as in a URL without a port, or else the first. */
function preferredHttpPort(service: Service | undefined): number | undefined {
  const ports = (service?.spec.ports ?? []).filter((port) => portProtocolOf(port) === 'http').map(({ port }) => port);
  return ports.includes(80) ? 80 : ports[0];
}

/** Returns the port of the first plain HTTP server for an authority, or else of the first plain HTTP server. */
function httpPortOf({ spec }: Gateway, authority: string): number | undefined {
  const name = authority.replace(/:\d+$/, '');
  const plain = (spec.servers ?? []).filter(({ port }) => /^(?:HTTP2?|GRPC)$/i.test(port.protocol ?? 'HTTP'));
  const isFor = (host: string): boolean => {
    const withoutNamespace = host.replace(/^.*\//, '');
    return withoutNamespace === name || (withoutNamespace.startsWith('*') && name.endsWith(withoutNamespace.slice(1)));
  };
  return (plain.find(({ hosts }) => hosts.some(isFor)) ?? plain[0])?.port.number;
}
