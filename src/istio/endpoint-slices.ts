import { optional } from '../error/optional.ts';
import type { ClusterView } from './cluster-view.ts';
import { type KubeObject, type Pod, type Service, selects } from './objects.ts';
import { targetPortOf } from './ports.ts';

const serviceLabel = 'kubernetes.io/service-name';

/** Updates the EndpointSlices of all Services, as Kubernetes' EndpointSlice controller does. */
export function updateEndpointSlices(view: ClusterView): void {
  const { store } = view;
  const slices = view.kindOf({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' });
  const pods = view.list<Pod>('v1', 'Pod');
  const wanted = view.services
    .filter(({ spec }) => spec.selector !== undefined)
    .flatMap((service) => slicesOf(service, pods));
  for (const slice of wanted) store.put(slices, slice);
  for (const { metadata } of store.list(slices)) {
    const isOurs = metadata.labels?.[managerLabel] === manager;
    const isWanted = wanted.some(
      (slice) => slice.metadata.name === metadata.name && slice.metadata.namespace === metadata.namespace,
    );
    if (isOurs && !isWanted) store.remove(slices, metadata.namespace, metadata.name);
  }
}

const managerLabel = 'endpointslice.kubernetes.io/managed-by';
const manager = 'endpointslice-controller.k8s.io';

/**
 * Returns the EndpointSlices of a Service. Pods whose named ports have the same numbers share a slice; other pods get a
 * slice of their own.
 */
function slicesOf(service: Service, pods: readonly Pod[]): KubeObject[] {
  const { name, namespace = 'default', labels } = service.metadata;
  const ready = pods.filter(
    ({ metadata, status }) =>
      metadata.namespace === namespace && selects(service.spec.selector, metadata.labels) && isReady(status),
  );
  const groups = Map.groupBy(ready, (pod) => JSON.stringify(portsIn(service, pod)));
  // A Service without pods has an empty slice.
  const all = groups.size === 0 ? [['[]', []] as const] : [...groups];
  return all.map(([ports, podsOfSlice], index) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: {
      name: `${name}-endpoints${index === 0 ? '' : `-${index}`}`,
      namespace,
      labels: { ...labels, [serviceLabel]: name, [managerLabel]: manager },
    },
    endpoints: podsOfSlice.map(({ metadata, status }) => ({
      addresses: [status?.podIP],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', name: metadata.name, namespace },
    })),
    ports: JSON.parse(ports) as unknown,
  }));
}

function portsIn(service: Service, { spec }: Pod): unknown[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = targetPortOf(port, spec);
    if (number === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = port;
    return [{ name, port: number, protocol, ...optional('appProtocol', appProtocol) }];
  });
}

function isReady(status: Pod['status']): boolean {
  const conditions = (status?.conditions ?? []) as readonly { type: string; status: string }[];
  return conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}
