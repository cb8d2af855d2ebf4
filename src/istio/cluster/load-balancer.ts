import { loadBalancerAddresses } from '../network/addresses.ts';
import type { Service } from '../resources/objects.ts';
import type { ClusterView } from './cluster-view.ts';

/** Services of a mesh, and their changes. */
type ServiceView = Pick<ClusterView, 'services' | 'onChange'>;

/** Writer of the statuses of Services, such as a `KubeClient`. */
interface StatusWriter {
  patch(
    service: Service,
    body: object,
    type: 'merge',
    options: { readonly subresource: 'status' },
    signal: AbortSignal,
  ): Promise<unknown>;
}

/**
 * Load balancer of a mesh: gives each Service of type LoadBalancer an address, as the controller of a cloud does. The
 * rules of Services make it work. Gateways of the Gateway API wait for it.
 */
export class LoadBalancer {
  private readonly view: ServiceView;
  private readonly client: StatusWriter;
  private readonly signal: AbortSignal;
  /** Addresses by the uid of their Service. */
  private readonly assigned = new Map<string, string>();
  /** Uids of the Services whose status is being written. */
  private readonly writing = new Set<string>();

  private constructor(view: ServiceView, client: StatusWriter, signal: AbortSignal) {
    this.view = view;
    this.client = client;
    this.signal = signal;
  }

  /** Assigns addresses until the signal aborts. The objects of the view must be in already. */
  static start(view: ServiceView, client: StatusWriter, signal: AbortSignal): void {
    const balancer = new LoadBalancer(view, client, signal);
    view.onChange(['Service'], () => balancer.assign());
    balancer.assign();
  }

  private assign(): void {
    if (this.signal.aborted) return;
    const services = this.view.services.filter(isBalanced);
    const uids = new Set(services.map(uidOf));
    for (const uid of this.assigned.keys()) if (!uids.has(uid)) this.assigned.delete(uid);
    for (const service of services) {
      const [ip] = addressesOf(service);
      if (ip !== undefined) this.assigned.set(uidOf(service), ip);
    }
    for (const service of services) if (addressesOf(service).length === 0) void this.assignOne(service);
  }

  private async assignOne(service: Service): Promise<void> {
    const uid = uidOf(service);
    if (this.writing.has(uid)) return;
    const used = new Set(this.assigned.values());
    const ip = this.assigned.get(uid) ?? loadBalancerAddresses().find((address) => !used.has(address));
    // Without a free address the Service waits for one, as in a cluster.
    if (ip === undefined) return;
    this.assigned.set(uid, ip);
    this.writing.add(uid);
    try {
      const status = { loadBalancer: { ingress: [{ ip }] } };
      await this.client.patch(service, { status }, 'merge', { subresource: 'status' }, this.signal);
    } catch {
      // The Service was deleted or changed meanwhile, or the mesh ends.
    } finally {
      this.writing.delete(uid);
    }
  }
}

/** A class of its own means that another controller assigns the address. */
function isBalanced({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer' && spec.loadBalancerClass === undefined;
}

function addressesOf({ status }: Service): string[] {
  return status?.loadBalancer?.ingress?.flatMap(({ ip }) => ip ?? []) ?? [];
}

function uidOf({ metadata }: Service): string {
  return metadata.uid ?? '';
}
