import { MeshmockError } from '../error/meshmock-error.ts';
import { type Call, defaultPorts, type Plan, type Protocol, protocolOf } from '../plan/plan.ts';

/** Ports of a meshmock. Its Service always has them. */
export const servicePorts = { http: 8080, grpc: 9090, 'http-metrics': 9464 } as const;

/** Port of a meshmock for TCP, if plans call it over TCP. */
export const tcpPort = defaultPorts.tcp;

/** Service that plans call, with its ports. */
export interface CalledService {
  readonly name: string;
  /** Namespace; undefined if it is that of the other services. */
  readonly namespace: string | undefined;
  /** Additional ports for HTTP, in ascending order. */
  readonly httpPorts: readonly number[];
  /** Additional ports for gRPC, in ascending order. */
  readonly grpcPorts: readonly number[];
  /** Ports for TCP, in ascending order. */
  readonly tcpPorts: readonly number[];
}

export interface CalledServices {
  /** Services in the order of the plans. */
  readonly services: readonly CalledService[];
  /** Targets that cannot be a Service of a meshmock, each with the reason. */
  readonly skipped: readonly { readonly target: string; readonly reason: string }[];
}

/** Target of a call. */
export type Callee = Pick<Call, 'scheme' | 'host' | 'port'>;

/**
 * Returns the services that plans call.
 *
 * @example
 * calledServices([parsePath('/@a/@b/x')], [{ scheme: 'http', host: 'gateway', port: 8080 }]).services; // gateway, a, b
 *
 * @param entries targets to which the plans are sent
 * @param namespace namespace of the services that are called by their name only
 * @throws MeshmockError `usage` if a name or a port is not valid for a Service
 */
export function calledServices(plans: readonly Plan[], entries: readonly Callee[], namespace?: string): CalledServices {
  const found = new Map<string, FoundService>();
  const serviceAt = (host: string): FoundService => {
    const [name = '', own] = host.split('.');
    const key = own === namespace ? name : host;
    const service = found.get(key) ?? new FoundService(name, own === namespace ? undefined : own);
    found.set(key, service);
    return service;
  };
  const skipped = new Map<string, string>();
  for (const call of [...entries, ...plans.flatMap(callsOf)]) {
    const host = serviceHost(call.host);
    const reason = host === undefined ? noServiceReason(call.host) : tlsReason(call);
    if (host !== undefined && reason === undefined) serviceAt(host).addPort(call);
    else skipped.set(`${call.scheme}:${call.host}`, reason ?? '');
  }
  return {
    services: [...found.values()].map((service) => service.toCalledService()),
    skipped: [...skipped].map(([target, reason]) => ({ target, reason })),
  };
}

const protocolNames: Readonly<Record<Protocol, string>> = { http: 'HTTP', grpc: 'gRPC', tcp: 'TCP' };

class FoundService {
  private readonly name: string;
  private readonly namespace: string | undefined;
  private readonly ports = {
    http: new Set<number>([servicePorts.http, servicePorts['http-metrics']]),
    grpc: new Set<number>([servicePorts.grpc]),
    tcp: new Set<number>(),
  };

  constructor(name: string, namespace: string | undefined) {
    checkServiceName(name);
    if (namespace !== undefined) checkNamespace(namespace);
    this.name = name;
    this.namespace = namespace;
  }

  addPort({ scheme, port }: Callee): void {
    const own = protocolOf(scheme);
    for (const protocol of ['http', 'grpc', 'tcp'] as const) {
      if (protocol === own || !this.ports[protocol].has(port)) continue;
      throw new MeshmockError(
        'usage',
        `${this.name}:${port} is already a port for ${protocolNames[protocol]}: use another one, since a port of a Service has one protocol`,
      );
    }
    this.ports[own].add(port);
  }

  toCalledService(): CalledService {
    return {
      name: this.name,
      namespace: this.namespace,
      httpPorts: additional(this.ports.http),
      grpcPorts: additional(this.ports.grpc),
      tcpPorts: additional(this.ports.tcp),
    };
  }
}

function additional(ports: ReadonlySet<number>): number[] {
  const standard: readonly number[] = Object.values(servicePorts);
  return [...ports].filter((port) => !standard.includes(port)).sort((a, b) => a - b);
}

function callsOf(plan: Plan): Call[] {
  if (plan.kind === 'answer') return [];
  const calls = plan.stages.flat();
  const continuations = [plan.then, ...calls.map(({ then }) => then)].filter((then) => then !== undefined);
  return [...calls, ...continuations.flatMap(callsOf)];
}

/**
 * Checks the name of a Service.
 *
 * @throws MeshmockError `usage` if the name is not a label of RFC 1035 section 2.3.1, in lower case
 */
export function checkServiceName(name: string): void {
  if (name === 'kubernetes')
    throw new MeshmockError('usage', '"kubernetes" is the Service of the API server: choose another name');
  if (/^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return;
  throw new MeshmockError(
    'usage',
    `"${name}" is not a valid name of a Service: expected at most 63 of a-z, 0-9 and "-", beginning with a letter`,
  );
}

/**
 * Checks the name of a namespace.
 *
 * @throws MeshmockError `usage` if the name is not a label of RFC 1123 section 2.1
 */
export function checkNamespace(name: string): void {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return;
  throw new MeshmockError(
    'usage',
    `"${name}" is not a valid name of a namespace: expected at most 63 of a-z, 0-9 and "-"`,
  );
}

/**
 * Returns a host as `name` or `name.namespace`, or undefined if it is not a Service. A host with a namespace must end in
 * `.svc` (Kubernetes, "DNS for Services and Pods").
 */
export function serviceHost(host: string): string | undefined {
  const lower = host.toLowerCase().replace(/\.$/, '');
  if (/^[^.:]+$/.test(lower)) return lower === 'localhost' ? undefined : lower;
  return /^([^.]+\.[^.]+)\.svc(?:\.cluster\.local)?$/.exec(lower)?.[1];
}

function noServiceReason(host: string): string {
  if (/^\d+(?:\.\d+){3}$|:/.test(host) || host.toLowerCase() === 'localhost') return 'an address is not a Service';
  return 'not a Service of this namespace; the name of a Service in another namespace ends in .svc';
}

function tlsReason({ scheme }: Callee): string | undefined {
  return scheme === 'https' || scheme === 'grpcs' || scheme === 'wss'
    ? 'the manifests have no port for TLS, which is the work of the mesh'
    : undefined;
}
