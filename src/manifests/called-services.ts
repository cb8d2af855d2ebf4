import net from 'node:net';
import { MeshmockError } from '../error/meshmock-error.ts';
import { type Call, isGrpc, type Plan } from '../plan/plan.ts';

/** The ports that a meshmock listens on, and that its Service always has. */
export const servicePorts = { http: 8080, grpc: 9090, 'http-metrics': 9464 } as const;

/** A service that plans name, and where they call it. */
export interface CalledService {
  readonly name: string;
  /** Undefined in the namespace that everything else goes to. */
  readonly namespace: string | undefined;
  /** Ports besides the usual ones, in ascending order. */
  readonly httpPorts: readonly number[];
  readonly grpcPorts: readonly number[];
}

export interface CalledServices {
  /** In the order in which the plans name them. */
  readonly services: readonly CalledService[];
  /** What they call that no Service of ours can be, each with the reason. */
  readonly skipped: readonly { readonly target: string; readonly reason: string }[];
}

/** Where a service is called. */
export type Callee = Pick<Call, 'scheme' | 'host' | 'port'>;

/**
 * The services that plans call.
 *
 * @param entries who is sent the plans: the first of the services
 * @param namespace where services are that are called by their name alone
 * @throws MeshmockError `usage` when a name or a port can be no Service's
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
  const leftOut = new Map<string, string>();
  for (const call of [...entries, ...plans.flatMap(callsOf)]) {
    const host = serviceHost(call.host);
    const reason = host === undefined ? noServiceReason(call.host) : tlsReason(call);
    if (host !== undefined && reason === undefined) serviceAt(host).addPort(call);
    else leftOut.set(`${call.scheme}:${call.host}`, reason ?? '');
  }
  return {
    services: [...found.values()].map((service) => service.toCalledService()),
    skipped: [...leftOut].map(([target, reason]) => ({ target, reason })),
  };
}

class FoundService {
  private readonly name: string;
  private readonly namespace: string | undefined;
  private readonly ports = {
    http: new Set<number>([servicePorts.http, servicePorts['http-metrics']]),
    grpc: new Set<number>([servicePorts.grpc]),
  };

  constructor(name: string, namespace: string | undefined) {
    checkServiceName(name);
    if (namespace !== undefined) checkNamespace(namespace);
    this.name = name;
    this.namespace = namespace;
  }

  addPort({ scheme, port }: Callee): void {
    const { http, grpc } = this.ports;
    const [own, other, said] = isGrpc(scheme) ? [grpc, http, 'HTTP'] : [http, grpc, 'gRPC'];
    if (other.has(port))
      throw new MeshmockError('usage', `${this.name}:${port} is for ${said}: a port of a Service has one protocol`);
    own.add(port);
  }

  toCalledService(): CalledService {
    return {
      name: this.name,
      namespace: this.namespace,
      httpPorts: further(this.ports.http),
      grpcPorts: further(this.ports.grpc),
    };
  }
}

function further(ports: ReadonlySet<number>): number[] {
  const usual: readonly number[] = Object.values(servicePorts);
  return [...ports].filter((port) => !usual.includes(port)).sort((a, b) => a - b);
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
 * @throws MeshmockError `usage` when it is no label of RFC 1035 section 2.3.1, in lower case
 */
export function checkServiceName(name: string): void {
  if (name === 'kubernetes') throw new MeshmockError('usage', '"kubernetes" is the Service of the cluster itself');
  if (/^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return;
  throw new MeshmockError(
    'usage',
    `"${name}" can be no Service: expected at most 63 of a-z, 0-9 and "-", beginning with a letter`,
  );
}

/** Checks the name of a namespace. @throws MeshmockError `usage` when it is no label of RFC 1123 section 2.1 */
export function checkNamespace(name: string): void {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return;
  throw new MeshmockError('usage', `"${name}" can be no namespace: expected at most 63 of a-z, 0-9 and "-"`);
}

/** `name`, or `name.namespace` of a name with `.svc` behind it (Kubernetes, "DNS for Services and Pods"). */
export function serviceHost(host: string): string | undefined {
  const lower = host.toLowerCase().replace(/\.$/, '');
  if (/^[^.:]+$/.test(lower)) return lower === 'localhost' ? undefined : lower;
  return /^([^.]+\.[^.]+)\.svc(?:\.cluster\.local)?$/.exec(lower)?.[1];
}

function noServiceReason(host: string): string {
  if (net.isIP(host) !== 0 || host.toLowerCase() === 'localhost') return 'an address is no Service';
  return 'no name of a Service here; that of one in another namespace ends in .svc';
}

function tlsReason({ scheme }: Callee): string | undefined {
  return scheme === 'https' || scheme === 'grpcs' ? 'a meshmock speaks no TLS itself: that is for the mesh' : undefined;
}
