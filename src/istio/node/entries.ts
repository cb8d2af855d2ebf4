import { entryName } from '../resources/entry-names.ts';
import { isIstioGateway } from '../resources/gateways.ts';
import { externalHostsAnnotation } from '../resources/installation.ts';
import { type KubeObject, type Service, selects, servicesSelecting } from '../resources/objects.ts';
import { targetPortOf } from '../resources/ports.ts';
import { entryPorts } from './interception.ts';
import type { RunningPod } from './running-pod.ts';

/** Entry point of a local mesh for calls from this machine, like a port-forward to a Service's pods or to a gateway. */
export interface Entry {
  /** Name of the Service or workload, such as `productpage`, or `bar.other` outside the namespace `default`. */
  readonly name: string;
  readonly kind: 'service' | 'workload' | 'gateway' | 'jaeger' | 'metrics' | 'kubernetes';
  readonly protocol: 'http' | 'grpc';
  /** Port of a gateway's Service. Other entries have none. */
  readonly port?: number;
  /** Addresses in the mesh that receive the connections, in turn. */
  readonly targets: readonly { readonly host: string; readonly port: number }[];
}

/** Returns a key for an entry, which messages between the processes of a mesh use. */
export function entryId({ name, kind, protocol, port }: Pick<Entry, 'name' | 'kind' | 'protocol' | 'port'>): string {
  return [kind, name, protocol, port ?? ''].join(' ');
}

/**
 * Returns the entries of a local mesh. The entries of a Service lead to its mocks and bypass their sidecars. A workload
 * without a Service has entries too, because its pods call others. A gateway has an entry for each port of its servers,
 * and for port 80.
 *
 * @param gateways Gateways of Istio and of the Gateway API
 */
export function entriesOf(
  services: readonly Service[],
  pods: readonly RunningPod[],
  gateways: readonly KubeObject[],
): Entry[] {
  const served = servedPorts(gateways);
  const isSelected = ({ plan }: RunningPod): boolean =>
    servicesSelecting(services, plan.namespace, plan.labels).length > 0;
  const ofServices = services.flatMap((service): Entry[] => {
    const { name: serviceName, namespace = 'default' } = service.metadata;
    const name = entryName(serviceName, namespace);
    const selected = preferReady(
      pods.filter(({ plan }) => plan.namespace === namespace && selects(service.spec.selector, plan.labels)),
    );
    const [first] = selected;
    if (first === undefined) return [];
    const targets = (port: number) => selected.map(({ address }) => ({ host: address, port }));
    if (first.plan.role === 'gateway')
      return (service.spec.ports ?? []).flatMap((port): Entry[] => {
        const target = targetPortOf(port, first.plan.spec) ?? port.port;
        // A gateway listens only on the ports of its servers.
        if (port.port !== 80 && !served.has(port.port) && !served.has(target)) return [];
        return [{ name, kind: 'gateway', protocol: 'http', port: port.port, targets: targets(target) }];
      });
    return mockEntries(name, selected);
  });
  const isWorker = (pod: RunningPod): boolean =>
    pod.plan.role === 'mock' && pod.plan.annotations[externalHostsAnnotation] === undefined && !isSelected(pod);
  const others = pods.filter(isWorker);
  const byWorkload = Map.groupBy(others, ({ plan }) => entryName(plan.workload, plan.namespace));
  const taken = new Set(ofServices.map(({ name }) => name));
  const ofWorkloads = [...byWorkload].filter(([name]) => !taken.has(name));
  return [...ofServices, ...ofWorkloads.flatMap(([name, ofOne]) => mockEntries(name, preferReady(ofOne)))];
}

/** Returns the pods that are ready, as a Service has them, or all pods if none is. */
function preferReady(pods: readonly RunningPod[]): readonly RunningPod[] {
  const ready = pods.filter(({ isReady }) => isReady);
  return ready.length > 0 ? ready : pods;
}

/** Publisher of entries, which reports them when they have changed. */
export class EntryPublisher {
  private readonly entries: () => readonly Entry[];
  private published = '';
  private holds = 0;
  /** Called with all entries when they have changed. */
  onChange: (entries: readonly Entry[]) => void = () => {};

  /** @param entries returns the current entries */
  constructor(entries: () => readonly Entry[]) {
    this.entries = entries;
  }

  /** Reports the entries if they have changed. */
  publish(): void {
    if (this.holds > 0) return;
    const entries = this.entries();
    const text = JSON.stringify(entries);
    if (text === this.published) return;
    this.published = text;
    this.onChange(entries);
  }

  /** Keeps changes of the entries back until the function ends, so that new entries get their ports in order. */
  async hold<T>(action: () => Promise<T>): Promise<T> {
    this.holds++;
    try {
      return await action();
    } finally {
      this.holds--;
      this.publish();
    }
  }
}

/** Returns entries for the pods of each workload, also of several workloads that have the same Service. */
export function workloadEntriesOf(pods: readonly RunningPod[]): Entry[] {
  const mocks = pods.filter(({ plan }) => plan.role === 'mock');
  const byWorkload = Map.groupBy(mocks, ({ plan }) => entryName(plan.workload, plan.namespace));
  return [...byWorkload].map(([name, ofOne]) => ({
    name,
    kind: 'workload',
    protocol: 'http',
    targets: preferReady(ofOne).map(({ address }) => ({ host: address, port: entryPorts.http })),
  }));
}

function mockEntries(name: string, pods: readonly RunningPod[]): Entry[] {
  return (['http', 'grpc'] as const).map((protocol) => ({
    name,
    kind: 'service',
    protocol,
    targets: pods.map(({ address }) => ({ host: address, port: entryPorts[protocol] })),
  }));
}

/** Returns the numbers of the ports that Gateways configure. */
function servedPorts(gateways: readonly KubeObject[]): ReadonlySet<number> {
  return new Set(
    gateways.flatMap((gateway) => {
      if (isIstioGateway(gateway)) return (gateway.spec.servers ?? []).map(({ port }) => port.number);
      return (gateway.spec as { listeners?: readonly { port: number }[] }).listeners?.map(({ port }) => port) ?? [];
    }),
  );
}
