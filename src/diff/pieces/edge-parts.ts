import { createHash } from 'node:crypto';
import { addressNamesOf } from './addresses.ts';
import { type EndpointAddress, isOwnCertificate } from './closure.ts';
import { identityOf } from './identity-vector.ts';
import { type InboundParts, inboundParts, isInboundListener } from './inbound.ts';
import { canonicalText, type Json, type JsonObject } from './json.ts';
import {
  hostOf,
  type MeshSnapshot,
  podsOf,
  type SnapshotPod,
  type SnapshotService,
  stablePodName,
} from './mesh-snapshot.ts';
import { type AddressNames, normalized } from './normalize.ts';
import { gatewayParts, type OutboundParts, sidecarParts } from './outbound.ts';

/** Parts of both ends of an edge, on one side. */
export interface EdgeParts {
  /** Parts of the proxy that sends; undefined for a sender without a proxy, such as a pod outside the mesh. */
  readonly sender: OutboundParts | undefined;
  /** Parts of the sidecars that may receive. */
  readonly receivers: readonly InboundParts[];
  /** Listeners of gateways in the middle, such as one for egress. */
  readonly gateways: readonly JsonObject[];
  /** Pods of these gateways. */
  readonly gatewayPods: readonly SnapshotPod[];
  /** Identity with which the sender calls; undefined for one without a proxy, and for a client of a gateway. */
  readonly identity: string | undefined;
  /** Settings of the sender's mock, and those with which its proxy starts. */
  readonly program: string;
  /** Text that is equal for equal parts. */
  readonly key: string;
  /** The same for the parts of the sender and the Service only. */
  readonly senderKey: string;
  /** The same for the parts of receivers only. */
  readonly receiverKey: string;
}

/** Most services in a row that sidecars ask about a request, such as an authorization service that asks another one. */
const mostAskedServices = 2;

/** Destination of an edge: a Service, or a host that only proxies know. */
export interface EdgeTarget {
  readonly host: string;
  readonly port: number;
}

/** Readers of both snapshots. */
export interface EdgeReaders {
  readonly before: EdgeReader;
  readonly after: EdgeReader;
}

/** Reads the parts of edges of one snapshot. */
export class EdgeReader {
  readonly mesh: MeshSnapshot;
  private readonly names: AddressNames;
  private readonly podsByAddress: ReadonlyMap<string, SnapshotPod>;
  /** Texts of parts that many edges share. */
  private readonly texts = new WeakMap<JsonObject, string>();
  private readonly inbound = new Map<string, InboundParts>();
  /** Texts of receivers, by the number of services in a row that they include. */
  private readonly receiverTexts = new Map<number, WeakMap<InboundParts, string>>();
  private readonly gateways = new Map<SnapshotPod, string>();

  constructor(mesh: MeshSnapshot) {
    this.mesh = mesh;
    this.names = addressNamesOf(mesh);
    this.podsByAddress = new Map(mesh.pods.map((pod) => [pod.address, pod]));
  }

  /** Returns the parts for requests of a pod to a destination. */
  sidecar(sender: SnapshotPod, target: EdgeTarget): EdgeParts {
    const service = this.serviceOf(target.host);
    const parts =
      sender.config === undefined
        ? undefined
        : sidecarParts(sender.config, {
            port: target.port,
            // A Service without an address resolves to its pods, and sidecars listen at their addresses.
            addresses: [...(service?.addresses ?? []), ...this.podsOfService(service).map(({ address }) => address)],
            authorities: authoritiesOf(target, sender.namespace),
          });
    return this.edgeParts(sender, parts, { service, port: target.port });
  }

  /** Returns the parts for requests from outside the mesh to a host at a gateway. */
  gateway(gateway: SnapshotPod, podPort: number, host: string, port: number): EdgeParts {
    const parts =
      gateway.config === undefined ? undefined : gatewayParts(gateway.config, podPort, [`${host}:${port}`, host]);
    const { identity: _, ...edge } = this.edgeParts(gateway, parts, { service: undefined, port });
    // The identity of a gateway is a setting of the edge. Its clients have none.
    return { ...edge, key: hashOf(`${edge.key} ${gateway.serviceAccount}`), identity: undefined };
  }

  private edgeParts(
    pod: SnapshotPod,
    sender: OutboundParts | undefined,
    { service, port }: { readonly service: SnapshotService | undefined; readonly port: number },
  ): EdgeParts {
    const selected = service === undefined ? [] : this.receiversOfService(service, port);
    const named = service?.externalName === undefined ? [] : [{ address: service.externalName, port }];
    const addresses = [...(sender?.addresses ?? []), ...named];
    const receivers = [...new Set([...this.receiversAt(addresses, pod.namespace), ...selected])];
    const nextGateways = new Set(
      [...addresses.flatMap((one) => this.podsAt(one, pod.namespace)), ...this.podsOfService(service)].filter(
        (one) => one.role === 'gateway',
      ),
    );
    const receiverKey = [
      ...receivers.map((one) => this.receiverText(one)).toSorted(),
      ...[...nextGateways].map((one) => this.gatewayText(one)),
    ].join('\n');
    const senderKey = [
      service === undefined ? 'no service' : serviceText(service, this.names),
      pod.network,
      ...(sender === undefined ? ['no proxy'] : this.senderTexts(sender)),
    ].join('\n');
    const key = [senderKey, receiverKey].join('\n');
    const gateways = [...nextGateways].flatMap(({ config }) => config?.listeners ?? []);
    const identity = sender === undefined ? undefined : identityOf(pod);
    const gatewayPods = [...nextGateways];
    const keys = { key: hashOf(key), senderKey: hashOf(senderKey), receiverKey: hashOf(receiverKey) };
    return { sender, receivers, gateways, gatewayPods, identity, program: pod.program, ...keys };
  }

  private senderTexts(parts: OutboundParts): string[] {
    const { listeners, routeConfigs, clusters, endpoints, secrets, extensions, runtime } = parts;
    const routes = routeConfigs.map(({ settings, virtualHosts }) =>
      [settings, ...virtualHosts].map((one) => this.textOf(one)).join('\n'),
    );
    // Route configurations may be selected in any order.
    return [
      ...routes.toSorted(),
      ...[listeners, clusters, endpoints, secrets, extensions, runtime].flatMap((some) =>
        some.map((one) => this.textOf(one)).toSorted(),
      ),
    ];
  }

  /** @param depth number of services in a row that the sidecar of each may ask about a request */
  private receiverText(inbound: InboundParts, depth = mostAskedServices): string {
    const known = this.receiverTexts.get(depth) ?? new WeakMap<InboundParts, string>();
    this.receiverTexts.set(depth, known);
    const text = known.get(inbound) ?? hashOf(this.readReceiver(inbound, depth));
    known.set(inbound, text);
    return text;
  }

  private readReceiver(inbound: InboundParts, depth: number): string {
    const { pod, port, chains, listener, clusters, named, addresses } = inbound;
    const parts = [...chains, ...(listener === undefined ? [] : [listener]), ...clusters, ...named];
    const asked = depth === 0 ? [] : this.receiversAt(addresses, pod.namespace).filter((one) => one.pod !== pod);
    return [
      ...[stablePodName(pod), pod.network, pod.program, port],
      ...parts.map((one) => this.textOf(one)),
      ...asked.map((one) => this.receiverText(one, depth - 1)).toSorted(),
    ].join('\n');
  }

  /** Returns the text of everything that a gateway in the middle of an edge may do, and the pods to which it leads. */
  private gatewayText(pod: SnapshotPod): string {
    const known = this.gateways.get(pod);
    if (known !== undefined) return known;
    // Ends cycles: a gateway that leads to itself.
    this.gateways.set(pod, stablePodName(pod));
    const { config } = pod;
    if (config === undefined) return stablePodName(pod);
    const { listeners, routes, clusters, endpoints, extensions, runtime } = config;
    const secrets = [...config.secrets].filter(([name]) => !isOwnCertificate(name)).map(([, secret]) => secret);
    const parts = [listeners, routes, clusters, endpoints, secrets, extensions, runtime].flatMap((some) => [
      ...some.values(),
    ]);
    const receivers = this.mesh.pods.filter(({ role }) => role === 'mock').flatMap((one) => this.allInbound(one));
    const own = [stablePodName(pod), pod.network, pod.program];
    const text = [...own, ...parts.map((one) => this.textOf(one)), ...receivers].toSorted().join('\n');
    this.gateways.set(pod, text);
    return text;
  }

  private allInbound(pod: SnapshotPod): string[] {
    const listener = pod.config?.listeners.find(isInboundListener);
    const { extensions = new Map<string, JsonObject>(), clusters = new Map<string, JsonObject>() } = pod.config ?? {};
    const inbound = [...clusters].filter(([name]) => name.startsWith('inbound|')).map(([, cluster]) => cluster);
    const parts = [...(listener === undefined ? [] : [listener]), ...extensions.values(), ...inbound];
    return [pod.network, pod.program, ...parts.map((one) => this.textOf(one))];
  }

  /** Returns what receives connections to addresses: pods, and the pods of Services. */
  private receiversAt(addresses: readonly EndpointAddress[], namespace: string): InboundParts[] {
    const found = addresses.flatMap((one) => {
      const service = this.serviceAt(one.address, namespace);
      const pod = this.podsByAddress.get(one.address);
      if (service !== undefined) return this.receiversOfService(service, one.port);
      return pod?.role === 'mock' ? [this.inboundOf(pod, one.port)] : [];
    });
    return [...new Set(found)];
  }

  private podsAt({ address }: EndpointAddress, namespace: string): SnapshotPod[] {
    const pod = this.podsByAddress.get(address);
    return pod === undefined ? this.podsOfService(this.serviceAt(address, namespace)) : [pod];
  }

  /** Returns the Service that an address or a host name means in a namespace. */
  private serviceAt(address: string, namespace: string): SnapshotService | undefined {
    return this.mesh.services.find((service) => {
      const { name, namespace: of, addresses } = service;
      const names = [hostOf(service), `${name}.${of}.svc`, `${name}.${of}`, ...(of === namespace ? [name] : [])];
      return addresses.includes(address) || names.includes(address);
    });
  }

  private receiversOfService(service: SnapshotService, port: number): InboundParts[] {
    const targetPort = Number(service.ports.find((one) => one.port === port)?.targetPort ?? port);
    return this.podsOfService(service)
      .filter(({ role }) => role === 'mock')
      .map((pod) => this.inboundOf(pod, Number.isNaN(targetPort) ? port : targetPort));
  }

  private podsOfService(service: SnapshotService | undefined): SnapshotPod[] {
    return service === undefined ? [] : podsOf(service, this.mesh.pods);
  }

  private serviceOf(host: string): SnapshotService | undefined {
    return this.mesh.services.find((service) => hostOf(service) === host);
  }

  private inboundOf(pod: SnapshotPod, port: number): InboundParts {
    const key = `${pod.address} ${port}`;
    const known = this.inbound.get(key) ?? inboundParts(pod, port);
    this.inbound.set(key, known);
    return known;
  }

  /** Returns a text of a part that is the same after another start of the same mesh. */
  textOf(part: JsonObject): string {
    const known = this.texts.get(part) ?? canonicalText(normalized(part as Json, this.names));
    this.texts.set(part, known);
    return known;
  }
}

/** Returns the authorities with which applications of a namespace call a host. */
function authoritiesOf({ host, port }: EdgeTarget, namespace: string): string[] {
  const [, name, of] = /^([^.]+)\.([^.]+)\.svc\.cluster\.local$/.exec(host) ?? [];
  const hosts =
    name === undefined || of === undefined
      ? [host]
      : [...(of === namespace ? [name] : []), `${name}.${of}`, `${name}.${of}.svc`, host];
  return hosts.flatMap((one) => [`${one}:${port}`, one]);
}

/** Texts of parts have many kilobytes, and there are as many as edges. */
function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

function serviceText({ settings, ports, endpoints }: SnapshotService, names: AddressNames): string {
  const numbers = ports.map(({ port, targetPort, protocol }) => ({ port, targetPort, protocol }));
  return canonicalText([settings, numbers, normalized(endpoints.toSorted(), names)]);
}
