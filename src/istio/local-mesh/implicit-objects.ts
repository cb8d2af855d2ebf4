import { applyObject, isUnchanged } from '../apply/apply-object.ts';
import { type ClusterView, objectKey } from '../cluster/cluster-view.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { gatewayObjects, missingPorts, serverPorts } from '../resources/gateways.ts';
import { isService, isWorkload, type KubeObject, namespaceOf, selects, type Workload } from '../resources/objects.ts';
import { type FillOptions, fillObjects } from './fill.ts';
import { isApplied, markImplicit } from './implicit.ts';

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

/** Label of the pods of Gateways that istiod deploys. */
const managedGatewayLabel = 'gateway.networking.k8s.io/gateway-name';

/** Label of the objects of Istio's installation. */
const installationLabel = 'operator.istio.io/component';
const gatewayComponent = 'IngressGateways';

/** Objects that no manifest contains: gateways, accounts, and those that `--fill` adds. */
export class ImplicitObjects {
  private readonly client: KubeClient;
  private readonly view: ClusterView;
  private readonly fill: boolean;
  private readonly unfilled: ReadonlySet<string>;
  private objects: KubeObject[] = [];
  /** Objects as the last update has written them. */
  private written: KubeObject[] = [];

  constructor(client: KubeClient, view: ClusterView, { fill, unfilled = [] }: FillOptions) {
    this.client = client;
    this.view = view;
    this.fill = fill;
    this.unfilled = new Set(unfilled);
  }

  /** Starts the gateways of the installation also for Gateways and Ingresses that other programs, such as kubectl, apply. */
  follow(signal: AbortSignal): void {
    this.view.onChange(['Gateway', 'Ingress', 'IngressClass'], () => {
      this.useInstalledGateways(signal).catch(() => {
        // The mesh ends, or another program changes the gateway: the next change begins the next attempt.
      });
    });
  }

  /** Reports whether the view contains what the last update has written. */
  get areSeen(): boolean {
    return this.written.every((object) => this.view.hasSeen({ object, change: 'configured' }));
  }

  /**
   * Creates and removes implicit objects to fit the applied objects, which never change here.
   *
   * @returns a line for each object that a cluster would not have
   */
  async update(signal: AbortSignal): Promise<string[]> {
    const { client, view } = this;
    this.written = [];
    const isNotApplied = (object: KubeObject): boolean => {
      const stored = view.stored(object);
      return stored === undefined || !isApplied(stored);
    };
    const accounts = this.missingAccounts();
    const wanted = [...this.wanted(), ...accounts].filter(isNotApplied);
    const keys = new Set(wanted.map(objectKey));
    const unwanted = this.objects.filter((object) => !keys.has(objectKey(object)) && isNotApplied(object));
    for (const object of unwanted) await client.delete(object, {}, signal);
    this.objects = wanted;
    await this.createNamespacesOf(wanted, signal);
    // One after another: a Deployment needs its account.
    for (const object of wanted) await this.apply(markImplicit(object), signal);
    await this.useInstalledGateways(signal);
    return accounts.map(
      ({ metadata }) =>
        `serviceaccount ${metadata.namespace}/${metadata.name} does not exist, so a cluster would not make the pods that name it: the local mesh adds it`,
    );
  }

  /** Applies an object that is not in the view as it must be. */
  private async apply(object: KubeObject, signal: AbortSignal): Promise<void> {
    const { client } = this;
    const stored = this.view.stored(object);
    if (stored !== undefined && (await isUnchanged(client, stored, object, signal))) return;
    this.written.push((await applyObject(client, object, signal)).object);
  }

  /** Creates the namespaces of objects that do not exist, such as that of a route's destination. */
  private async createNamespacesOf(objects: readonly KubeObject[], signal: AbortSignal): Promise<void> {
    const existing = new Set(this.view.namespaces.map(({ metadata }) => metadata.name));
    const missing = new Set(objects.map(namespaceOf).filter((name) => !existing.has(name)));
    for (const name of missing)
      await applyObject(this.client, markImplicit({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }), signal);
  }

  /** Starts the gateways of Istio's installation that Gateways select, and adds the ports of their servers. */
  private async useInstalledGateways(signal: AbortSignal): Promise<void> {
    const { client, view, written } = this;
    for (const workload of view.workloads.filter(isInstalledGateway)) {
      const { labels } = workload.spec.template.metadata ?? {};
      const ports = serverPorts(view.config(['Gateway']), labels ?? {});
      if (ports.length === 0) continue;
      if (workload.spec.replicas === 0)
        written.push((await client.patch(workload, { spec: { replicas: 1 } }, 'merge', {}, signal)).object);
      const services = view.services.filter(
        (one) => isSameNamespace(one, workload) && selects(one.spec.selector, labels),
      );
      const added = missingPorts(services, ports);
      for (const service of added.length > 0 ? services.filter(isInstalledGateway) : []) {
        const all = [...(service.spec.ports ?? []), ...added];
        written.push((await client.patch(service, { spec: { ports: all } }, 'merge', {}, signal)).object);
      }
    }
  }

  private wanted(): KubeObject[] {
    const { view, unfilled } = this;
    const services = view.services.filter(isOfUser);
    const workloads = view.workloads.filter(isOfUser);
    const installed = view.workloads.filter(isInstalledGateway);
    const gateways = gatewayObjects(
      view.config(['Gateway']),
      [...workloads, ...installed],
      view.services.filter(isApplied),
    );
    if (!this.fill) return gateways;
    const used = [...services, ...workloads].map(namespaceOf);
    const namespaces = new Set([...view.namespaces.map(({ metadata }) => metadata.name), ...used]);
    // A Service of a user may select a gateway, and then it needs no mock.
    const running = [...workloads, ...view.workloads.filter(isManaged), ...installed, ...gateways.filter(isWorkload)];
    // Routes may lead to a gateway that this update adds.
    const callable = [...services.filter((one) => !isManaged(one)), ...gateways.filter(isService)];
    const filled = { services: callable, workloads: running };
    return [
      ...gateways,
      ...fillObjects({ ...filled, config: [...view.config(routingKinds), ...view.ingresses], namespaces, unfilled }),
    ];
  }

  /**
   * Returns the accounts that the pods of applied workloads name, and that do not exist. Those of Gateways that istiod
   * deploys are istiod's: the garbage collector may delete an account before its Deployment.
   */
  private missingAccounts(): KubeObject[] {
    const { view } = this;
    const workloads = view.workloads.filter((workload) => isOfUser(workload) && !isManaged(workload));
    const accounts = workloads.flatMap((workload): KubeObject[] => {
      const name = accountOf(workload);
      const object = {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name, namespace: namespaceOf(workload) },
      };
      const stored = view.stored(object);
      return name === 'default' || (stored !== undefined && isApplied(stored)) ? [] : [object];
    });
    return [...new Map(accounts.map((account) => [objectKey(account), account])).values()];
  }
}

/** Reports whether istiod has made an object for a Gateway. */
function isManaged({ metadata }: KubeObject): boolean {
  return metadata.labels?.[managedGatewayLabel] !== undefined;
}

function isInstalledGateway({ metadata }: KubeObject): boolean {
  return metadata.labels?.[installationLabel] === gatewayComponent;
}

function isSameNamespace(one: KubeObject, other: KubeObject): boolean {
  return namespaceOf(one) === namespaceOf(other);
}

function accountOf({ spec }: Workload): string {
  return spec.template.spec.serviceAccountName ?? spec.template.spec.serviceAccount ?? 'default';
}

/** Reports whether an object comes from a manifest or a user, or from istiod for a Gateway of a user. */
function isOfUser(object: KubeObject): boolean {
  return isApplied(object) && object.metadata.labels?.[installationLabel] === undefined;
}
