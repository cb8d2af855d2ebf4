import { asMade, baseObjects, isApplied } from './base.ts';
import { withDefaults } from './check-manifests.ts';
import { type ClusterView, keyOf } from './cluster-view.ts';
import { fillObjects } from './fill.ts';
import { gatewayObjects } from './gateways.ts';
import type { Addresses } from './network.ts';
import type { KubeObject } from './objects.ts';

const kindsOfRoutes = [
  ...['VirtualService', 'DestinationRule', 'ServiceEntry', 'Gateway'],
  ...['HTTPRoute', 'GRPCRoute', 'TCPRoute', 'TLSRoute'],
];

/** Objects that nobody applied: what stands in every bed, gateways, and what `--fill` adds. */
export class ImplicitObjects {
  private readonly view: ClusterView;
  private readonly addresses: Addresses;
  private readonly fill: boolean;
  private made: KubeObject[] = [];

  constructor(view: ClusterView, addresses: Addresses, fill: boolean) {
    this.view = view;
    this.addresses = addresses;
    this.fill = fill;
  }

  /** Makes and removes them as the applied objects want them now. What is applied is never touched. */
  update(): void {
    const { view } = this;
    const isFree = (object: KubeObject): boolean => {
      const now = view.now(object);
      return now === undefined || !isApplied(now);
    };
    const wanted = this.wanted().filter(isFree);
    const keys = new Set(wanted.map(keyOf));
    for (const object of this.made) if (!keys.has(keyOf(object)) && isFree(object)) view.remove(object);
    this.made = wanted;
    for (const object of wanted) {
      const kind = view.kindOf(object);
      view.store.put(kind, asMade(withDefaults(object, view.store, kind, this.addresses)));
    }
  }

  private wanted(): KubeObject[] {
    const { view } = this;
    const services = view.services.filter(isApplied);
    const workloads = view.workloads.filter(isApplied);
    const made = [...baseObjects(), ...gatewayObjects(view.config(['Gateway']), workloads, services)];
    if (!this.fill) return made;
    const named = view.list<KubeObject>('v1', 'Namespace').map(({ metadata }) => metadata.name);
    const used = [...services, ...workloads].map(({ metadata }) => metadata.namespace ?? 'default');
    const config = view.config(kindsOfRoutes);
    return [...made, ...fillObjects({ services, workloads, config, namespaces: new Set([...named, ...used]) })];
  }
}
