import { readFile } from 'node:fs/promises';
import type { MeshHost } from '../../istio/host/mesh-host.ts';
import { readyAddresses } from '../../istio/resources/endpoint-slices.ts';
import { type EndpointSlice, namespaceOf, type Pod, type Service, selects } from '../../istio/resources/objects.ts';
import { portProtocolOf, targetPortOf } from '../../istio/resources/ports.ts';
import { parseEnvoyDump } from '../pieces/envoy-config.ts';
import type { MeshSnapshot, SnapshotPod, SnapshotService } from '../pieces/mesh-snapshot.ts';

/** Reads the Services of a running mesh, its pods, and the configuration of each of their proxies. */
export async function readSnapshot(mesh: MeshHost, signal: AbortSignal): Promise<MeshSnapshot> {
  const [dumps, { services, slices, pods }] = await Promise.all([mesh.dumps(signal), mesh.objects(signal)]);
  const found: SnapshotPod[] = [];
  // One after another: texts of many megabytes need not be in memory together.
  for (const { file, ...pod } of dumps)
    found.push({
      ...pod,
      network: networkOf(pod, pods),
      config: file === undefined ? undefined : parseEnvoyDump(await readFile(file, 'utf8')),
    });
  return { pods: found, services: services.map((service) => snapshotService(service, slices, pods)) };
}

function snapshotService(service: Service, slices: readonly EndpointSlice[], pods: readonly Pod[]): SnapshotService {
  const { clusterIP, clusterIPs = clusterIP === undefined ? [] : [clusterIP], selector, ports = [] } = service.spec;
  const { type = 'ClusterIP', externalName, sessionAffinity, publishNotReadyAddresses } = service.spec;
  const namespace = namespaceOf(service);
  const selected = pods.find((pod) => namespaceOf(pod) === namespace && selects(selector, pod.metadata.labels));
  return {
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
    settings: JSON.stringify([type, externalName, clusterIP === 'None', sessionAffinity, publishNotReadyAddresses]),
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
function networkOf(
  { name, namespace }: { readonly name: string; readonly namespace: string },
  pods: readonly Pod[],
): string {
  const pod = pods.find((one) => one.metadata.name === name && namespaceOf(one) === namespace);
  const { initContainers = [], hostNetwork, hostAliases, dnsPolicy, dnsConfig } = pod?.spec ?? {};
  const rules = initContainers.filter((one) => one.name === 'istio-init').map(({ args }) => args);
  return JSON.stringify([rules, hostNetwork, hostAliases, dnsPolicy, dnsConfig]);
}
