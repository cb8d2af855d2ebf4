import type { LiveEntry } from '../../cases/meshes/live-entry.ts';
import { optional } from '../../error/optional.ts';
import { formatPath } from '../../plan/format.ts';
import { parsePath } from '../../plan/parse.ts';
import type { AnswerPlan, Call } from '../../plan/plan.ts';
import { callViaMock } from '../../send/call-via-mock.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import { calleeDirectives } from '../callee-directives.ts';
import { probeTimeoutMs } from '../engine/probe-answers.ts';
import { probeCall } from '../engine/probe-routes.ts';
import { type MeshSnapshot, podsOf, type SnapshotService, workloadKey } from '../pieces/mesh-snapshot.ts';
import { isMetrics } from '../pieces/mesh-targets.ts';
import type { Caller, Probe } from '../probe.ts';

/** Way from an entry to a caller, or the reason why there is none. */
export type LiveWay =
  /** The entry is a gateway. */
  | { readonly kind: 'gateway'; readonly entry: LiveEntry }
  /** The entry is a mock of the caller. */
  | { readonly kind: 'caller'; readonly entry: LiveEntry; readonly workload: CallerWorkload | undefined }
  /** The entry is any mock, and calls the Service of the caller. */
  | {
      readonly kind: 'through';
      readonly entry: LiveEntry;
      readonly hop: Call;
      readonly workload: CallerWorkload | undefined;
    }
  | { readonly kind: 'none'; readonly reason: string };

/** Way with the route of a probe's requests on it. */
export type LiveRoute = Exclude<LiveWay, { kind: 'none' }> & { readonly route: CallRoute };

/** Workload among those of a Service, all by their names. */
export interface CallerWorkload {
  readonly name: string;
  readonly all: readonly string[];
  /** Names that its mocks may have: its own, those of its Services, and its labels `app`. */
  readonly services: readonly string[];
}

type WorkloadCaller = Extract<Caller, { kind: 'workload' }>;
type GatewayCaller = Extract<Caller, { kind: 'gateway' }>;

/** Running mesh with the Services of its manifests, and the entries through which probes reach their callers. */
export class LiveMesh {
  readonly entries: readonly LiveEntry[];
  private readonly snapshot: MeshSnapshot;
  private readonly namespace: string;

  /**
   * @param snapshot Services and pods of the manifests, as a local mesh runs them
   * @param namespace namespace of names without one
   */
  constructor(entries: readonly LiveEntry[], snapshot: MeshSnapshot, namespace: string) {
    this.entries = entries;
    this.snapshot = snapshot;
    this.namespace = namespace;
  }

  /** Returns the entries that lead to nothing in the manifests, such as those with a misspelled name. */
  unknownEntries(): LiveEntry[] {
    const { services, pods } = this.snapshot;
    const all = [
      'outside',
      ...services.map(({ name, namespace }) => `${name}.${namespace}`),
      ...pods.map(({ workload, namespace }) => `${workload}.${namespace}`),
    ];
    const known = new Set(all);
    return this.entries.filter(({ name }) => {
      const plain = name?.replace(/:\d+$/, '');
      return plain !== undefined && !known.has(plain) && !known.has(`${plain}.${this.namespace}`);
    });
  }

  /** Returns the way to a caller: an entry that is the caller, or one that calls it. */
  wayTo(caller: Caller): LiveWay {
    switch (caller.kind) {
      case 'gateway':
        return this.wayToGateway(caller);
      case 'workload':
        return this.wayToWorkload(caller);
      case 'outside': {
        const entry = this.entryOf(['outside']);
        if (entry !== undefined) return { kind: 'caller', entry, workload: undefined };
        return { kind: 'none', reason: 'no entry outside=URL leads to a meshmock without a sidecar' };
      }
    }
  }

  private wayToWorkload(caller: WorkloadCaller): LiveWay {
    const { namespace, name } = caller;
    const services = this.servicesOf(`${namespace}/${name}`);
    const names = [name, ...services.map((service) => service.name)].map((one) => `${one}.${namespace}`);
    // A Service of this workload alone leads to it.
    const [service] = services.toSorted((a, b) => this.workloadsOf(a).length - this.workloadsOf(b).length);
    const all = service === undefined ? [] : this.workloadsOf(service);
    const labels = ['app', 'app.kubernetes.io/name'].flatMap((label) => caller.labels[label] ?? []);
    const workload = { name, all, services: [name, ...services.map((one) => one.name), ...labels] };
    const own = this.entryOf(names);
    if (own !== undefined) return { kind: 'caller', entry: own, workload };
    const entry = this.entryOf([undefined]);
    if (entry === undefined) return { kind: 'none', reason: `no entry ${name}=URL leads to it` };
    const hop = service === undefined ? undefined : hopTo(service);
    if (hop === undefined)
      return { kind: 'none', reason: `no Service leads to it by HTTP or gRPC: add --entry ${name}=URL` };
    return { kind: 'through', entry, hop, workload };
  }

  private wayToGateway({ gateway, port, scheme }: GatewayCaller): LiveWay {
    if (scheme === 'https') return { kind: 'none', reason: 'entries have no certificates for TLS' };
    const names = this.servicesOf(gateway).map(({ name, namespace }) => `${name}.${namespace}`);
    const entry = this.entryOf([...names.map((name) => `${name}:${port}`), ...(port === 80 ? names : [])]);
    if (entry !== undefined) return { kind: 'gateway', entry };
    const name = `${names[0] ?? gateway}${port === 80 ? '' : `:${port}`}`;
    return { kind: 'none', reason: `no entry ${name}=URL leads to it` };
  }

  private servicesOf(workload: string): SnapshotService[] {
    return this.snapshot.services.filter((service) =>
      podsOf(service, this.snapshot.pods).some((pod) => workloadKey(pod) === workload),
    );
  }

  private workloadsOf(service: SnapshotService): string[] {
    return [...new Set(podsOf(service, this.snapshot.pods).map(({ workload }) => workload))];
  }

  /** Returns the first entry with one of the names. */
  private entryOf(names: readonly (string | undefined)[]): LiveEntry | undefined {
    const wanted = new Set(names);
    return this.entries.find(({ name }) => wanted.has(name) || wanted.has(`${name}.${this.namespace}`));
  }
}

/** Returns the route of a probe on the way to its caller. */
export function liveRoute(probe: Probe, way: Exclude<LiveWay, { kind: 'none' }>): LiveRoute {
  const { caller, request } = probe;
  const text = calleeDirectives(probe);
  const directives = text === undefined ? [] : parsePath(`${text}/`).directives;
  const plan: AnswerPlan = { kind: 'answer', directives, uri: request.path };
  const { protocol, address } = way.entry;
  const mock = { scheme: protocol, address };
  const timeoutMs = probeTimeoutMs(probe);
  const call = probeCall(probe, request.headers, timeoutMs);
  switch (way.kind) {
    case 'gateway':
      return { ...way, route: gatewayRequest(request, caller as GatewayCaller, plan, address) };
    case 'caller':
      return { ...way, route: callViaMock(mock, call, plan) };
    case 'through': {
      const hop = { ...way.hop, options: { timeoutMs: timeoutMs + hopMs } };
      return { ...way, route: callViaMock(mock, hop, { kind: 'calls', directives: [], stages: [[call]], then: plan }) };
    }
  }
}

function gatewayRequest(
  { method, headers, authority }: Probe['request'],
  { host, port }: GatewayCaller,
  plan: AnswerPlan,
  { host: toHost, port: toPort }: LiveEntry['address'],
): CallRoute {
  const target = { scheme: 'http', address: { host, port }, ...optional('authority', authority), plan } as const;
  return {
    target: { ...target, path: formatPath(plan) },
    method,
    headers,
    connectTo: [{ host: host.toLowerCase(), port: String(port), toHost, toPort: String(toPort) }],
    entersService: false,
  };
}

/** Time that a call to the caller has in addition to that of the call that the caller makes, in milliseconds. */
const hopMs = 500;

/** Returns the call of an entry to a caller; undefined if its Service has no port with HTTP or gRPC. */
function hopTo({ name, namespace, ports }: SnapshotService): Call | undefined {
  const host = `${name}.${namespace}.svc.cluster.local`;
  for (const scheme of ['http', 'grpc'] as const) {
    const found = ports.find((port) => port.protocol === scheme && !isMetrics(port));
    if (found !== undefined)
      return {
        scheme,
        host,
        port: found.port,
        times: 1,
        headers: [],
        options: {},
        then: undefined,
      };
  }
  return undefined;
}
