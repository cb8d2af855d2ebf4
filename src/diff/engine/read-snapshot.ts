import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { optional } from '../../error/optional.ts';
import type { MeshHost } from '../../istio/host/mesh-host.ts';
import { meshmockContainer, settingsOfImages } from '../../istio/node/mock/mock-container.ts';
import { isProxyless, programsOf } from '../../istio/node/pod-programs.ts';
import { readyAddresses } from '../../istio/resources/endpoint-slices.ts';
import { type EndpointSlice, namespaceOf, type Pod, type Service, selects } from '../../istio/resources/objects.ts';
import { containerPortsOf, portProtocolOf, targetPortOf } from '../../istio/resources/ports.ts';
import { parseEnvoyDump } from '../pieces/envoy-config.ts';
import type { MeshSnapshot, SnapshotPod, SnapshotService } from '../pieces/mesh-snapshot.ts';
import { unresolvedClusters } from '../pieces/unresolved-clusters.ts';

/** Time for which proxies that look up hosts are waited for, and the pause between two readings, in milliseconds. */
const longestLookupMs = 2000;
const lookupPauseMs = 500;

/** Snapshot, and the clusters whose hosts proxies did not find by DNS in time. */
export interface ReadSnapshot extends MeshSnapshot {
  readonly unresolved: ReadonlySet<string>;
}

/**
 * Reads the Services of a running mesh, its pods, and the configuration of each of their proxies. Hosts that a proxy has not
 * found by DNS are waited for, up to 2 s: without their addresses, an equal configuration looks like another one.
 *
 * @param known clusters that were waited for before, and are not waited for again
 */
export async function readSnapshot(
  mesh: MeshHost,
  signal: AbortSignal,
  known: ReadonlySet<string> = new Set(),
): Promise<ReadSnapshot> {
  const endsAtMs = performance.now() + longestLookupMs;
  for (;;) {
    const snapshot = await readOnce(mesh, signal);
    const unresolved = new Set(
      snapshot.pods.flatMap(({ config }) => (config === undefined ? [] : unresolvedClusters(config))),
    );
    const mayFind = unresolved.difference(known).size > 0 && performance.now() + lookupPauseMs < endsAtMs;
    if (!mayFind) return { ...snapshot, unresolved };
    await sleep(lookupPauseMs, undefined, { signal });
  }
}

async function readOnce(mesh: MeshHost, signal: AbortSignal): Promise<MeshSnapshot> {
  const [dumps, { services, slices, pods }] = await Promise.all([mesh.dumps(signal), mesh.objects(signal)]);
  const found: SnapshotPod[] = [];
  // One after another: texts of many megabytes need not be in memory together.
  for (const { file, ...pod } of dumps) {
    const spec = pods.find((one) => one.metadata.name === pod.name && namespaceOf(one) === pod.namespace)?.spec;
    found.push({
      ...pod,
      network: networkOf(spec),
      program: programOf(spec),
      isProxyless: spec?.containers.some(isProxyless) ?? false,
      config: file === undefined ? undefined : parseEnvoyDump(await readFile(file, 'utf8')),
    });
  }
  return { pods: found, services: services.map((service) => snapshotService(service, slices, pods)) };
}

function snapshotService(service: Service, slices: readonly EndpointSlice[], pods: readonly Pod[]): SnapshotService {
  const { clusterIP, clusterIPs = clusterIP === undefined ? [] : [clusterIP], selector, ports = [] } = service.spec;
  const { type = 'ClusterIP', externalName, sessionAffinity, publishNotReadyAddresses } = service.spec;
  const namespace = namespaceOf(service);
  const all = pods.filter((pod) => namespaceOf(pod) === namespace && selects(selector, pod.metadata.labels));
  const [selected] = all;
  // Pods may have different numbers for the name of a port.
  const numbers = ports.map((port) => [...new Set(all.map(({ spec }) => targetPortOf(port, spec) ?? 0))].toSorted());
  const { internalTrafficPolicy, trafficDistribution, externalIPs } = service.spec;
  return {
    ...optional('externalName', externalName),
    name: service.metadata.name,
    namespace,
    addresses: clusterIPs.filter((address) => address !== 'None'),
    selector,
    endpoints: selector === undefined ? endpointsOf(service, slices) : [],
    ports: ports.map((port) => {
      const target = selected === undefined ? undefined : targetPortOf(port, selected.spec);
      const protocol = portProtocolOf(port, target);
      return { port: port.port, name: port.name, targetPort: String(target ?? port.targetPort ?? port.port), protocol };
    }),
    settings: JSON.stringify([
      ...[type, externalName, clusterIP === 'None', sessionAffinity, publishNotReadyAddresses],
      ...[internalTrafficPolicy, trafficDistribution, externalIPs, numbers],
    ]),
  };
}

/** Returns the addresses of the ready endpoints of a Service, with their ports. */
function endpointsOf(service: Service, slices: readonly EndpointSlice[]): string[] {
  return slices.flatMap((slice) => {
    const ports = (slice.ports ?? []) as readonly { readonly port?: number | null }[];
    return [...readyAddresses(service, [slice])].flatMap((address) =>
      ports.map(({ port }) => `${address}:${port ?? ''}`),
    );
  });
}

/** Returns the settings of a pod's network that people set, with those that Istio's injection made of annotations. */
function networkOf(spec: Pod['spec'] = { containers: [] }): string {
  const { hostNetwork, hostAliases, dnsPolicy, dnsConfig } = spec;
  const { args, env } = programsOf(spec).interception ?? {};
  return JSON.stringify([args, env, hostNetwork, hostAliases, dnsPolicy, dnsConfig]);
}

/** Returns the settings of a pod's mock that people set, and those with which its proxy starts. */
function programOf(spec: Pod['spec'] = { containers: [] }): string {
  const { command, args, env, envFrom, volumeMounts } = meshmockContainer(spec) ?? {};
  const mock = [settingsOfImages(spec), command, args, env, envFrom, volumeMounts, containerPortsOf(spec)];
  const { proxy } = programsOf(spec);
  return JSON.stringify([mock, proxy?.args, proxy?.env]);
}
