import { baseObjects, isApplied, markImplicit } from './base.ts';
import { type ClusterView, objectKey } from './cluster-view.ts';
import { withDefaults } from './defaults.ts';
import { fillObjects } from './fill.ts';
import { gatewayObjects } from './gateways.ts';
import type { Addresses } from './network.ts';
import { isWorkload, type KubeObject, namespaceOf } from './objects.ts';

const routingKinds = [
  'VirtualService',
  'DestinationRule',
  'ServiceEntry',
  'Gateway',
  'HTTPRoute',
  'GRPCRoute',
  'TCPRoute',
  'TLSRoute',
];

/** Objects that no manifest contains: those of every local mesh, gateways, and those that `--fill` adds. */
export class ImplicitObjects {
  private readonly view: ClusterView;
  private readonly addresses: Addresses;
  private readonly fill: boolean;
  private objects: KubeObject[] = [];

  constructor(view: ClusterView, addresses: Addresses, fill: boolean) {
    this.view = view;
    this.addresses = addresses;
    this.fill = fill;
  }

  /** Creates and removes implicit objects to fit the applied objects, which never change here. */
  update(): void {
    const { view } = this;
    const isNotApplied = (object: KubeObject): boolean => {
      const stored = view.stored(object);
      return stored === undefined || !isApplied(stored);
    };
    const wanted = this.wanted().filter(isNotApplied);
    const keys = new Set(wanted.map(objectKey));
    for (const object of this.objects) if (!keys.has(objectKey(object)) && isNotApplied(object)) view.remove(object);
    this.objects = wanted;
    for (const object of wanted) {
      const kind = view.kindOf(object);
      view.store.put(kind, markImplicit(withDefaults(object, view.store, kind, this.addresses)));
    }
  }

  private wanted(): KubeObject[] {
    const { view } = this;
    const services = view.services.filter(isApplied);
    const workloads = view.workloads.filter(isApplied);
    const gateways = gatewayObjects(view.config(['Gateway']), workloads, services);
    const objects = [...baseObjects(), ...gateways];
    if (!this.fill) return objects;
    const declared = view.list<KubeObject>('v1', 'Namespace').map(({ metadata }) => metadata.name);
    const used = [...services, ...workloads].map(namespaceOf);
    const config = view.config(routingKinds);
    const namespaces = new Set([...declared, ...used]);
    // A Service of a user may select a gateway, and then it needs no mock.
    const running = [...workloads, ...gateways.filter(isWorkload)];
    return [...objects, ...fillObjects({ services, workloads: running, config, namespaces })];
  }
}
