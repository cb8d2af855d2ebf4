import type { Kinds } from './api/kinds.ts';
import type { Store } from './api/store.ts';
import { type KubeObject, type Pod, type Service, selects } from './objects.ts';
import { targetPortOf } from './ports.ts';

const serviceLabel = 'kubernetes.io/service-name';

/** Keeps the EndpointSlices of Services, as Kubernetes's controller of that name does. */
export function updateEndpointSlices(store: Store, kinds: Kinds): void {
  const kindOf = (apiVersion: string, kind: string) => {
    const found = kinds.of({ apiVersion, kind });
    if (found === undefined) throw new Error(`${kind} is built in`);
    return found;
  };
  const slices = kindOf('discovery.k8s.io/v1', 'EndpointSlice');
  const pods = store.list<Pod>(kindOf('v1', 'Pod'));
  const wanted = store
    .list<Service>(kindOf('v1', 'Service'))
    .filter(({ spec }) => spec.selector !== undefined)
    .map((service) => sliceOf(service, pods));
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

function sliceOf(service: Service, pods: readonly Pod[]): KubeObject {
  const { name, namespace = 'default', labels } = service.metadata;
  const own = pods.filter(
    ({ metadata }) => metadata.namespace === namespace && selects(service.spec.selector, metadata.labels),
  );
  const ready = own.filter(({ status }) => isReady(status));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: {
      name: `${name}-endpoints`,
      namespace,
      labels: { ...labels, [serviceLabel]: name, [managerLabel]: manager },
    },
    endpoints: ready.map(({ metadata, status }) => ({
      addresses: [status?.podIP],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', name: metadata.name, namespace },
    })),
    ports: (service.spec.ports ?? []).map((port) => ({
      name: port.name ?? '',
      port: (ready[0] && targetPortOf(port, ready[0].spec)) ?? port.port,
      protocol: port.protocol ?? 'TCP',
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
    })),
  };
}

function isReady(status: Pod['status']): boolean {
  const conditions = (status?.conditions ?? []) as readonly { type: string; status: string }[];
  return conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}
