import { gatewayRoute } from '../../cases/meshes/gateway-route.ts';
import { dialAddress } from '../../cases/meshes/local-call-route.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { MachinePort } from '../../istio/host/machine-ports.ts';
import type { MeshObjects } from '../../istio/node/pod-status.ts';
import { entryName } from '../../istio/resources/entry-names.ts';
import { type KubeObject, namespaceOf, selects } from '../../istio/resources/objects.ts';
import type { AnswerPlan, Call, Header } from '../../plan/plan.ts';
import { callViaMock } from '../../send/call-via-mock.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import type { Caller, Probe } from '../probe.ts';

/** Name of the workload that is added to call from outside the mesh. */
export const outsideWorkload = 'meshmock-outside';

/** Parts of a mesh through which probes reach their callers. */
export interface ProbeEntries {
  readonly ports: readonly MachinePort[];
  readonly objects: MeshObjects;
  /** Objects of the manifests, each with its namespace. */
  readonly applied: readonly KubeObject[];
  readonly namespace: string;
}

/** Header that carries the token of a probe, or the path with it. */
export interface TokenParts {
  readonly headers: readonly Header[];
  readonly path: string;
}

/**
 * Returns the route of a probe from this machine: through the mock of its caller, or to the gateway.
 *
 * @param timeoutMs timeout of the call
 * @returns undefined if no Service leads to the gateway at this port, or if no server has it
 * @throws MeshmockError `unavailable` if the mesh has no way to the caller
 */
export function probeRoute(
  probe: Probe,
  { headers, path }: TokenParts,
  timeoutMs: number,
  entries: ProbeEntries,
): CallRoute | undefined {
  const { caller } = probe;
  const plan: AnswerPlan = { kind: 'answer', directives: [], uri: path };
  if (caller.kind === 'gateway') return routeToGateway(probe, caller, headers, plan, entries);
  const call = probeCall(probe, headers, timeoutMs);
  return callViaMock({ scheme: 'http', address: dialAddress(callerPort(caller, entries)) }, call, plan);
}

/** Returns the call that the mock of a caller makes for a probe. */
export function probeCall(
  { destination: { host, port }, request: { protocol, method, authority } }: Probe,
  headers: readonly Header[],
  timeoutMs: number,
): Call {
  return {
    scheme: protocol,
    host,
    port,
    times: 1,
    headers: [...headers, ...(authority === undefined ? [] : [{ name: 'host', value: authority }])],
    options: { timeoutMs, ...(protocol === 'http' && method !== 'GET' ? { method } : {}) },
    then: undefined,
  };
}

function callerPort(caller: Exclude<Caller, { kind: 'gateway' }>, { ports, namespace }: ProbeEntries): MachinePort {
  const name =
    caller.kind === 'outside' ? entryName(outsideWorkload, namespace) : entryName(caller.name, caller.namespace);
  const found = ports.find(({ entry }) => entry.kind === 'workload' && entry.name === name);
  if (found === undefined) throw new MeshmockError('unavailable', `no pod of ${name} can make calls`);
  return found;
}

function routeToGateway(
  { request, destination }: Probe,
  { gateway, host, port, scheme }: Extract<Caller, { kind: 'gateway' }>,
  headers: readonly Header[],
  plan: AnswerPlan,
  entries: ProbeEntries,
): CallRoute | undefined {
  const [namespace = '', workload = ''] = gateway.split('/');
  const { services, pods } = entries.objects;
  const gatewayPods = pods.filter(
    (pod) => namespaceOf(pod) === namespace && pod.metadata.name.startsWith(`${workload}-`),
  );
  const service = services.find(
    (one) =>
      namespaceOf(one) === namespace &&
      (one.spec.ports ?? []).some((candidate) => candidate.port === port) &&
      gatewayPods.some((pod) => selects(one.spec.selector, pod.metadata.labels)),
  );
  if (service === undefined) return undefined;
  const name = entryName(service.metadata.name, namespace);
  // The Service keeps the port of a server that the other snapshot has.
  const isServed = entries.ports.some(
    ({ entry }) => entry.kind === 'gateway' && entry.name === name && entry.port === port,
  );
  if (!isServed) return undefined;
  const isTls = scheme === 'https';
  const isGrpc = request.protocol === 'grpc';
  return gatewayRoute(
    {
      from: `${name}:${port}`,
      url: undefined,
      protocol: isGrpc ? 'grpc' : 'http',
      host: request.authority,
      method: request.method,
      plan,
      headers,
      data: undefined,
      repeat: 1,
      concurrency: 1,
      timeoutMs: 0,
      expectations: [],
      tls: {},
      captures: [],
    },
    { scheme: isGrpc ? (isTls ? 'grpcs' : 'grpc') : scheme, host, port: destination.port },
    { applied: entries.applied, mesh: entries.objects, ports: entries.ports, namespace: entries.namespace },
  );
}
